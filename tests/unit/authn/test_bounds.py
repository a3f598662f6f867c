"""What strangers send is not remembered: caches hold what was proven, of ordinary size."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest

from holdfast.authn import presigned, sigv4
from holdfast.config.settings import Settings
from holdfast.engine.memory.engine import MemoryEngine
from holdfast.identities.cache import Keys
from holdfast.identities.directory import Directory
from holdfast.identities.master import MasterKey
from holdfast.model.errors import Refusal
from holdfast.model.identity import Credential
from holdfast.model.messages import Request
from holdfast.s3.hosts import Hosts
from tests.unit.authn.signed import ACCESS_KEY, NOW, SECRET, USER, Pieces, sign, verify


def refused(target: str, **headers: str) -> None:
    sent = {"host": "h", "x-amz-date": "20260101T120000Z", "x-amz-content-sha256": "UNSIGNED-PAYLOAD"} | headers
    with pytest.raises(Refusal):
        verify(Request("GET", target.encode(), {name.encode(): value.encode() for name, value in sent.items()}, Pieces(), received_at=NOW))


def test_unproven_authorization_headers_are_not_kept() -> None:
    before = dict(sigv4._heads)
    for access_key in (ACCESS_KEY, "nobody" * 1000):
        for number in range(20):
            scope = f"{access_key}/20260101/us-east-1/s3/aws4_request"
            refused("/", authorization=f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;x-amz-date;x{number}, Signature={'0' * 64}")
    assert before == sigv4._heads


def test_proven_ones_are_kept_and_their_header_names_are_bounded() -> None:
    sent = sign("v4-header", "GET", "http://h/b/k")
    assert verify(sent).how == "v4-header"
    head = sigv4._heads[sent.headers[b"authorization"][:-64]]
    for number in range(100):
        again = sign("v4-header", "GET", "http://h/b/k")
        again.headers[b"a" * 5000 + b"%d" % number] = b""
        assert verify(again).how == "v4-header"
    assert sum(len(name) for names in head.sound for name in names) < 20_000


def test_long_credentials_of_urls_are_not_kept() -> None:
    before = set(presigned._scopes)
    for number in range(20):
        scope = f"{'n' * 5000}{number}%2F20260101%2Fus-east-1%2Fs3%2Faws4_request"
        query = f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={scope}&X-Amz-Date=20260101T120000Z&X-Amz-Expires=60"
        refused(f"/?{query}&X-Amz-SignedHeaders=host&X-Amz-Signature={'0' * 64}")
    assert before == set(presigned._scopes)


def test_long_unknown_access_keys_and_hosts_are_not_kept() -> None:
    engine = MemoryEngine()
    keys: Any = Keys(engine.registry, Directory(engine.registry, MasterKey({"00000000": bytes(32)})))
    hosts = Hosts(["example.org"])
    for number in range(20):
        assert asyncio.run(keys.find("k" * 10_000 + str(number))) is None
        hosts.bucket(b"b" * 10_000 + b"%d.example.org" % number)
    assert sum(map(sys.getsizeof, (*keys._unknown, *hosts.known))) < 10_000


def test_secrets_are_not_in_what_is_printed() -> None:
    shown = Credential(access_key="A", secret=SECRET, user=USER)
    settings = Settings(root_access_key="A", root_secret_key=SECRET)
    assert SECRET not in repr(shown) and SECRET not in f"{shown} {settings} {settings!r}" and "data_dir" in repr(settings)
