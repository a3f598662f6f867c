"""Whatever botocore signs is accepted, and with one byte of what was signed changed it is not (M43, M243)."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.model.errors import Refusal
from holdfast.model.messages import Request
from tests.unit.authn.signed import Pieces, sign, verify

KEYS = st.text(st.sampled_from("ab/+%~ .-_é€𝄞&=?#@:;,'()*!$[]\"<>\\^`{|}"), min_size=1, max_size=20)
RAW = st.sampled_from(["//", "/a%2Fb", "/a%2fb", "/%7E", "/~", "/a+b", "/a%2Bb", "/%E2%82%AC", "/..", "/./", "/a//b/", "/%25", "/a%20b"])
PATHS = KEYS.map(lambda key: "/bucket/" + quote(key, safe="/~")) | RAW.map(lambda raw: "/bucket" + raw)
TEXTS = st.text(st.sampled_from("abAB019-_.~ /+%é&="), max_size=8).map(lambda text: quote(text, safe="-_.~"))
NAMES = st.sampled_from(
    [
        "prefix",
        "delimiter",
        "list-type",
        "marker",
        "max-keys",
        "part-number-marker",
        "uploads",
        "versionId",
        "partNumber",
        "uploadId",
        "acl",
        "tagging",
    ]
)
QUERIES = st.lists(st.tuples(NAMES, TEXTS | st.none()), max_size=5, unique_by=lambda pair: pair[0]).map(
    lambda pairs: "&".join(name if value is None else f"{name}={value}" for name, value in pairs)
)
VALUES = st.text(st.sampled_from("ab ,;=\"'/+~"), min_size=1, max_size=12).map(lambda text: text.strip() or "x")
HEADERS = st.dictionaries(
    st.sampled_from(["x-amz-meta-a", "x-amz-meta-b-c", "content-type", "x-amz-acl", "range", "content-md5"]), VALUES, max_size=4
)
METHODS = st.sampled_from(["GET", "PUT", "HEAD", "DELETE", "POST"])


@pytest.mark.parametrize("how", ["v4-header", "v4-query", "v2-header", "v2-query"])
@settings(max_examples=80, deadline=None)
@given(METHODS, PATHS, QUERIES, HEADERS, st.data())
def test_accepted_as_signed_and_refused_when_changed(
    how: str, method: str, path: str, query: str, headers: dict[str, str], data: st.DataObject
) -> None:
    if how.startswith("v2"):  # it does not collapse white space, and its query form moves headers into the query
        headers = {name: " ".join(value.split()) for name, value in headers.items()}
    url = "http://127.0.0.1:9000" + path + ("?" + query if query else "")

    def signed() -> Request:
        return sign(how, method, url, headers=headers)

    assert verify(signed()).how == how
    changed = signed()
    what = data.draw(st.sampled_from(["method", "path", "header", "signature", "query"]))
    if what == "method":
        changed.method = "PATCH"
    elif what == "path":
        at = data.draw(st.integers(0, len(changed.path) - 1))
        byte = changed.path[at]
        other = ord("x") if byte != ord("x") and byte not in b"%0123456789abcdefABCDEF" else ord("Z")
        changed.path = changed.path[:at] + bytes([other]) + changed.path[at + 1 :]
    elif what == "header":
        names = sorted(name for name in changed.headers if name.startswith(b"x-amz-meta"))
        if names:
            changed.headers[data.draw(st.sampled_from(names))] += b"!"
        else:
            changed.headers[b"x-amz-meta-a"] = b"!"
    elif what == "signature":
        spoil(changed, how)
    else:
        changed.query += b"&versions" if changed.query else b"versions"
    with pytest.raises(Refusal) as caught:
        verify(changed)
    assert caught.value.status in (400, 403)


def spoil(request: Request, how: str) -> None:
    """Changes one character of the signature."""
    flip = {ord("0"): b"1", ord("A"): b"B"}
    if how == "v4-header":
        last = request.headers[b"authorization"]
        request.headers[b"authorization"] = last[:-1] + flip.get(last[-1], b"0")
    elif how == "v2-header":
        head, _, signature = request.headers[b"authorization"].rpartition(b":")
        request.headers[b"authorization"] = head + b":" + flip.get(signature[0], b"A") + signature[1:]
    else:
        name = b"X-Amz-Signature=" if how == "v4-query" else b"Signature="
        at = request.query.index(name) + len(name)
        zero = b"0" if how == "v4-query" else b"A"
        request.query = request.query[:at] + flip.get(request.query[at], zero) + request.query[at + 1 :]


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60), st.binary(max_size=60), st.sampled_from([b"AWS4-HMAC-SHA256 ", b"AWS ", b"", b"AWS4-HMAC-SHA256 Credential="]))
def test_garbage_is_refused_and_never_an_error_of_ours(value: bytes, query: bytes, scheme: bytes) -> None:
    query = query.replace(b"?", b"").replace(b"#", b"") + b"&X-Amz-Algorithm=AWS4-HMAC-SHA256"
    for headers, target in (({b"authorization": scheme + value}, b"/b/k"), ({}, b"/b/k?" + query), ({}, b"/b?Signature=" + query)):
        with pytest.raises(Refusal) as caught:
            verify(Request("GET", target, {b"host": b"h", **headers}, Pieces()))
        assert caught.value.status in (400, 403)
