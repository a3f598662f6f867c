"""`holdfast oci setup`: one command, and the real `oci` command works with either listener."""

from __future__ import annotations

import configparser
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.oci.people import oci, person, require_client
from tests.oci.requests_made import Store
from tests.serving import ACCESS_KEY, ROOT, SECRET_KEY, Server


def holdfast(server: Server, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "HOLDFAST_"))}
    known = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY, "HOLDFAST_CONTROL": server.control}
    known |= {"PYTHONPATH": str(ROOT / "src")}
    return subprocess.run([sys.executable, "-m", "holdfast", *arguments], env=kept | known | env, capture_output=True, text=True, timeout=60)


def profile(config: Path, name: str = "DEFAULT") -> dict[str, str]:
    found = configparser.RawConfigParser(default_section="")
    found.read(config)
    return dict(found[name])


@pytest.mark.client
def test_m6_m11_one_command_and_the_real_client_works_with_either_listener(store: Store, tmp_path: Path) -> None:
    require_client()
    server, user = store.server, store.user("setup-ann", "own-buckets")
    config = tmp_path / "oci" / "config"
    done = holdfast(server, "oci", "setup", "--user", "setup-ann", "--config", str(config))
    assert done.returncode == 0, done.stderr
    made = profile(config)
    assert (made["user"], made["tenancy"], made["region"]) == (user.id, user.tenancy, server.region)
    assert f"tenancy={user.tenancy}" in config.read_text()  # what `cat ~/.oci/config | grep tenancy` looks for
    private = Path(made["key_file"])
    assert [stat.S_IMODE(path.stat().st_mode) for path in (config, private)] == [0o600, 0o600]
    assert "PRIVATE" not in done.stdout + done.stderr
    at = server.facts()["data_url"]
    assert done.stdout.splitlines()[-1] == f"Try: oci --config-file {config} --profile DEFAULT --endpoint {at} os ns get"  # as it can be pasted
    for endpoint in (server.endpoint, server.control, server.endpoint + "/"):
        got = oci(config, endpoint, "os", "ns", "get", "--query", "data", "--raw-output")
        assert (got.returncode, got.stdout) == (0, b"default\n"), got.stderr


@pytest.mark.client
def test_objects_and_streams_through_the_control_listener(store: Store, tmp_path: Path) -> None:
    require_client()
    server, ada = store.server, person(store, "ada")
    config = ada.profile(tmp_path)
    big = tmp_path / "big"
    big.write_bytes(os.urandom(3 << 20))
    name = "control-bucket"
    assert ada.ask("POST", "/n/default/b", document={"name": name, "compartmentId": ada.user.tenancy}).status == 200
    put = oci(config, server.control, "os", "object", "put", "-bn", name, "--file", str(big), "--name", "d/big")
    assert put.returncode == 0 and json.loads(put.stdout)["opc-content-md5"], put.stderr
    got = oci(config, server.control, "os", "object", "get", "-bn", name, "--name", "d/big", "--file", str(tmp_path / "back"))
    assert got.returncode == 0 and (tmp_path / "back").read_bytes() == big.read_bytes(), got.stderr
    none = oci(config, server.control, "os", "object", "get", "-bn", name, "--name", "none", "--file", "-")
    assert none.returncode == 1
    assert ada.ask("DELETE", f"/n/default/b/{name}/o/d%2Fbig").status == 204
    assert ada.ask("DELETE", f"/n/default/b/{name}").status == 204


def test_a_profile_is_replaced_and_the_others_stay(store: Store, tmp_path: Path) -> None:
    store.user("setup-bob")
    config = tmp_path / "config"
    config.write_text("[DEFAULT]\nuser=somebody\n\n[other]\nuser=else\n")
    for _ in range(2):
        done = holdfast(store.server, "oci", "setup", "--user", "setup-bob", "--config", str(config), "--profile", "lab", "--region", "lab-1")
        assert done.returncode == 0, done.stderr
    assert profile(config)["user"] == "somebody" and profile(config, "other")["user"] == "else"
    assert profile(config, "lab")["region"] == "lab-1"


def test_what_cannot_be_done_is_said_and_nothing_is_written(store: Store, tmp_path: Path) -> None:
    config = tmp_path / "config"
    unknown = holdfast(store.server, "oci", "setup", "--user", "setup-nobody", "--config", str(config))
    assert unknown.returncode == 1 and "setup-nobody" in unknown.stderr
    nowhere = holdfast(store.server, "oci", "setup", "--user", "setup-x", "--config", str(config), HOLDFAST_CONTROL="http://127.0.0.1:1")
    assert nowhere.returncode == 1 and "cannot be reached" in nowhere.stderr
    usage = holdfast(store.server, "oci", "setup", "--config", str(config))
    assert usage.returncode == 2
    config.write_text("no section\n")
    broken = holdfast(store.server, "oci", "setup", "--user", "ada", "--config", str(config))
    assert broken.returncode == 1 and "no configuration file" in broken.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["config"]


def test_a_key_that_cannot_be_written_down_is_deleted_again(store: Store, tmp_path: Path) -> None:
    user = store.user("setup-cyd")
    (tmp_path / "file").write_text("")
    done = holdfast(store.server, "oci", "setup", "--user", "setup-cyd", "--config", str(tmp_path / "file" / "config"))
    assert done.returncode == 1 and "deleted again" in done.stderr

    async def keys(engine: object, directory: object) -> list[object]:
        return await directory.api_keys.of_user(user.id)  # type: ignore[attr-defined]

    assert store.do(keys) == []  # type: ignore[arg-type]


