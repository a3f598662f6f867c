"""Settings: which source wins, what is refused, and in which words."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from holdfast.cli.main import main, show_config
from holdfast.config.loading import load
from holdfast.config.settings import TABLE, Settings
from holdfast.config.values import ConfigError, address


def test_the_later_source_wins_and_is_named(tmp_path: Path) -> None:
    file = tmp_path / "holdfast.toml"
    file.write_text('region = "eu-frankfurt-1"\nworkers = 3\nheader_timeout_s = 5\n')
    loaded = load({"workers": "7"}, {"HOLDFAST_WORKERS": "5", "HOLDFAST_IDLE_TIMEOUT_S": "9.5"}, str(file))
    assert (loaded.settings.region, loaded.settings.workers, loaded.settings.idle_timeout_s) == ("eu-frankfurt-1", 7, 9.5)
    assert loaded.settings.header_timeout_s == 5.0
    assert loaded.origins["region"] == f"file {file}"
    assert loaded.origins["workers"] == "command line"
    assert loaded.origins["idle_timeout_s"] == "environment HOLDFAST_IDLE_TIMEOUT_S"
    assert loaded.origins["data_dir"] == "default"


def test_holdfast_config_names_the_file_and_the_option_wins(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('region = "a"')
    (tmp_path / "b.toml").write_text('region = "b"')
    environ = {"HOLDFAST_CONFIG": str(tmp_path / "a.toml")}
    assert load({}, environ).settings.region == "a"
    assert load({}, environ, str(tmp_path / "b.toml")).settings.region == "b"


@pytest.mark.parametrize(
    ("arguments", "environ", "file", "words"),
    [
        ({}, {}, 'data_dri = "x"', ["unknown setting data_dri", "data_dir"]),
        ({}, {"HOLDFAST_DATADIR": "x"}, "", ["HOLDFAST_DATADIR", "HOLDFAST_DATA_DIR"]),
        ({"workers": "many"}, {}, "", ["--workers", "'many'", "whole number"]),
        ({}, {}, "workers = true", ["workers", "whole number"]),
        ({}, {}, 'idle_timeout_s = "soon"', ["idle_timeout_s", "seconds"]),
        ({"workers": "1000"}, {}, "", ["--workers", "at most 256"]),
        ({"header_bytes_max": "2KiBB"}, {}, "", ["--header-bytes-max", "64KiB"]),
        ({"data_listen": "localhost"}, {}, "", ["data_listen", "HOST:PORT"]),
        ({"data_listen": "1.2.3.4:70000"}, {}, "", ["data_listen"]),
        ({"data_listen": "::1:9000"}, {}, "", ["[::1]:9000"]),
        ({"data_listen": "0.0.0.0:9001", "control_listen": "0.0.0.0:9001"}, {}, "", ["two addresses"]),
        ({"tls_cert": "x.pem"}, {}, "", ["tls_cert and tls_key"]),
        ({"tls_cert": "/nowhere.pem", "tls_key": "/nowhere.key"}, {}, "", ["no file /nowhere.pem"]),
        ({"bootstrap": "/nowhere.toml"}, {}, "", ["bootstrap", "/nowhere.toml"]),
        ({"region": "US East"}, {}, "", ["region"]),
        ({"log_level": "infos"}, {}, "", ["info?"]),
        ({"list_extras": "maybe"}, {}, "", ["neither true nor false"]),
        ({}, {"HOLDFAST_ROOT_ACCESS_KEY": "admin"}, "", ["belong together"]),
        ({}, {"HOLDFAST_ROOT_ACCESS_KEY": "admin", "HOLDFAST_ROOT_SECRET_KEY": "short"}, "", ["8 characters"]),
        ({}, {"HOLDFAST_ROOT_ACCESS_KEY": "a/b", "HOLDFAST_ROOT_SECRET_KEY": "longenough"}, "", ["ACCESS_KEY"]),
        ({}, {}, 'root_secret_key = "longenough"', ["HOLDFAST_ROOT_SECRET_KEY"]),
        ({}, {}, "region = ", ["not TOML"]),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(
    arguments: dict[str, Any], environ: dict[str, str], file: str, words: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "holdfast.toml"
    path.write_text(file)
    with pytest.raises(ConfigError) as refused:
        load(arguments, environ, str(path) if file else "")
    for word in words:
        assert word in str(refused.value)


def test_variables_that_orchestrators_inject_are_remarked_not_refused() -> None:
    loaded = load({}, {"HOLDFAST_PORT": "tcp://10.0.0.1:9000", "HOLDFAST_SERVICE_HOST": "10.0.0.1"})
    assert loaded.settings == Settings()
    assert len(loaded.remarks) == 2


def test_sizes_and_lists_are_read_as_people_write_them() -> None:
    loaded = load({"domain": ["S3.example.org, b.example.org", "c"]}, {"HOLDFAST_PUT_BYTES_MAX": "2GiB", "HOLDFAST_INLINE_BYTES_MAX": "4096"})
    assert loaded.settings.domain == ("s3.example.org", "b.example.org", "c")
    assert loaded.settings.put_bytes_max == 2 << 30
    assert loaded.settings.inline_bytes_max == 4096


def test_every_default_passes_its_own_check() -> None:
    assert load({}, {}).settings == Settings()
    for row in TABLE.values():
        assert row.about.text


@pytest.mark.parametrize(("text", "wanted"), [("127.0.0.1:9000", ("127.0.0.1", 9000)), (":9000", ("", 9000)), ("[::1]:0", ("::1", 0))])
def test_address(text: str, wanted: tuple[str, int]) -> None:
    assert address(text) == wanted


def test_shown_config_is_toml_that_gives_the_same_settings_and_hides_the_secret(tmp_path: Path) -> None:
    environ = {"HOLDFAST_ROOT_ACCESS_KEY": "admin", "HOLDFAST_ROOT_SECRET_KEY": "canary-secret", "HOLDFAST_DATA_DIR": 'odd "name"\\'}
    loaded = load({}, environ)
    text = show_config(loaded)
    assert "canary-secret" not in text
    (tmp_path / "again.toml").write_text(text)
    assert tomllib.loads(text)["data_dir"] == 'odd "name"\\'
    again = load({}, {name: environ[name] for name in ("HOLDFAST_ROOT_ACCESS_KEY", "HOLDFAST_ROOT_SECRET_KEY")}, str(tmp_path / "again.toml"))
    assert again.settings == loaded.settings


def test_usage_errors_exit_with_two_and_suggest(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["serve", "--data-dri", "x"])
    assert left.value.code == 2
    assert "--data-dir" in capsys.readouterr().err
    assert main(["config", "--workers", "x"]) == 2


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    assert capsys.readouterr().out.startswith("holdfast 0.")
    with pytest.raises(SystemExit) as left:
        main(["serve", "--help"])
    assert left.value.code == 0
    assert "HOLDFAST_ROOT_SECRET_KEY" in capsys.readouterr().out
