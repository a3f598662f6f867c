"""People sign in by a real issuer, join organisations, and have a token in each: as browsers without scripts do it."""

from __future__ import annotations

import json
import secrets
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.administration import everywhere, refused, s3_client, unique
from tests.oidc.browser import Browser, sign_in
from tests.oidc.conftest import TITLE, Place, person


def token_of(browser: Browser, label: str, button: str = "Generate Token") -> str:
    answer = browser.submit(button, label)
    assert answer.status_code == 200 and answer.headers["cache-control"] == "no-store", answer.text
    assert f"<h2>{label}</h2>" in answer.text
    token = browser.seen.texts["token"]
    assert token.startswith("hft_")
    return token


def test_M125_who_is_not_enrolled_sees_no_token(place: Place) -> None:
    browser = place.browser(person(), "guest")
    assert browser.page.status_code == 200 and "Token" not in browser.buttons() and "S3 Access key" not in browser.text
    refused_page = Browser()
    refused_page.http.cookies.update(browser.http.cookies)
    csrf = browser.seen.forms[0].fields["csrf"]
    answer = refused_page.http.post(place.server.control + "/account/token", {"csrf": csrf, "organisation": "physics"}, timeout=20)
    assert answer.status_code == 403 and "hft_" not in answer.text
    answer = refused_page.http.post(place.server.control + "/account/token", {"csrf": csrf}, timeout=20)
    assert answer.status_code == 404 and "hft_" not in answer.text


def test_M126_M127_M128_M135_a_token_for_each_organisation_with_its_label(place: Place) -> None:
    name = person()
    browser = place.browser(name, "member@example.org", "STAFF@chem.example.org")
    assert browser.seen.links["Tokens"] == "/account#tokens"
    labels = {organisation: f"S3 Access key for {organisation.title()} COU ({name}_{organisation})" for organisation in ("physics", "chemistry")}
    assert all(label in browser.text for label in labels.values())
    assert browser.buttons().count("Generate Token") == 2 and "Regenerate Token" not in browser.buttons()
    for organisation, label in labels.items():
        token = token_of(browser, label)
        s3 = s3_client(place.server, token, secrets.token_hex(8))
        bucket = unique(organisation)
        s3.create_bucket(Bucket=bucket)
        assert s3.list_buckets()["Owner"]["ID"] == f"{name}_{organisation}"
        assert [each["Name"] for each in s3.list_buckets()["Buckets"]] == [bucket]
        browser.follow("Done")
    assert browser.buttons().count("Regenerate Token") == 2 and "hft_" not in browser.text


def test_M144_the_token_page_says_how_each_client_is_told_where_to_go(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    browser = place.browser(person(), "member@example.org")
    browser.submit("Generate Token")
    for client in ("boto3", "boto2", "s3cmd", "rclone", "cyberduck"):
        assert f"<summary>{client}</summary>" in browser.text
    token, bucket = browser.seen.texts["token"], unique("pasted")
    code = unescape(browser.text.partition("<summary>boto3</summary><pre>")[2].partition("</pre>")[0])
    assert place.server.endpoint in code and token not in code
    exec(code.replace("TOKEN", token).replace("my-bucket", bucket), {})
    assert capsys.readouterr().out == f"['{bucket}']\n"


def test_M129_M130_M133_regenerate_ends_the_old_token_on_every_worker_at_once(place: Place) -> None:
    name = person()
    browser = place.browser(name, "member@example.org")
    label = f"S3 Access key for Physics COU ({name}_physics)"
    first = token_of(browser, label)
    browser.follow("Done")
    clients = [s3_client(place.server, first, secrets.token_hex(8)) for _ in range(8)]
    for client in clients:
        client.list_buckets()
    second = token_of(browser, label, "Regenerate Token")
    assert second != first
    for client in clients:
        with refused("InvalidAccessKeyId"):
            client.list_buckets()
    assert everywhere(s3_client(place.server, second, "x").list_buckets) == [""] * 8
    browser.follow("Done")
    browser.submit("Revoke")
    assert set(everywhere(s3_client(place.server, second, "x").list_buckets)) == {"InvalidAccessKeyId"}
    assert "Generate Token" in browser.buttons()


def test_who_asks_to_join_is_enrolled_by_the_organisations_manager(place: Place) -> None:
    name = unique("org")
    place.organisation(name, display_name="New Group", joining="request")
    boss, ann = place.browser(person(), "guest"), place.browser(person(), "guest")
    manager, asking = [who.text.partition("<nav><span>")[2].partition("<")[0] for who in (boss, ann)]
    place.root.admin("organisation", "add-user", "--organisation", name, "--user", manager)
    assert not place.root.admin("organisation", "list-users", "--organisation", name)[0]["manager"]
    assert place.root.admin("organisation", "add-manager", "--organisation", name, "--user", manager)["manager"]
    ann.submit("Ask to join", "New Group", message="<b>let me in</b>")
    assert "asked, not decided yet" in ann.text and "S3 Access key" not in ann.text
    assert ann.submit("Take back", "New Group").status_code == 200
    ann.submit("Ask to join", "New Group", message="<b>let me in</b>")
    boss.get(place.server.control + "/account")
    assert "&lt;b&gt;let me in&lt;/b&gt;" in boss.text and "<b>let" not in boss.text
    boss.submit("Refuse", asking)
    ann.get(place.server.control + "/account")
    assert "refused" in ann.text and "Ask to join" not in ann.buttons() and "Take back" not in ann.buttons()
    boss.submit("Approve", asking)
    ann.get(place.server.control + "/account")
    token_of(ann, f"S3 Access key for New Group COU ({asking}_{name})")
    did = [(line["who"], line["action"]) for line in place.audit() if line["who"] in (manager, asking)]
    for step in ((asking, "HoldfastRequestEnrolment"), (manager, "HoldfastRefuseEnrolment"), (manager, "HoldfastApproveEnrolment")):
        assert step in did
    place.root.admin("organisation", "remove-manager", "--organisation", name, "--user", manager)
    boss.get(place.server.control + "/account")
    assert "Who asks" not in boss.text


def test_a_manager_decides_in_his_organisation_only(place: Place) -> None:
    own, other = unique("own"), unique("other")
    for name in (own, other):
        place.organisation(name, joining="request")
    boss, ann = place.browser(person(), "guest"), place.browser(person(), "guest")
    manager, asking = [who.text.partition("<nav><span>")[2].partition("<")[0] for who in (boss, ann)]
    place.root.admin("organisation", "add-user", "--organisation", own, "--user", manager)
    place.root.admin("organisation", "add-manager", "--organisation", own, "--user", manager)
    ann.submit("Ask to join", other)
    csrf = boss.seen.forms[0].fields["csrf"]
    for action in ("approve", "refuse"):
        form = {"csrf": csrf, "organisation": other, "user": asking}
        assert boss.http.post(place.server.control + f"/account/{action}", form, timeout=20).status_code == 403
    found = place.root.admin("organisation", "list-requests", "--organisation", other)
    assert [(each["user"], each["lifecycle-state"]) for each in found] == [(asking, "PENDING")]
    place.root.admin("organisation", "approve", "--organisation", other, "--user", asking)
    assert place.root.admin("organisation", "list-requests", "--organisation", other) == []


def test_an_organisation_that_takes_no_requests_is_not_shown_and_cannot_be_asked(place: Place) -> None:
    name = unique("closed")
    id = place.organisation(name)
    browser = place.browser(person(), "guest")
    assert name not in browser.text
    csrf = browser.seen.forms[0].fields["csrf"]
    answer = browser.http.post(place.server.control + "/account/join", {"csrf": csrf, "organisation": id}, timeout=20)
    assert answer.status_code == 404


def test_who_is_not_allowed_or_switched_off_or_has_anothers_name_is_refused(place: Place) -> None:
    outside = person()
    browser = place.browser(outside, "student@elsewhere.example")
    assert browser.page.status_code == 403 and "not opened this store" in browser.text
    assert not [user for user in place.root.admin("user", "list") if user["name"] == outside]
    taken = place.browser(person(), "guest", preferred_username="Administrator")
    assert taken.page.status_code == 403 and "somebody else" in taken.text
    name = person()
    place.browser(name, "guest")
    place.root.admin("user", "update", "--name", name, "--status", "INACTIVE")
    again = place.browser(name, "guest")
    assert again.page.status_code == 403 and "switched off" in again.text
    for rule in ("no value of groups is allowed", "the name 'administrator' is in use", "the user is not active"):
        assert place.refused_for(rule)


def test_groups_follow_their_claim_and_an_unverified_address_is_nobodys(place: Place) -> None:
    name = person()
    place.browser(name, "/operators", email_verified=False)
    found = place.root.admin("user", "get", "--name", name)
    assert found["email"] == "" and len(found["groups"]) == 1 and found["subject"] == f"{place.issuer.url} {name}"
    place.browser(name, "guest")
    found = place.root.admin("user", "get", "--name", name)
    assert found["groups"] == [] and found["email"] == f"{name}@example.org"


def test_cookies_pages_and_forms_are_closed_to_other_sites(place: Place) -> None:
    control = place.server.control
    place.issuer.person("carl", "member@example.org")
    browser = Browser()
    started = browser.http.get(control + "/sign-in/oidc", allow_redirects=False, timeout=20)
    cookie = started.headers["set-cookie"].lower()
    assert started.status_code == 303 and "httponly" in cookie and "samesite=lax" in cookie and "path=/sign-in" in cookie
    asked = {name: value[0] for name, value in parse_qs(urlsplit(started.headers["location"]).query).items()}
    assert asked["code_challenge_method"] == "S256" and len(asked["state"]) >= 43 and len(asked["nonce"]) >= 43
    assert asked["state"] not in cookie and asked["nonce"] not in cookie
    sign_in(browser, control, TITLE, "carl")
    session = next(each for each in browser.http.cookies if each.name == "holdfast_session")
    assert session.has_nonstandard_attr("HttpOnly") and session.get_nonstandard_attr("SameSite").lower() == "strict"
    for header, value in (("x-frame-options", "DENY"), ("cache-control", "no-store"), ("x-content-type-options", "nosniff")):
        assert browser.page.headers[header] == value
    policy = browser.page.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script" not in policy and "unsafe" not in policy and "<script" not in browser.text
    form = next(form for form in browser.seen.forms if form.button == "Generate Token")
    url = control + "/account/token"
    without = {name: value for name, value in form.fields.items() if name != "csrf"}
    for fields, headers in (
        (without, {}), ({**form.fields, "csrf": "0" * 64}, {}), (form.fields, {"origin": "https://evil.example"}), (form.fields, {"origin": "null"}),
    ):  # fmt: skip
        answer = browser.http.post(url, fields, headers=headers, timeout=20)
        assert answer.status_code == 403 and "hft_" not in answer.text
    assert place.refused_for("The form did not come from this site.", "HoldfastForm")
    as_json = browser.http.post(url, json.dumps(form.fields), headers={"content-type": "text/plain"}, timeout=20)
    assert as_json.status_code == 403
    other_host = browser.http.get(control + "/account", headers={"host": "evil.example"}, allow_redirects=False, timeout=20)
    assert (other_host.status_code, other_host.headers["location"]) == (303, control + "/account")
    signed_out = browser.submit("Sign out")
    assert "signed out" in signed_out.text
    browser.http.cookies.set("holdfast_session", session.value)
    assert "Sign in with" in browser.http.get(control + "/sign-in", timeout=20).text
    assert "Generate Token" not in browser.get(control + "/account").text


def test_an_answer_counts_once_for_the_browser_that_began_and_leads_nowhere_else(place: Place) -> None:
    control = place.server.control
    place.issuer.person("dora", "member@example.org")
    ends: list[str] = []

    def end(answer: requests.Response, *_: object, **__: object) -> None:
        location = answer.headers.get("location", "")
        if "/callback?" in location:
            ends.append(location)

    browser = Browser()
    browser.http.hooks["response"].append(end)
    sign_in(browser, control, TITLE, "dora")
    assert len(ends) == 1 and "Generate Token" in browser.text
    stranger = Browser()
    assert stranger.get(ends[0]).status_code == 400  # another browser
    stranger.get(control + "/sign-in/oidc")
    assert stranger.get(ends[0]).status_code == 400  # another state
    assert browser.get(ends[0]).status_code == 400  # used: its cookie is gone
    begun = parse_qs(urlsplit(requests.get(control + "/sign-in/oidc", allow_redirects=False, timeout=20).headers["location"]).query)
    assert begun["redirect_uri"] == [control + "/sign-in/oidc/callback"]
    for query in ("?next=https://evil.example", "?cli=https://evil.example", "?cli=8080.x.y", "?redirect_uri=https://evil.example"):
        page = requests.get(control + "/sign-in" + query, timeout=20)
        assert page.status_code == 200 and "evil" not in page.text and "8080" not in page.text


@pytest.mark.parametrize("query", ["", "?state=x", "?code=x", "?error=access_denied", "?code=x&code=y&state=x", "?state=%00&code=%ff"])
def test_an_answer_that_nobody_asked_for_is_refused(place: Place, query: str) -> None:
    answer = requests.get(place.server.control + "/sign-in/oidc/callback" + query, cookies={"holdfast_signin": "gAAAA"}, timeout=20)
    assert answer.status_code == 400 and "begin again" in answer.text
    assert requests.get(place.server.control + "/sign-in/nobody/callback" + query, timeout=20).status_code == 404


def test_what_is_secret_stands_nowhere(place: Place) -> None:
    name, seen = person(), set[str]()
    place.issuer.person(name, "member@example.org")

    def note(answer: requests.Response, *_: object, **__: object) -> None:
        given = parse_qs(urlsplit(answer.headers.get("location", "")).query)
        seen.update(value for member in ("code", "state", "nonce", "code_challenge") for value in given.get(member, ()))
        seen.update(each.value or "" for each in answer.cookies if each.name == "holdfast_signin" and each.value)

    browser = Browser()
    browser.http.hooks["response"].append(note)
    sign_in(browser, place.server.control, TITLE, name)
    assert len(seen) == 5 and "Generate Token" in browser.buttons()
    session = next(each.value for each in browser.http.cookies if each.name == "holdfast_session")
    browser.submit("Generate Token")
    token = browser.seen.texts["token"]
    files = [path for path in place.server.data_dir.rglob("*") if path.is_file()] + [place.server.log, place.server.out]
    secrets_ = [session, token, "a-secret+with/odd", *seen]
    assert len(files) > 3 and not [(path, secret) for path in files for secret in secrets_ if secret.encode() in path.read_bytes()]
