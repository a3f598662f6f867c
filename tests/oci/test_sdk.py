"""The real SDK: every operation of its object storage client has a route, and a tour of what it does with a running server."""

from __future__ import annotations

import ast
import json
import subprocess
from typing import Any

import pytest

from holdfast.oci import ops
from holdfast.oci.operation import OPERATIONS
from tests.oci.people import CLI, environment, person, require_client
from tests.oci.requests_made import Store
from tests.serving import ROOT

pytestmark = pytest.mark.client
TOUR = ROOT / "tests" / "oci" / "sdk_tour.py"
_CASES = next(
    [name.id for name in node.value.elts if isinstance(name, ast.Name)]
    for node in ast.parse(TOUR.read_text()).body
    if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "CASES" and isinstance(node.value, ast.Tuple)
)
_METHODS = """
import inspect, json, re
from oci.object_storage import ObjectStorageClient
found = []
for name, method in inspect.getmembers(ObjectStorageClient, inspect.isfunction):
    text = inspect.getsource(method)
    path = re.search(r'resource_path = "([^"]+)"', text)
    if path:
        found.append([name, re.search(r'    method = "([A-Z]+)"', text)[1], path[1]])
print(json.dumps(found))
"""


def client(*arguments: str) -> Any:
    require_client()
    done = subprocess.run([str(CLI / "python"), *arguments], env=environment(), capture_output=True, timeout=110)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def test_every_operation_of_the_sdk_has_a_route() -> None:
    ops.load()
    routed = {(operation.method, operation.path) for operation in OPERATIONS.values()}
    asked = client("-c", _METHODS)
    assert len(asked) >= 55
    assert not [name for name, method, path in asked if (method, path.rstrip("/")) not in routed]


@pytest.fixture(scope="module")
def tour(store: Store, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    ada = person(store, "ada")
    config = ada.profile(tmp_path_factory.mktemp("profile"))
    found: dict[str, str] = client(str(TOUR), str(config), store.server.endpoint, ada.user.tenancy)
    return found


@pytest.mark.parametrize("case", _CASES)
def test_m239_the_sdk_does_what_it_does_with_the_real_service(tour: dict[str, str], case: str) -> None:
    assert tour[case] == "", tour[case]


