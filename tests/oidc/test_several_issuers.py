"""People of several institutions, each by its own issuer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests import certificates
from tests.administration import Somebody, refused, s3_client
from tests.oidc.browser import Browser, sign_in
from tests.oidc.conftest import SECRET
from tests.oidc.issuer import RealIssuer, free_port, why_not
from tests.serving import Server

FILE = """
[[providers]]
name = "msu"
title = "State University"
issuer = "{0}"
client_id = "holdfast"
client_secret_file = "{2}"
scope = "openid profile email groups"
name_suffix = "-msu"
organisation = ["member@msu.example.org=msu"]

[[providers]]
name = "lab"
title = "Laboratory"
issuer = "{1}"
client_id = "holdfast"
scope = "openid profile email groups"
tenancy = "acme"
organisation = ["member@lab.example.org=lab"]
"""


@pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")
def test_M146_two_issuers_two_organisations(tmp_path: Path, serve: Callable[..., Server]) -> None:
    port = free_port()
    callbacks = {name: f"http://127.0.0.1:{port}/sign-in/{name}/callback" for name in ("msu", "lab")}
    issuers = {"msu": RealIssuer(tmp_path / "msu", [callbacks["msu"]], SECRET), "lab": RealIssuer(tmp_path / "lab", [callbacks["lab"]], "")}
    (tmp_path / "secret").write_text(SECRET)
    (tmp_path / "issuers.toml").write_text(FILE.format(issuers["msu"].url, issuers["lab"].url, tmp_path / "secret"))
    server = serve(workers=1, control_listen=f"127.0.0.1:{port}", oidc_providers=tmp_path / "issuers.toml")
    root = Somebody(server, server.access_key, server.secret_key)
    clients = {}
    root.admin("tenancy", "create", "--name", "acme", "--namespace", "acme")
    root.admin("organisation", "create", "--name", "msu")
    root.admin("organisation", "create", "--name", "lab", "--in-tenancy", "acme")
    for name, title, who in (("msu", "State University", "ann-msu_msu"), ("lab", "Laboratory", "ann_lab")):
        issuers[name].person("ann", f"member@{name}.example.org")
        browser = Browser()
        sign_in(browser, server.control, title, "ann")
        browser.submit("Generate Token")
        clients[name] = s3_client(server, browser.seen.texts["token"], "any")
        assert clients[name].list_buckets()["Owner"]["ID"] == who
    assert [user["name"] for user in root.admin("user", "list", "--in-tenancy", "acme")] == ["ann"]
    clients["msu"].create_bucket(Bucket="of-msu")
    with refused("NoSuchBucket"):  # of another tenancy, whose names are others
        clients["lab"].list_objects_v2(Bucket="of-msu")
    # an answer of one issuer is not taken for the other's
    http = requests.Session()
    started = http.get(server.control + "/sign-in/msu", allow_redirects=False, timeout=20).headers["location"]
    state = started.partition("state=")[2].partition("&")[0]
    mixed = http.get(callbacks["lab"], params={"code": "x", "state": state, "iss": issuers["lab"].url}, timeout=20)
    assert mixed.status_code == 400 and "not begun" in mixed.text
    for issuer in issuers.values():
        issuer.stop()


@pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")
def test_over_tls_cookies_are_secure_and_the_store_is_known_by_its_url(
    tmp_path: Path, certs: certificates.Certificates, serve: Callable[..., Server]
) -> None:
    port = free_port()
    url = f"https://localhost:{port}"
    issuer = RealIssuer(tmp_path / "issuer", [url + "/sign-in/oidc/callback"], "")
    serve(
        workers=1, control_listen=f"127.0.0.1:{port}", control_tls_cert=certs.cert, control_tls_key=certs.key, control_url=url,
        oidc_issuer=issuer.url, oidc_client_id="holdfast", oidc_title="Lab",
    )  # fmt: skip
    issuer.person("ann")
    browser = Browser(str(certs.ca))
    sign_in(browser, url, "Lab", "ann")
    assert "You are in no organisation" in browser.text
    cookies = {cookie.name: cookie for cookie in browser.http.cookies}
    assert cookies["holdfast_session"].secure
    begun = browser.http.get(url + "/sign-in/oidc", allow_redirects=False, timeout=20)
    assert "; secure" in begun.headers["set-cookie"].lower()
    elsewhere = browser.http.get(f"https://127.0.0.1:{port}/account", allow_redirects=False, timeout=20)
    assert (elsewhere.status_code, elsewhere.headers["location"]) == (303, url + "/account")
    issuer.stop()
