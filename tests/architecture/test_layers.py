"""Who may import whom: the table of the design, held by the syntax trees."""

from __future__ import annotations

import pytest

from tests.architecture.source import Module, modules

LAYER = {
    "model": 0, "observe": 0,
    "engine": 1,
    "authn": 2, "authz": 2, "objects": 2, "buckets": 2, "identities": 2, "pars": 2, "federation": 2,
    "http": 3, "wire": 3, "s3": 3, "oci": 3, "admin": 3, "website": 3,
    "config": 4, "control": 4, "server": 4, "gateway": 4, "doors": 4, "processes": 4, "cli": 4, "jobs": 4, "console": 4,
    "native_control": 4, "engines": 4, "moving": 4, "__main__": 4, "": 4,
}  # fmt: skip
DIALECTS = {"s3", "oci", "admin", "website"}
IMPLEMENTATIONS = ("holdfast.engine.memory", "holdfast.engine.embedded", "holdfast.engine.cluster", "holdfast.engine.wrap")

# Each third-party package and the rooms that it may enter. "*": everywhere.
THIRD_PARTY: dict[str, tuple[str, ...]] = {
    "msgspec": ("*",),
    "prometheus_client": ("observe",),
    "apsw": ("engine.embedded",),
    "argon2": ("identities",),
    "psycopg": ("engine.cluster",),
    "rados": ("engine.cluster",),
    "cryptography": ("http", "authn", "authz", "objects", "buckets", "identities", "federation"),
    "jwt": ("federation",),
    "httpx": ("federation",),
    "awscrt": ("objects", "authn", "engine"),
    "xxhash": ("objects", "authn", "engine"),
    "gssapi": ("authn", "cli"),
    "httptools": ("http",),
    "h2": ("http",),
    "uvloop": ("http", "server"),
    "starlette": ("admin", "control", "native_control"),
    "uvicorn": ("admin",),
    "botocore": ("wire",),
    "jmespath": ("cli",),
}
XML = ("xml", "lxml", "defusedxml", "pyexpat")


def ours(imported: str) -> str:
    parts = imported.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in LAYER else ""


def is_standard(imported: str) -> bool:
    import sys

    return imported.split(".")[0] in sys.stdlib_module_names


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)
def test_module_imports_only_what_its_layer_may(module: Module) -> None:
    assert module.room in LAYER, f"{module.name}: a new package needs a row in LAYER"
    layer = LAYER[module.room]
    for imported in module.imports():
        if imported.split(".")[0] != "holdfast":
            continue
        room = ours(imported)
        if layer < 4:
            assert room, f"{module.name} imports {imported}"
            allowed = room == module.room or LAYER[room] < layer or (LAYER[room] == layer and layer in (0, 3))
            assert allowed, f"{module.name} (L{layer}) imports {imported}"
        if layer == 2 and room == "engine":
            assert imported.startswith("holdfast.engine.api"), f"{module.name} imports {imported}: only the contract is for it"
        if module.room in DIALECTS:
            assert room not in DIALECTS - {module.room}, f"{module.name} imports another dialect: {imported}"
        if module.room != "engine" and module.name not in ("holdfast.server", "holdfast.engines"):
            assert not imported.startswith(IMPLEMENTATIONS), f"{module.name} names an engine: only server.py and engines.py do"


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)
def test_third_party_packages_stay_in_their_rooms(module: Module) -> None:
    place = module.name.removeprefix("holdfast").lstrip(".")
    for imported in module.imports():
        package = imported.split(".")[0]
        if package in XML:
            assert module.room == "wire", f"{module.name} reads XML itself: {imported}"
        if package == "holdfast" or is_standard(imported):
            continue
        assert package in THIRD_PARTY, f"{module.name} imports {package}, which has no row in THIRD_PARTY"
        rooms = THIRD_PARTY[package]
        assert "*" in rooms or any(place == room or place.startswith(room + ".") for room in rooms), f"{module.name} may not import {package}"


def test_model_and_observe_need_almost_nothing() -> None:
    allowed = {"model": {"msgspec"}, "observe": {"msgspec", "prometheus_client"}}
    for module in modules():
        if module.room in allowed:
            foreign = {name.split(".")[0] for name in module.imports() if not is_standard(name)} - {"holdfast"}
            assert foreign <= allowed[module.room], f"{module.name}: {foreign}"


def test_a_server_without_sign_in_loads_neither_jwt_nor_a_client_of_http() -> None:
    """The data plane never does; the steward only where an issuer is set."""
    import subprocess
    import sys

    program = "import sys, holdfast.server; print(sorted({'jwt', 'httpx', 'httpcore', 'gssapi', 'holdfast.federation.issuer'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True).stdout == "[]\n"
