"""Values that no honest client sends: every one is refused in words or kept as it is, and none makes an object that cannot be read."""

from __future__ import annotations

import zlib
from base64 import urlsafe_b64encode
from urllib.parse import quote

import pytest

from tests.security.raw import Raw


@pytest.mark.parametrize(
    "value",
    [
        *("=?UTF-8?B?a?=", "=?UTF-8?B?AGE=?=", "=?UTF-8?B?AQJh?=", "=?UTF-8?B?DQpY?=", "=?UTF-8?B?IGEg?="),
        *("=?utf-7?Q?+2AA-?=", "=?unicode_escape?Q?=5Cud800?=", "=?x?B?YQ==?="),
    ],
)
def test_encoded_words_of_metadata_are_read_or_kept_but_never_break_an_object(raw: Raw, scratch: str, value: str) -> None:
    assert raw.send("PUT", f"/{scratch}/k", {"x-amz-meta-x": value}, b"x").status == 200
    first = raw.send("GET", f"/{scratch}/k")
    assert first.status == 200 and first.body == b"x"
    said = first.headers["x-amz-meta-x"]
    assert said.isprintable()
    assert raw.send("PUT", f"/{scratch}/k", {"x-amz-meta-x": said}, b"x").status == 200
    assert raw.send("GET", f"/{scratch}/k").headers["x-amz-meta-x"] == said, "what is given back does not mean the same"


@pytest.mark.parametrize("name", ["a%0Ab", "a%0D%0Aset-cookie:b", "a%20b", "a:b", "a%00", "%C3%A9", "%FF"])
def test_names_of_metadata_in_the_query_are_names_of_headers(raw: Raw, scratch: str, name: str) -> None:
    assert raw.send("PUT", f"/{scratch}/k?x-amz-meta-{name}=1", {}, b"x").status == 400
    assert raw.send("GET", f"/{scratch}/k").status == 404


def test_a_forged_continuation_token_is_refused(raw: Raw, scratch: str) -> None:
    place = b"\xed\xa0\x80"  # a lone surrogate: no name
    token = quote(urlsafe_b64encode(b"\x01" + zlib.crc32(place).to_bytes(4, "big") + place).decode())
    assert raw.send("GET", f"/{scratch}?continuation-token={token}&list-type=2").code == "InvalidArgument"
    assert raw.send("GET", f"/?continuation-token={token}").code == "InvalidArgument"


def test_a_key_that_no_path_can_name_is_not_marked_deleted_in_bulk(raw: Raw, scratch: str) -> None:
    on = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    assert raw.send("PUT", f"/{scratch}?versioning", {}, on).status == 200
    for key, refused in (("k" * 1024, False), ("k" * 1025, True), ("é" * 513, True)):
        reply = raw.send("POST", f"/{scratch}?delete", {}, f"<Delete><Object><Key>{key}</Key></Object></Delete>".encode())
        assert reply.status == 200 and (reply.code == "KeyTooLongError") == refused
    assert raw.send("GET", f"/{scratch}?versions").body.count(b"<DeleteMarker>") == 1
    marker = raw.send("GET", f"/{scratch}?versions").body.partition(b"<VersionId>")[2].partition(b"<")[0].decode()
    assert raw.send("DELETE", f"/{scratch}/{'k' * 1024}?versionId={marker}").status == 204


@pytest.mark.parametrize("value", [",", " , ", ""])
def test_an_empty_list_of_etags_matches_nothing(raw: Raw, scratch: str, value: str) -> None:
    assert raw.send("PUT", f"/{scratch}/k", {}, b"x").status == 200
    assert raw.send("PUT", f"/{scratch}/k", {"if-match": value}, b"y").code == "PreconditionFailed"
    assert raw.send("DELETE", f"/{scratch}/k", {"if-match": value}).code == "PreconditionFailed"
    assert raw.send("GET", f"/{scratch}/k").body == b"x"
