"""Sign-in settings that cannot be used are refused in words, before anything starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from holdfast.config.loading import load
from holdfast.config.oidc import BadProvider, providers_of
from holdfast.config.values import ConfigError

GOOD = {"oidc_issuer": "https://login.example.org/realms/lab", "oidc_client_id": "holdfast"}


def found(**settings: Any) -> Any:
    return load(settings, {}).settings


def test_without_an_issuer_there_is_no_provider() -> None:
    assert providers_of(found()) == ()


def test_rows_make_one_provider(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret\n")
    settings = found(
        **GOOD, oidc_client_secret_file=str(tmp_path / "secret"), oidc_allow=["*@Example.org"], oidc_name_suffix="-MSU",
        oidc_organisation=["member@example.org=physics", "a=b=chem"], oidc_group=["/ops=Ops"],
    )  # fmt: skip
    (provider,) = providers_of(settings)
    assert (provider.name, provider.client_secret, provider.name_suffix, provider.allow) == ("oidc", "s3cret", "-msu", ("*@example.org",))
    assert provider.organisations == (("member@example.org", "physics"), ("a=b", "chem")) and provider.groups == (("/ops", "ops"),)
    assert "s3cret" not in repr(settings) and "s3cret" not in repr(provider)


@pytest.mark.parametrize(("settings", "said"), [
    ({"oidc_issuer": "http://login.example.org"}, "no https URL"),
    ({"oidc_issuer": "https://login.example.org?x=1"}, "no https URL"),
    ({"oidc_issuer": "login.example.org"}, "no https URL"),
    ({"oidc_client_id": ""}, "oidc_client_id is missing"),
    ({"oidc_scope": "profile"}, "must hold openid"),
    ({"oidc_organisation": ["physics"]}, "not VALUE=NAME"),
    ({"oidc_group": ["=x"]}, "not VALUE=NAME"),
    ({"oidc_name_suffix": "a b"}, "suffix"),
    ({"oidc_ca_file": "/nowhere.pem"}, "/nowhere.pem"),
    ({"oidc_client_secret_file": "/nowhere"}, "/nowhere"),
    ({"oidc_providers": "/nowhere.toml"}, "/nowhere.toml"),
    ({"control_listen": "0.0.0.0:9001"}, "control_url is needed"),
    ({"control_url": "http://store.example.org"}, "must begin with https"),
    ({"control_url": "https://store.example.org/x"}, "is not https://HOST"),
    ({"control_url": "https://user@store.example.org"}, "is not https://HOST"),
    ({"control_url": "store"}, "is not https://HOST"),
])  # fmt: skip
def test_what_cannot_be_used_is_refused_in_words(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        found(**{**GOOD, **settings})


FILES = {
    "no TOML": "[[providers",
    "an unknown name": '[[providers]]\nname = "a"\nissuer = "https://a.example.org"\nclient_id = "c"\nclient_secret = "in the clear"',
    "no issuer": '[[providers]]\nname = "a"\nclient_id = "c"',
    "a name with a slash": '[[providers]]\nname = "a/b"\nissuer = "https://a.example.org"\nclient_id = "c"',
    "two of one name": '[[providers]]\nname = "a"\nissuer = "https://a.example.org"\nclient_id = "c"\n' * 2,
    "the same issuer": f'[[providers]]\nname = "a"\nissuer = "{GOOD["oidc_issuer"]}"\nclient_id = "c"',
}


@pytest.mark.parametrize("what", FILES)
def test_a_file_of_providers_that_cannot_be_used_is_refused(tmp_path: Path, what: str) -> None:
    (tmp_path / "issuers.toml").write_text(FILES[what])
    with pytest.raises(ConfigError):
        found(**GOOD, oidc_providers=str(tmp_path / "issuers.toml"))


@pytest.mark.parametrize("content", [b"", b"\n", b"two\nlines", b"\xff", b"x" * 5000])
def test_a_file_without_a_secret_is_refused_when_it_is_read(tmp_path: Path, content: bytes) -> None:
    """`holdfast config` need not be able to read it."""
    (tmp_path / "secret").write_bytes(content)
    settings = found(**GOOD, oidc_client_secret_file=str(tmp_path / "secret"))
    with pytest.raises(BadProvider, match="client secret file"):
        providers_of(settings)
