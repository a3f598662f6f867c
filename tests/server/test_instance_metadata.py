"""The optional instance metadata (M8): the tenancy's OCID for who sends the header, and nothing where it is not switched on."""

from __future__ import annotations

import re
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.administration import Somebody, unique
from tests.serving import Server


def curl(*arguments: str) -> tuple[str, str]:
    """Body and status."""
    ran = subprocess.run(["curl", "-sS", "-w", "\n%{http_code}", *arguments], capture_output=True, text=True, timeout=30, check=True)
    body, _, status = ran.stdout.rpartition("\n")
    return body, status


def test_M8_the_compartment_is_told_with_the_header_and_not_without(tmp_path: Path) -> None:
    server = Server(tmp_path, workers=1, instance_metadata="true").start()
    try:
        url = f"{server.control}/opc/v1/instance/compartmentId"
        body, status = curl("-H", "Authorization: Bearer Oracle", "-L", url)
        assert status == "200" and re.fullmatch(r"ocid1\.tenancy\.oc1\.\.[a-z2-7]{60}", body)
        assert curl("-H", "Authorization: Bearer Oracle", url.replace("v1", "v2"))[0] == body
        for headers in ([], ["-H", "Authorization: Bearer oracle"], ["-H", "Authorization: Basic x"]):
            refused, status = curl(*headers, url)
            assert status == "401" and "ocid1" not in refused
        assert curl("-H", "Authorization: Bearer Oracle", url.replace("compartmentId", "hostname"))[1] == "404"
        root = Somebody(server, server.access_key, server.secret_key)
        for _ in range(6):  # it is that of the first start, however many there are
            root.admin("tenancy", "create", "--name", unique("t"), "--namespace", unique("t"))
        assert curl("-H", "Authorization: Bearer Oracle", url)[0] == body
    finally:
        server.stop()


def test_it_is_not_there_unless_it_is_switched_on(server: Server) -> None:
    request = urllib.request.Request(f"{server.control}/opc/v1/instance/compartmentId", headers={"Authorization": "Bearer Oracle"})
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(request, timeout=10)
    assert error.value.code == 404
