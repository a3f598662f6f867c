"""Both listings and the versions listing over an engine, without a server (M169, M226, M228-M231)."""

from __future__ import annotations

import itertools
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from holdfast.engine.api import ANYTHING
from holdfast.model import errors
from holdfast.model.identity import User
from holdfast.model.objects import Entry, Version
from holdfast.s3.listing_text import Encoding, contents, date_text, url_text, xml_text

B = "listed"
NS = "{http://s3.amazonaws.com/doc/2006-03-01/}"


def fill(store: Any, keys: list[str], bucket: str = B) -> None:
    store.run("CreateBucket", bucket=bucket)
    found = store.wait(store.engine.catalog.bucket("default", bucket))
    whole = [Version(key=key, etag="e" * 32, owner="alice" * 8, modified_ms=1_700_000_000_999) for key in keys]
    store.together([lambda new=new: store.engine.catalog.commit(found, new) for new in whole])


def naive(keys: list[str], prefix: str, delimiter: str) -> list[tuple[str, bool]]:
    """What a listing holds, by the definition: (name, is a common prefix) in the order of UTF-8 bytes."""
    rows: dict[str, bool] = {}
    for key in keys:
        if key.startswith(prefix):
            at = key.find(delimiter, len(prefix)) if delimiter else -1
            if at < 0:
                rows[key] = False
            else:
                rows[key[: at + len(delimiter)]] = True
    return sorted(rows.items(), key=lambda row: row[0].encode())


def names(root: ElementTree.Element, rows: str = "Contents") -> list[tuple[str, bool]]:
    found = [(unquote(e.text or ""), False) for e in root.findall(f"{NS}{rows}/{NS}Key")]
    found += [(unquote(e.text or ""), True) for e in root.findall(f"{NS}CommonPrefixes/{NS}Prefix")]
    return sorted(found, key=lambda row: row[0].encode())


def text(root: ElementTree.Element, name: str) -> str | None:
    element = root.find(NS + name)
    return None if element is None else element.text or ""


def test_m228_m231_the_whole_answer(store: Any) -> None:
    fill(store, ["new-prefix/sample-object.txt"])
    answer = store.answer("ListObjectsV2", bucket=B)
    assert dict(answer.headers)[b"content-type"] == b"application/xml; charset=UTF-8"
    assert answer.body.decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>listed</Name><Prefix></Prefix><KeyCount>1</KeyCount>'
        "<MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated><Contents><Key>new-prefix/sample-object.txt</Key>"
        f"<LastModified>2023-11-14T22:13:20.000Z</LastModified><ETag>&quot;{'e' * 32}&quot;</ETag><Size>0</Size>"
        "<StorageClass>STANDARD</StorageClass></Contents></ListBucketResult>"
    )


def test_m231_owner_and_tag_set_are_asked_for_or_switched_on(store: Any) -> None:
    fill(store, ["a"])
    bucket = store.wait(store.engine.catalog.bucket("default", B))
    facts = store.wait(store.engine.catalog.version(bucket.id, "a")).facts
    store.wait(store.engine.catalog.amend(bucket, "a", None, replace(facts, tags={"k&": "v"}), ANYTHING))
    assert store.text("ListObjectsV2", "Contents/Owner/ID", bucket=B) is None
    assert store.text("ListObjectsV2", "Contents/Owner/DisplayName", bucket=B, fetch_owner=True) == "Alice"
    assert store.text("ListObjects", "Contents/Owner/ID", bucket=B) == "alice" * 8
    assert store.text("ListObjects", "Contents/TagSet", bucket=B) is None
    store.settings.list_extras = True
    assert store.text("ListObjectsV2", "Contents/Owner/ID", bucket=B) == "alice" * 8
    assert store.text("ListObjectsV2", "Contents/TagSet/Tag/Key", bucket=B) == "k&"
    assert store.text("ListObjectsV2", "Contents/TagSet/Tag/Value", bucket=B) == "v"


def test_max_keys(store: Any) -> None:
    fill(store, ["bar", "baz", "foo", "quxx"])
    for name in ("ListObjects", "ListObjectsV2"):
        root = store.xml(name, bucket=B, max_keys=0)
        assert (names(root), text(root, "IsTruncated")) == ([], "false")
        assert text(store.xml(name, bucket=B, max_keys=5000), "MaxKeys") == "1000"
        with pytest.raises(errors.InvalidArgument):
            store.run(name, bucket=B, max_keys=-1)
    assert text(store.xml("ListObjectsV2", bucket=B, max_keys=2), "KeyCount") == "2"


def test_markers(store: Any) -> None:
    fill(store, ["bar", "baz", "foo", "quxx"])
    root = store.xml("ListObjects", bucket=B, max_keys=2)
    assert (text(root, "IsTruncated"), text(root, "NextMarker"), text(root, "Marker")) == ("true", None, "")
    assert text(store.xml("ListObjects", bucket=B, max_keys=2, delimiter="/"), "NextMarker") == "baz"
    assert names(store.xml("ListObjects", bucket=B, marker="c")) == [("foo", False), ("quxx", False)]
    root = store.xml("ListObjectsV2", bucket=B, start_after="bar", max_keys=1)
    token = text(root, "NextContinuationToken")
    root = store.xml("ListObjectsV2", bucket=B, start_after="bar", continuation_token=token)
    assert names(root) == [("foo", False), ("quxx", False)]
    assert (text(root, "ContinuationToken"), text(root, "StartAfter"), text(root, "IsTruncated")) == (token, "bar", "false")
    assert text(store.xml("ListObjectsV2", bucket=B, continuation_token=""), "ContinuationToken") == ""
    with pytest.raises(errors.InvalidArgument):
        store.run("ListObjectsV2", bucket=B, continuation_token="bar")


def test_encoding_type_url(store: Any) -> None:
    fill(store, ["foo+1/bar", "foo/bar/xyzzy", "quux ab/thud", "asdf+b", "ü\x01&"])
    root = store.xml("ListObjects", bucket=B, delimiter="/", encoding_type="url", prefix="", marker="a b")
    assert [e.text for e in root.findall(f"{NS}Contents/{NS}Key")] == ["asdf%2Bb", "%C3%BC%01%26"]
    assert [e.text for e in root.findall(f"{NS}CommonPrefixes/{NS}Prefix")] == ["foo%2B1/", "foo/", "quux%20ab/"]
    assert (text(root, "EncodingType"), text(root, "Delimiter"), text(root, "Marker")) == ("url", "/", "a%20b")
    for name in ("ListObjects", "ListObjectsV2", "ListObjectVersions"):
        with pytest.raises(errors.InvalidArgument):
            store.run(name, bucket=B, encoding_type="base64")


KEYS = st.lists(st.text(alphabet="ab/é\U0001f600-", min_size=1, max_size=7), unique=True, max_size=25)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(keys=KEYS, prefix=st.sampled_from(["", "a", "a/", "é", "/"]), delimiter=st.sampled_from(["", "/", "-", "a/", "é", "\U0001f600"]))
def test_m169_every_page_size_shows_every_key_once(store: Any, keys: list[str], prefix: str, delimiter: str) -> None:
    bucket = f"pages-{next(COUNT)}"
    fill(store, keys, bucket)
    wanted = naive(keys, prefix, delimiter)
    asked = {"bucket": bucket, "prefix": prefix, "delimiter": delimiter, "encoding_type": "url"}
    for size in (1, 2, 3, 7, 1000):
        for name in ("ListObjectsV2", "ListObjects", "ListObjectVersions"):
            assert list(walk(store, name, size, asked)) == wanted, (name, size)


def walk(store: Any, name: str, size: int, asked: dict[str, Any]) -> Any:
    where: dict[str, Any] = {}
    for _ in range(100):
        root = store.xml(name, max_keys=size, **where, **asked)
        rows = names(root, "Version" if name == "ListObjectVersions" else "Contents")
        assert len(rows) <= size
        yield from rows
        if text(root, "IsTruncated") == "false":
            return
        if name == "ListObjectsV2":
            where = {"continuation_token": text(root, "NextContinuationToken")}
        elif name == "ListObjects":
            marker = text(root, "NextMarker")
            where = {"marker": unquote(marker) if marker is not None else rows[-1][0]}
        else:
            where = {"key_marker": unquote(text(root, "NextKeyMarker") or ""), "version_id_marker": text(root, "NextVersionIdMarker")}
    raise AssertionError("the listing does not end")


COUNT = itertools.count()


@pytest.mark.usefixtures("on_disk")
def test_versions_and_delete_markers(store: Any) -> None:
    store.run("CreateBucket", bucket=B)
    store.put(B, "k")
    store.run("PutBucketVersioning", bucket=B, versioning_configuration={"status": "Enabled"})
    for key in ("k", "j", "k"):
        store.put(B, key, b"x")
    store.run("DeleteObject", bucket=B, key="k")
    root = store.xml("ListObjectVersions", bucket=B)
    rows = [e for e in root if e.tag in (NS + "Version", NS + "DeleteMarker")]
    assert [(text(e, "Key"), e.tag.removeprefix(NS), text(e, "IsLatest")) for e in rows] == [
        ("j", "Version", "true"), ("k", "DeleteMarker", "true"), ("k", "Version", "false"), ("k", "Version", "false"), ("k", "Version", "false"),
    ]  # fmt: skip
    ids = [text(e, "VersionId") for e in rows]
    assert ids[-1] == "null" and len(set(ids)) == 5
    assert [e.text for e in rows[1].findall(f"{NS}Owner/{NS}DisplayName")] == ["Alice"]
    assert rows[1].find(NS + "Size") is None
    for size in (1, 2, 3, 4):
        seen: list[str | None] = []
        where: dict[str, Any] = {}
        for _ in range(10):
            page = store.xml("ListObjectVersions", bucket=B, max_keys=size, **where)
            seen += [text(e, "VersionId") for e in page if e.tag in (NS + "Version", NS + "DeleteMarker")]
            if text(page, "IsTruncated") == "false":
                break
            where = {"key_marker": text(page, "NextKeyMarker"), "version_id_marker": text(page, "NextVersionIdMarker")}
        assert seen == ids
    assert names(store.xml("ListObjectsV2", bucket=B)) == [("j", False)]


@pytest.mark.parametrize(("key", "version_id"), [(None, "abc"), ("", "abc"), ("k", "")])
def test_version_markers_that_are_refused(store: Any, key: str | None, version_id: str) -> None:
    store.run("CreateBucket", bucket=B)
    with pytest.raises(errors.InvalidArgument):
        store.run("ListObjectVersions", bucket=B, key_marker=key, version_id_marker=version_id)


@given(st.text())
def test_names_in_xml_and_percent_encoding(name: str) -> None:
    assert unquote(url_text(name)) == name.encode("utf-8", "replace").decode()
    row = Entry(name, "null", 0, 1, "e", "STANDARD", "o", "", False, True)
    for encoding in (Encoding(None), Encoding("url")):
        assert f"<Key>{encoding.one(name)}</Key>" in contents([row], encoding, {"o": ""})
    if name.isprintable():
        assert (ElementTree.fromstring(f"<a>{xml_text(name)}</a>").text or "") == name


def test_control_characters_are_references() -> None:
    assert xml_text("a\r\n\t\x01<\x7f\ufffe") == "a&#xd;\n\t&#x1;&lt;&#x7f;&#xfffe;"


@given(st.integers(0, 4102444800))
def test_dates(second: int) -> None:
    assert date_text(second * 1000 + 999) == datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def test_other_peoples_names_come_from_the_registry(store: Any) -> None:
    bob = User(id="u-bob", name="bob", canonical_id="bob" * 8, display_name="Bob B.")
    fill(store, ["a"])
    assert store.text("ListObjects", "Contents/Owner/DisplayName", bucket=B, by=bob) == "alice" * 8
    alice = User(id="u-alice", name="alice", canonical_id="alice" * 8, display_name="A.")
    store.wait(store.engine.registry.put("user", alice.id, msgspec.json.encode(alice)))
    store.wait(store.engine.registry.put("canonical", "alice" * 8, b"u-alice"))
    assert store.text("ListObjects", "Contents/Owner/DisplayName", bucket=B, by=bob) == "A."


def test_uploads_of_keys_with_control_characters_are_named_as_they_are(store: Any) -> None:
    """A stand-in in NextKeyMarker would name a later place, and the keys between would be skipped in silence."""
    store.run("CreateBucket", bucket="uploads")
    keys = ["a\x01&", "a\x02<", "a\x03\x7f"]
    for key in keys:
        store.run("CreateMultipartUpload", bucket="uploads", key=key)
    seen: list[str] = []
    marker, upload_marker = None, None
    for _ in keys:
        given = {"bucket": "uploads", "max_uploads": 1, "key_marker": marker, "upload_id_marker": upload_marker}
        text = store.answer("ListMultipartUploads", **given).body.decode()
        (written,) = re.findall("<Key>(.*?)</Key>", text, re.DOTALL)
        seen.append(as_read(written))
        assert "\ufffd" not in text and "&amp;#" not in text
        found = re.search("<NextKeyMarker>(.*?)</NextKeyMarker>", text, re.DOTALL)
        if found is None:
            break
        assert found[1] == written
        marker = as_read(found[1])
        upload_marker = re.findall("<NextUploadIdMarker>(.*?)</NextUploadIdMarker>", text)[0]
    assert seen == keys
    assert store.texts("ListMultipartUploads", "Upload/Key", bucket="uploads", encoding_type="url") == ["a%01%26", "a%02%3C", "a%03%7F"]


def as_read(written: str) -> str:
    """Text without references, read as a lenient parser does."""
    named = {"amp": "&", "lt": "<", "gt": ">", "quot": '"'}
    return re.sub("&(?:#x([0-9a-f]+)|(\\w+));", lambda found: chr(int(found[1], 16)) if found[1] else named[found[2]], written)
