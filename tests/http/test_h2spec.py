"""The cases of the h2spec suite, run against a server of our own (M224): every case passes, and the server goes on."""

from __future__ import annotations

import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from tests.serving import ROOT, Server

H2SPEC = ROOT / ".build" / "h2spec" / "h2spec"


@pytest.mark.skipif(not H2SPEC.exists(), reason="h2spec is not built here (make clients builds it where Go is installed)")
def test_M224_every_case_of_h2spec_passes(server_tls: Server, tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    host, port = server_tls.endpoint.removeprefix("https://").split(":")
    said = subprocess.run(
        [str(H2SPEC), "--host", host, "--port", port, "--tls", "--insecure", "--timeout", "5", "--junit-report", str(report)],
        capture_output=True, text=True, timeout=110,
    )  # fmt: skip
    cases = list(ElementTree.parse(report).iter("testcase"))
    failed = [case.get("package") for case in cases if case.find("failure") is not None or case.find("error") is not None]
    assert len(cases) >= 140, said.stdout[-2000:]
    assert not failed, said.stdout[-4000:]
    assert said.returncode == 0 and server_tls.process is not None and server_tls.process.poll() is None
