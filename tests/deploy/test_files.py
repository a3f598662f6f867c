"""The files of `deploy/` as far as their own tools can tell without the systems they are for."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from holdfast.config.settings import TABLE
from tests.serving import ROOT

DEPLOY = ROOT / "deploy"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_the_systemd_unit_is_one(tmp_path: Path) -> None:
    unit = tmp_path / "holdfast.service"
    text = (DEPLOY / "holdfast.service").read_text()
    unit.write_text(re.sub(r"ExecStart=\S+", "ExecStart=/bin/true", text))
    said = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, timeout=60)
    complaints = [line for line in said.stderr.splitlines() if "holdfast" in line]
    assert not complaints


def test_what_the_files_name_exists() -> None:
    for name in ("Dockerfile", "compose.yaml", "cluster/compose.yaml", "holdfast.service"):
        text = (DEPLOY / name).read_text()
        for variable in re.findall(r"HOLDFAST_([A-Z_]+)[=:]", text):
            assert variable.lower() in TABLE, f"{name}: HOLDFAST_{variable}"
        for option in re.findall(r"(?<=[\s\"])--([a-z][a-z-]+)", re.search(r"(?m)^(CMD|ExecStart|    command).*", text)[0]):  # type: ignore[index]
            assert option.replace("-", "_") in {*TABLE, "config", "quiet"}, f"{name}: --{option}"
    docker = (DEPLOY / "Dockerfile").read_text()
    for source in re.findall(r"(?m)^COPY (?!--)(.+) \S+$", docker):
        for path in source.split():
            assert (ROOT / path).exists(), path
