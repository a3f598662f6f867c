"""Reads that are like one before are answered as the whole way answers them, or not at once: nothing is taken over but what was understood."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Callable, Coroutine
from typing import Any

import awscrt.auth
import awscrt.http
import msgspec
import pytest

from holdfast.authn.authenticate import authenticate
from holdfast.authn.presigned import verify_alike
from holdfast.authz.gather import authorize
from holdfast.config.settings import Settings
from holdfast.engine.memory.engine import MemoryEngine
from holdfast.http.answer import Answers
from holdfast.model.buckets import VERSIONING_ENABLED, Bucket
from holdfast.model.identity import Credential, User
from holdfast.model.messages import Request, Response
from holdfast.model.objects import Facts
from holdfast.objects.remove import remove
from holdfast.objects.write import put
from holdfast.observe.access import Seen
from holdfast.s3.handle import S3
from holdfast.s3.hosted import HostedS3
from tests.unit.authn.signed import ACCESS_KEY, KEYS, NOW, SECRET, SETTINGS, USER, Keys, sign
from tests.unit.s3.calls import GivenBody

HOST = "http://127.0.0.1:9000"
OTHER = User(id="u2", name="ben", canonical_id="c2", display_name="Ben")


class Store:
    """A store in memory with a bucket of two objects, and requests to it signed by botocore."""

    def __init__(self) -> None:
        self.engine = MemoryEngine()
        self.keys = Keys(*KEYS.known.values())
        self.now = NOW
        self.s3 = S3(self.engine, Settings(), self.who, authorize, domains=("s3.test",), recognise=self.known)

    async def who(self, request: Request, host_bucket: str) -> Any:
        return await authenticate(request, self.keys, self.now, SETTINGS, host_bucket)

    def known(self, request: Request) -> Any:
        return verify_alike(request, self.keys, self.now, SETTINGS)

    async def fill(self) -> None:
        given = {"namespace": "default", "region": "us-east-1"}
        self.bucket = await self.engine.catalog.create_bucket(Bucket(name="bucket", owner=USER.canonical_id, **given))
        await self.engine.catalog.create_bucket(Bucket(name="other", owner=OTHER.canonical_id, **given))
        for key in ("one", "two", "dir/three", "empty"):
            await self.put(key, b"" if key == "empty" else key.encode() * 100)

    async def put(self, key: str, data: bytes, **facts: Any) -> None:
        await put(self.engine, self.bucket, key, GivenBody(data), facts=Facts(content_type="text/plain", **facts), now_ms=1_700_000_000_123)

    async def change(self, **changed: Any) -> None:
        self.bucket = await self.engine.catalog.change_bucket(msgspec.structs.replace(self.bucket, **changed))

    async def whole(self, request: Request) -> Response:
        return await self.s3(request)

    async def know(self) -> None:
        """A GET and a HEAD are answered the whole way, so that others are known by them."""
        for method in ("GET", "HEAD"):
            assert self.s3.alike.answer(signed(method, "one")) is None
            assert (await self.whole(signed(method, "one"))).status == 200


def signed(method: str, key: str, *, host: str = HOST, path: str = "/bucket/", **options: Any) -> Request:
    request = sign("v4-query", method, host + path + key, **options)
    request.id, request.seen = "0123456789ABCDEF", Seen()
    return request


def said(response: Response) -> tuple[Any, ...]:
    """The answer as it goes out: status line and headers but for their order, and the body."""
    text, _ = Answers(b"Test").text(response, "GET" if response.body is not None else "HEAD", True, False)
    lines = text.partition(b"\r\n\r\n")[0].split(b"\r\n")
    assert sum(line.startswith(b"Content-Length: ") for line in lines) == 1
    return lines[0], sorted(lines[1:]), response.body


def scenario(test: Callable[[Store], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    def run() -> None:
        async def main() -> None:
            store = Store()
            await store.fill()
            await store.know()
            await test(store)

        asyncio.run(main())

    run.__name__ = test.__name__
    return run


@scenario
async def test_the_answer_is_that_of_the_whole_way(store: Store) -> None:
    for method in ("GET", "HEAD"):
        for key in ("one", "two", "dir/three", "empty"):
            once, again = signed(method, key), signed(method, key)
            at_once = store.s3.alike.answer(once)
            assert at_once is not None and said(at_once) == said(await store.whole(again))
            assert isinstance(again.seen, Seen)
            again.seen.answered = 0.0  # it is written at once either way
            assert once.seen == again.seen and isinstance(once.seen, Seen) and once.seen.key == key and once.seen.user == USER.name


@scenario
async def test_what_changes_is_seen_at_once(store: Store) -> None:
    await store.put("one", b"changed", metadata={"a": "b"})
    await store.change(versioning=VERSIONING_ENABLED)
    for method in ("GET", "HEAD"):
        at_once = store.s3.alike.answer(signed(method, "one"))
        assert at_once is not None and said(at_once) == said(await store.whole(signed(method, "one")))
        assert (b"x-amz-meta-a", b"b") in at_once.fields() and b"x-amz-version-id" in dict(at_once.fields())
    await remove(store.engine, store.bucket, "one", None, now_ms=1_700_000_000_200)
    for key in ("one", "never"):
        assert store.s3.alike.answer(signed("GET", key)) is None
        assert (await store.whole(signed("GET", key))).status == 404


@scenario
async def test_a_bucket_or_object_with_more_to_it_goes_the_whole_way(store: Store) -> None:
    await store.put("listed", b"x", extra={"acl": "[]"})
    assert store.s3.alike.answer(signed("GET", "listed")) is None
    await store.change(settings={"anything": "at all"})
    assert store.s3.alike.answer(signed("GET", "one")) is None


@scenario
async def test_what_is_anothers_is_not_answered_to_the_owner_of_the_bucket(store: Store) -> None:
    await put(store.engine, store.bucket, "bens", GivenBody(b"ben's"), facts=Facts(), now_ms=1_700_000_000_123, owner=OTHER.canonical_id)
    for method in ("GET", "HEAD"):
        assert store.s3.alike.answer(signed(method, "bens")) is None
        assert (await store.whole(signed(method, "bens"))).status == 403
    administrator = Credential(access_key=ACCESS_KEY, secret=SECRET, user=msgspec.structs.replace(OTHER, rights="all", canonical_id="c3"))
    store.keys.known[ACCESS_KEY] = administrator
    assert (await store.whole(signed("GET", "one"))).status == 200
    at_once = store.s3.alike.answer(signed("GET", "bens"))
    assert at_once is not None and at_once.body == b"ben's"


@scenario
async def test_who_may_not_is_not_answered(store: Store) -> None:
    assert store.s3.alike.answer(signed("GET", "one", path="/other/")) is None
    assert store.s3.alike.answer(signed("GET", "one", secret="guessed")) is None
    store.now = NOW + 3601
    assert store.s3.alike.answer(signed("GET", "one")) is None
    store.now = NOW
    store.keys.known[ACCESS_KEY] = Credential(access_key=ACCESS_KEY, secret=SECRET, user=OTHER)
    assert store.s3.alike.answer(signed("GET", "one")) is None
    assert (await store.whole(signed("GET", "one"))).status == 403
    store.keys.known[ACCESS_KEY] = Credential(access_key=ACCESS_KEY, secret="renewed", user=USER)
    assert store.s3.alike.answer(signed("GET", "one")) is None
    del store.keys.known[ACCESS_KEY]
    assert store.s3.alike.answer(signed("GET", "one")) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"range", b"bytes=0-1"), (b"if-none-match", b"*"), (b"if-match", b'"no"'), (b"if-modified-since", b"x"), (b"origin", b"http://a"),
        (b"x-amz-expected-bucket-owner", b"c2"), (b"x-amz-server-side-encryption", b"AES256"), (b"x-amz-checksum-mode", b"ENABLED"),
        (b"authorization", b""), (b"content-length", b"1"), (b"transfer-encoding", b"chunked"), (b"x-amz-request-payer", b"requester"),
        (b"if-range", b"x"), (b"x-amz-server-side-encryption-customer-key", b"x"), (b"x-unknown", b"1"),
    ],
)  # fmt: skip
def test_a_header_that_may_mean_something_goes_the_whole_way(name: bytes, value: bytes) -> None:
    @scenario
    async def test(store: Store) -> None:
        request = signed("GET", "one")
        request.headers[name] = value
        assert store.s3.alike.answer(request) is None
        fresh = signed("GET", "one", expires_s=77)
        fresh.headers[name] = value
        await store.whole(fresh)
        assert store.s3.alike.answer(signed("GET", "two", expires_s=77)) is None, "it was not learnt from such a request"

    test()


@scenario
async def test_only_the_usual_form_of_an_address_is_answered(store: Store) -> None:
    assert store.s3.alike.answer(signed("GET", "%6Fne")) is None
    assert store.s3.alike.answer(signed("GET", "")) is None
    assert store.s3.alike.answer(signed("GET", "k" * 1025)) is None
    assert store.s3.alike.answer(signed("GET", "one", host="http://bucket.s3.test")) is None
    assert store.s3.alike.answer(signed("PUT", "one")) is None
    assert store.s3.alike.answer(signed("GET", "one?versionId=null")) is None
    for ending in (b"&versionId=null", b"&acl"):
        request = signed("GET", "one")
        target = request.target[:-64] + (b"a" * 64)[: 64 - len(ending)] + ending
        changed = Request("GET", target, request.headers, request.body, received_at=NOW)
        assert store.s3.alike.answer(changed) is None


async def same(store: Store, whole: Callable[[Request], Any], make: Callable[[str], Request]) -> None:
    """What one request teaches, others like it are answered by, as the whole way answers them."""
    assert store.s3.alike.answer(make("one")) is None
    assert (await whole(make("one"))).status == 200
    for key in ("one", "two", "dir/three"):
        at_once = store.s3.alike.answer(make(key))
        assert at_once is not None and said(at_once) == said(await whole(make(key)))
    assert store.s3.alike.answer(make("never")) is None
    changed = make("two")
    changed.query = changed.query[:-64] + make("one").query[-64:]
    assert store.s3.alike.answer(changed) is None


@scenario
async def test_the_buckets_own_host_is_answered_alike_and_no_other_host(store: Store) -> None:
    def own(key: str, host: str = "http://bucket.s3.test", path: str = "/") -> Request:
        return signed("GET", key, host=host, path=path, expires_s=99)

    await same(store, store.whole, own)
    for host, path in (("http://other.s3.test", "/"), ("http://s3.test", "/bucket/"), ("http://s3.test", "/"), (HOST, "/bucket/")):
        assert store.s3.alike.answer(own("one", host, path)) is None
    assert store.s3.alike.answer(own("")) is None, "the list of the bucket"
    assert store.s3.alike.answer(own("bucket/one")) is None, "a key of its own there"


@scenario
async def test_the_host_of_a_namespace_is_answered_from_that_namespace(store: Store) -> None:
    theirs_too = msgspec.structs.replace(USER, namespace="elsewhere")
    store.keys.known[ACCESS_KEY] = Credential(access_key=ACCESS_KEY, secret=SECRET, user=theirs_too)
    elsewhere = Bucket(name="bucket", owner=USER.canonical_id, namespace="elsewhere", region="us-east-1")
    theirs = await store.engine.catalog.create_bucket(elsewhere)
    for key in ("one", "two", "dir/three"):
        await put(store.engine, theirs, key, GivenBody(b"elsewhere " + key.encode()), facts=Facts(), now_ms=1_700_000_000_123)
    hosted, host = HostedS3(store.s3, "elsewhere"), "http://elsewhere.compat.objectstorage.us-east-1.oci.test"

    def there(key: str, at: str = host) -> Request:
        return signed("GET", key, host=at, expires_s=98)

    await same(store, hosted, there)
    at_once = store.s3.alike.answer(there("one"))
    assert at_once is not None and at_once.body == b"elsewhere one"
    store.keys.known[ACCESS_KEY] = Credential(access_key=ACCESS_KEY, secret=SECRET, user=USER)  # whose namespace has a bucket of that name
    assert (await hosted(there("one"))).status == 403
    assert verify_alike(there("one"), store.keys, NOW, SETTINGS) is not None, "the signature is known"
    assert store.s3.alike.answer(there("one")) is None, "but what it asks for is not in the caller's own namespace"
    assert (await store.whole(there("one", HOST))).status == 200
    here = store.s3.alike.answer(there("one", HOST))
    assert here is not None and here.body == b"one" * 100, "which is where other hosts lead"


def by_c_signer(key: str, path: str = "/bucket/") -> Request:
    """Signed by AWS's signer in C, which writes the signed headers before the expiry."""
    http = awscrt.http.HttpRequest("GET", path + key, awscrt.http.HttpHeaders([("host", "127.0.0.1:9000")]))
    how = awscrt.auth.AwsSigningConfig(
        algorithm=awscrt.auth.AwsSigningAlgorithm.V4, signature_type=awscrt.auth.AwsSignatureType.HTTP_REQUEST_QUERY_PARAMS,
        credentials_provider=awscrt.auth.AwsCredentialsProvider.new_static(ACCESS_KEY, SECRET), region="us-east-1", service="s3",
        date=datetime.datetime.fromtimestamp(NOW, datetime.UTC), use_double_uri_encode=False, should_normalize_uri_path=False,
        signed_body_value="UNSIGNED-PAYLOAD", expiration_in_seconds=3600,
    )  # fmt: skip
    target = awscrt.auth.aws_sign_request(http, how).result().path.encode()
    assert target.index(b"X-Amz-SignedHeaders") < target.index(b"X-Amz-Expires")
    request = Request("GET", target, {b"host": b"127.0.0.1:9000"}, GivenBody(b""), received_at=NOW)
    request.id, request.seen = "0123456789ABCDEF", Seen()
    return request


@scenario
async def test_what_awss_signer_in_c_signs_is_answered_alike(store: Store) -> None:
    await same(store, store.whole, by_c_signer)


def test_a_query_in_any_other_order_goes_the_whole_way() -> None:
    @scenario
    async def test(store: Store) -> None:
        def turned(key: str) -> Request:
            request = by_c_signer(key)
            path, _, query = request.target.partition(b"?")
            first, second, *rest = query.split(b"&")
            moved = Request("GET", path + b"?" + b"&".join([second, first, *rest]), request.headers, request.body, received_at=NOW)
            moved.id, moved.seen = request.id, Seen()
            return moved

        assert (await store.whole(turned("one"))).status == 200
        assert store.s3.alike.answer(turned("one")) is None

    test()


@scenario
async def test_what_is_remembered_is_bounded(store: Store) -> None:
    for expires_s in range(100, 700):
        await store.whole(signed("GET", "one", expires_s=expires_s))
    assert len(store.s3.alike._known["GET"]) == 512
    assert store.s3.alike.answer(signed("GET", "one", expires_s=699)) is not None
    assert store.s3.alike.answer(signed("GET", "one", expires_s=100)) is None
