"""Ids, markers, prefixes and paths made to break a database: each is refused in words or means nothing, none is a failure of the server."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from email.utils import formatdate
from urllib.parse import quote, urlsplit

import pytest

from tests.serving import Server

VALUES = {
    "a quote": "%27", "a statement": quote("x'; DROP TABLE live CASCADE; --"), "NUL": "%00", "NUL within": "a%00b", "no UTF-8": "%FF%FE",
    "a lone surrogate": "%ED%A0%80", "half a character": "a%C3", "the last code point": "%F4%8F%BF%BF", "beyond the last": "%F4%90%80%80",
    "a thousand last ones": "%F4%8F%BF%BF" * 256, "too long": "v" * 5000, "a huge number": "99999999999999999999", "a negative number": "-1",
    "a number that fits nowhere": "9223372036854775808", "backslashes": "%5Cx00%5C", "percent": "%25s%25", "dollar": "$1", "empty": "",
    "digits of another script": "%D9%A1",
}  # fmt: skip
PLACES = [
    ("GET", "/bkt/k?versionId={}"), ("HEAD", "/bkt/k?versionId={}"), ("DELETE", "/bkt/k?versionId={}"), ("GET", "/bkt/k?tagging&versionId={}"),
    ("GET", "/bkt/k?uploadId={}"), ("DELETE", "/bkt/gone?uploadId={}"), ("PUT", "/bkt/k?partNumber=1&uploadId={}"), ("POST", "/bkt/k?uploadId={}"),
    ("PUT", "/bkt/k?partNumber={}&uploadId=x"), ("GET", "/bkt/k?partNumber={}"), ("GET", "/bkt?prefix={}"), ("GET", "/bkt?delimiter={}"),
    ("GET", "/bkt?marker={}"), ("GET", "/bkt?max-keys={}"), ("GET", "/bkt?list-type=2&prefix={0}&delimiter={0}&start-after={0}"),
    ("GET", "/bkt?list-type=2&continuation-token={}"), ("GET", "/bkt?versions&key-marker={0}&version-id-marker={0}"),
    ("GET", "/bkt?versions&key-marker=k&version-id-marker={}"), ("GET", "/bkt?versions&prefix={0}&delimiter={0}"),
    ("GET", "/bkt?uploads&key-marker={0}&upload-id-marker={0}"), ("GET", "/bkt?uploads&prefix={0}&delimiter={0}"),
    ("GET", "/bkt/big?uploadId=UPLOAD&part-number-marker={}"), ("GET", "/bkt/big?uploadId=UPLOAD&max-parts={}"), ("GET", "/{}"), ("PUT", "/{}"),
    ("GET", "/bkt/{}"), ("PUT", "/bkt/odd/{}"), ("DELETE", "/bkt/odd/{}"), ("GET", "/p/{}/n/default/b/bkt/o/k"),
]  # fmt: skip
HEADERS = ["If-Match", "If-None-Match", "x-amz-copy-source", "x-amz-tagging", "x-amz-meta-a", "x-amz-storage-class", "x-amz-expected-bucket-owner"]
ODD = ["'", "\"'; --", "\\x00", "\xff\xfe", "/bkt/k?versionId=%00", "/bkt/k?versionId=%27", "/%00/k", "b/%FF", "a=%00", "9" * 400]


class Asker:
    """One connection to a server that lets everybody in."""

    def __init__(self, server: Server) -> None:
        self.host = urlsplit(server.endpoint).netloc

    def ask(self, method: str, target: str, body: bytes = b"", headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self.host, timeout=30)
        connection.request(method, target, body, {"Authorization": "AWS any:key", "Date": formatdate(usegmt=True), **(headers or {})})
        answer = connection.getresponse()
        found = answer.status, answer.read()
        connection.close()
        return found


@pytest.fixture(scope="module")
def asker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Asker, str]]:
    """Whom to ask, and the id of an upload of the key `big`."""
    server = Server(tmp_path_factory.mktemp("hostile"), security="off", workers=1).start()
    one = Asker(server)
    assert one.ask("PUT", "/bkt")[0] == 200
    assert one.ask("PUT", "/bkt/k", b"kept")[0] == 200
    status, said = one.ask("POST", "/bkt/big?uploads")
    assert status == 200
    yield one, said.partition(b"<UploadId>")[2].partition(b"<")[0].decode()
    try:
        assert one.ask("GET", "/bkt/k") == (200, b"kept")
        server.finish()
    finally:
        server.kill()


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_hostile_ids_and_markers_mean_nothing(asker: tuple[Asker, str], value: str) -> None:
    one, upload_id = asker
    for method, target in PLACES:
        if (method, value) in (("DELETE", ""), ("POST", "")) or (value == "" and target == "/bkt/{}"):
            continue  # that is the object itself
        asked = target.format(value).replace("UPLOAD", upload_id)
        status, said = one.ask(method, asked)
        assert status < 500 or status == 501, (method, asked[:200], status, said[:300])
    assert one.ask("GET", "/bkt/k") == (200, b"kept")


@pytest.mark.parametrize("name", HEADERS)
def test_hostile_headers_mean_nothing(asker: tuple[Asker, str], name: str) -> None:
    one, _ = asker
    for value in ODD:
        for method in ("GET", "PUT", "DELETE"):
            status, said = one.ask(method, "/bkt/other", b"", {name: value})
            assert status < 500 or status == 501, (method, name, value, status, said[:300])
