"""How pre-authenticated requests end: at once, on every worker, and without a word of why; and that no token is found anywhere."""

from __future__ import annotations

import http.client
import json
import re
import sqlite3
import time
from base64 import b64encode, urlsafe_b64decode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from holdfast.model.pars import Par
from tests.cluster_servers import stored_bytes
from tests.conftest import make_client
from tests.oci.requests_made import Store
from tests.oci.test_par_use import ask, refused
from tests.serving import Server


def on_every_worker(server: Server, url: str, method: str = "GET") -> set[int]:
    """The statuses of requests to each worker: asked on new connections until each has answered a few times."""
    parts = urlsplit(url)
    statuses: set[int] = set()
    answered: dict[str, int] = {}
    for _ in range(400):
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
        connection.request(method, parts.path, b"x" if method == "PUT" else None)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        statuses.add(answer.status)
        worker = answer.getheader("opc-request-id", "").partition(":")[2][:8]  # ids of one process begin alike
        answered[worker] = answered.get(worker, 0) + 1
        if len(answered) == len(server.worker_pids()) and min(answered.values()) >= 3:
            return statuses
    raise AssertionError(f"not every worker answered: {answered}")


# ---- the four ways, and what is no way ----


def test_deleted_is_gone_on_every_worker_M53(store: Store, server: Server, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    par, url = store.par(bucket, "ObjectReadWrite", "k")
    assert on_every_worker(server, url) == {200}
    store.delete(par)
    assert on_every_worker(server, url) == on_every_worker(server, url, "PUT") == {401}


def test_expired_is_gone_on_every_worker_M52(store: Store, server: Server, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    ends = datetime.now(UTC) + timedelta(seconds=2)
    _, url = store.par(bucket, "AnyObjectReadWrite", listing=True, expires=ends.isoformat())
    assert on_every_worker(server, url + "k") == {200}
    time.sleep(max(0.0, (ends - datetime.now(UTC)).total_seconds()))
    assert on_every_worker(server, url + "k") == on_every_worker(server, url + "k", "PUT") == on_every_worker(server, url) == {401}


def test_a_creator_who_loses_the_right_M49_M51(store: Store, server: Server, s3: Any, bucket: str) -> None:
    """The right comes from a group: taken out of it, and put in again."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    creator = store.user(f"member-{bucket[-6:]}", "none")
    group = store.group(f"readers-{bucket[-6:]}", f"Allow group readers-{bucket[-6:]} to manage object-family in tenancy")
    _, url = store.par(bucket, "AnyObjectReadWrite", creator=creator.id)
    assert on_every_worker(server, url + "k") == {401}
    store.join(group, creator.id)
    assert on_every_worker(server, url + "k") == {200}
    store.leave(group, creator.id)
    assert on_every_worker(server, url + "k") == on_every_worker(server, url + "k", "PUT") == {401}
    store.join(group, creator.id)
    assert on_every_worker(server, url + "k") == on_every_worker(server, url + "k", "PUT") == {200}


def test_a_creator_who_is_deleted_M50(store: Store, server: Server, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read-write")  # what everybody may does not keep it alive
    creator = store.user(f"leaver-{bucket[-6:]}")
    _, url = store.par(bucket, "AnyObjectReadWrite", creator=creator.id)
    assert on_every_worker(server, url + "k") == {200}
    store.delete_user(creator.id)
    assert on_every_worker(server, url + "k") == on_every_worker(server, url + "k", "PUT") == {401}


def test_keys_and_password_do_not_matter_M54(store: Store, server: Server, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    creator = store.user(f"rotator-{bucket[-6:]}")
    key = store.new_key(creator.id)
    _, url = store.par(bucket, "AnyObjectRead", creator=creator.id)
    assert on_every_worker(server, url + "k") == {200}
    store.delete_key(key)
    store.new_key(creator.id)
    assert on_every_worker(server, url + "k") == {200}


def test_uploads_end_with_their_request_M81(store: Store, server: Server, bucket: str) -> None:
    def begun(**how: Any) -> tuple[Par, str]:
        par, url = store.par(bucket, "AnyObjectWrite", **how)
        up = server.endpoint + json.loads(ask("PUT", url + "big", opc_multipart="true")[2])["accessUri"]
        assert ask("PUT", up + "1", b"x")[0] == 200
        return par, up

    def ended(up: str) -> None:
        assert on_every_worker(server, up + "2", "PUT") == {401}
        assert refused(ask("POST", up)) and refused(ask("DELETE", up))

    par, up = begun()
    store.delete(par)
    ended(up)
    ends = datetime.now(UTC) + timedelta(seconds=1.5)
    _, up = begun(expires=ends.isoformat())
    time.sleep(max(0.0, (ends - datetime.now(UTC)).total_seconds()))
    ended(up)
    creator = store.user(f"uploader-{bucket[-6:]}")
    _, up = begun(creator=creator.id)
    store.user(creator.name, "none")
    ended(up)
    store.user(creator.name, "all")
    assert ask("POST", up)[0] == 200


def test_a_creator_who_may_only_create_or_only_overwrite_M119(store: Store, s3: Any, bucket: str) -> None:
    group = f"half-{bucket[-6:]}"
    creator = store.user(f"half-{bucket[-6:]}", "none")
    id = store.group(group, f"Allow group {group} to {{OBJECT_CREATE}} in tenancy")
    store.join(id, creator.id)
    _, url = store.par(bucket, "AnyObjectWrite", creator=creator.id)
    assert ask("PUT", url + "k", b"first")[0] == 200
    assert refused(ask("PUT", url + "k", b"second"))
    assert refused(ask("PUT", url + "big", opc_multipart="true"))
    store.policy(group, f"Allow group {group} to {{OBJECT_OVERWRITE}} in tenancy")
    assert ask("PUT", url + "k", b"third")[0] == 200
    assert refused(ask("PUT", url + "new", b"x"))
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"third"
    assert [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["k"]


# ---- no oracle ----


def test_every_refusal_is_the_same_to_the_byte_M117(store: Store, server: Server, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a/k", Body=b"x")
    _, url = store.par(bucket, "AnyObjectRead", "a/")
    _, writing = store.par(bucket, "AnyObjectWrite", "a/")
    gone, deleted = store.par(bucket, "AnyObjectRead")
    store.delete(gone)
    _, orphan = store.par(bucket, "AnyObjectRead", creator="ocid1.user.oc1..nobody")
    _, weak = store.par(bucket, "AnyObjectRead", creator=store.user(f"weak-{bucket[-6:]}", "none").id)
    place = f"/n/default/b/{bucket}/o/a/k"
    base = server.endpoint
    asked: list[tuple[str, str, dict[str, str]]] = [
        ("GET", f"{base}/p/{'x' * 64}{place}", {}),
        ("GET", f"{base}/p/short{place}", {}),
        ("GET", f"{base}//p/{'x' * 64}{place}", {}),
        ("GET", deleted + "a/k", {}),
        ("GET", url + "b/k", {}),
        ("GET", url + "b/missing", {}),
        ("GET", url, {}),
        ("GET", writing + "a/k", {}),
        ("PUT", url + "a/k", {}),
        ("PUT", url + "a/k", {"opc_multipart": "true"}),
        ("DELETE", url + "a/k", {}),
        ("POST", url + "a/k", {}),
        ("PATCH", url + "a/k", {}),
        ("GET", orphan + "a/k", {}),
        ("GET", weak + "a/k", {}),
        ("GET", url.replace(bucket, "missing") + "a/k", {}),
        ("GET", url.replace("/n/default/", "/n/other/") + "a/k", {}),
        ("GET", url.replace("/o/", "/p/"), {}),
        ("POST", url.replace("/o/", "/actions/renameObject"), {}),
        ("GET", url + "b/k", {"Authorization": 'Signature version="1"'}),
        ("GET", url + "b/k", {"Authorization": "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"}),
        ("GET", f"{base}/p/{'x' * 64}/x", {}),
        ("GET", url + "b/k", {"Authorization": "Basic eDp5", "Origin": "https://a.test"}),
    ]
    answers = set()
    for method, where, headers in asked:
        status, found, body = ask(method, where, b"" if method in ("PUT", "POST", "PATCH") else None, **headers)
        kept = tuple(sorted((name, value) for name, value in found.items() if name not in ("date", "opc-request-id")))
        answers.add((status, kept, body))
    assert len(answers) == 1
    ((status, _, body),) = answers
    assert (status, body) == (401, b'{"code":"NotAuthenticated","message":"PAR does not exist"}')
    assert ask("HEAD", url + "b/k")[0] == 401 and ask("HEAD", deleted + "a/k")[2] == b""
    assert ask("GET", url + "a/k", Authorization="Basic eDp5")[0] == ask("GET", url + "a/k", Authorization='Signature version="1"')[0] == 200


def test_nothing_can_be_deleted_M64(store: Store, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    _, url = store.par(bucket, "AnyObjectReadWrite", listing=True)
    for place in (url + "k", url, url.removesuffix("/o/"), url.removesuffix("o/") + "u/k?uploadId=1", url.removesuffix("o/") + "p/x"):
        assert refused(ask("DELETE", place))
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


# ---- canaries ----


def test_tokens_are_found_nowhere_M67(serve: Callable[..., Server]) -> None:
    """Not in the databases, their logs, the access log, the log of the server, its metrics or its answers; only hashes are kept."""
    own = serve(log_level="debug", workers=1)
    store = Store(own)
    client = make_client(own)
    client.create_bucket(Bucket="photos")
    _, url = store.par("photos", "AnyObjectReadWrite", listing=True)
    told = json.loads(ask("PUT", url + "big", opc_multipart="true")[2])
    up = own.endpoint + told["accessUri"]
    tokens = [url.split("/")[4], told["accessUri"].split("/")[2]]
    answers = [
        ask("PUT", url + "k", b"x"), ask("GET", url + "k"), ask("GET", url), ask("GET", url + "?colour=red"), ask("DELETE", url + "k"),
        ask("GET", url + "%ff"), ask("PUT", up + "1", b"x"), ask("PUT", up + "0", b"x"), ask("POST", up), ask("POST", up),
        ask("GET", url.replace("/p/", "//p/") + "k"),
        ask("GET", url.replace("/n/", "/x/") + "k"), ask("PUT", url + "k", b"x", Content_MD5="x"), ask("GET", url + "k", Authorization="AWS x:y"),
        ask("GET", url + "k" * 40_000), ask("GET", url + "k?X-Amz-Signature=x"),
    ]  # fmt: skip
    assert {answer[0] for answer in answers} >= {200, 400, 401, 404}
    metrics = own.get("/metrics")[1]
    assert 'operation="GetObject"' in metrics and 'operation="CommitMultipartUpload"' in metrics
    own.finish()
    kept = b"".join(path.read_bytes() for path in sorted(own.data_dir.rglob("*")) if path.is_file())
    kept += stored_bytes(own.settings["engine"]) if "engine" in own.settings else b""
    said = own.out.read_bytes() + own.log.read_bytes() + metrics.encode()
    said += b"".join(repr(answer[1]).encode() for answer in answers)
    bodies = b"".join(answer[2] for answer in answers)
    for token in tokens:
        raw = urlsafe_b64decode(token)
        for form in (token.encode(), raw, b64encode(raw), raw.hex().encode()):
            assert form not in kept and form not in said and form not in bodies
        assert sha256(token.encode()).digest() in kept
    lines = own.access_log()
    assert len(lines) >= len(answers) and any(line.get("path") == "/p/..." for line in lines)
    used = next(line for line in lines if line["operation"] == "GetObject" and line["status"] == 200)
    assert (used["bucket"], used["key"], used["user"]) == ("photos", "k", "par-creator") and re.match(r"par:[A-Za-z0-9+/]{64}$", used["access_key"])


@pytest.mark.embedded("it looks into SQLite")
def test_what_the_database_says_of_a_request_M67(store: Store, server: Server, bucket: str) -> None:
    par, url = store.par(bucket, "AnyObjectRead")
    with sqlite3.connect(f"file:{Path(server.data_dir) / 'catalog.db'}?mode=ro", uri=True) as connection:
        rows = connection.execute("SELECT * FROM pars WHERE id = ?", (par.id,)).fetchall()
    assert len(rows) == 1 and url.split("/")[4] not in repr(rows)


# ---- cost ----


def test_ten_thousand_requests_on_one_bucket_M58(store: Store, server: Server, s3: Any, bucket: str) -> None:
    """Each works, and the first one that was made works as fast as when it was the only one: it takes the same look-up."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    _, url = store.par(bucket, "AnyObjectRead")
    urls = store.many(bucket, 10_000)
    assert ask("GET", url + "k")[0] == 200
    for other in urls[::500]:
        assert ask("GET", server.endpoint + other + "k")[0] == 200
    s3.delete_object(Bucket=bucket, Key="k")
    with pytest.raises(s3.exceptions.ClientError) as caught:
        s3.delete_bucket(Bucket=bucket)
    assert "10001 pre-authenticated requests" in caught.value.response["Error"]["Message"]
