"""Documents that attack the parser, or say what the schema does not: each is MalformedXML, quickly, and nothing is opened or fetched."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.model.errors import MalformedXML
from holdfast.wire import xml
from holdfast.wire.document import DocumentReader
from holdfast.wire.model import NAMESPACE, service

API = service()
TAGGING = DocumentReader(API, "Tagging", "Tagging")
DELETE = DocumentReader(API, "Delete", "Delete")
ACL = DocumentReader(API, "AccessControlPolicy", "AccessControlPolicy")
LIFECYCLE = DocumentReader(API, "BucketLifecycleConfiguration", "LifecycleConfiguration")
COMPLETE = DocumentReader(API, "CompletedMultipartUpload", "CompleteMultipartUpload")
READERS = [TAGGING, DELETE, ACL, LIFECYCLE, COMPLETE]
ONE_TAG = "<Tagging><TagSet><Tag><Key>{}</Key><Value>v</Value></Tag></TagSet></Tagging>"


def refused(data: bytes, reader: DocumentReader = TAGGING, limits: xml.Limits = xml.ORDINARY) -> None:
    start = time.thread_time()
    with pytest.raises(MalformedXML):
        reader.read(data, limits)
    assert time.thread_time() - start < 1


def entities(levels: int) -> str:
    lines = ['<!ENTITY e0 "lollollollol">'] + [f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, levels)]
    return f"<!DOCTYPE Tagging [{''.join(lines)}]>" + ONE_TAG.format(f"&e{levels - 1};")


@pytest.fixture
def trap() -> Any:
    """A listener that must not be visited."""
    visits: list[Any] = []
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.2)

    def wait() -> None:
        with contextlib.suppress(TimeoutError):
            visits.append(listener.accept())

    thread = threading.Thread(target=wait)
    thread.start()
    yield listener.getsockname()[1]
    thread.join()
    listener.close()
    assert visits == []


@pytest.mark.parametrize("reader", READERS)
def test_external_entities_are_never_opened(reader: DocumentReader, trap: int, tmp_path: Path) -> None:
    """CVE-2022-47950"""
    secret = tmp_path / "secret"
    secret.write_text("canary")
    for dtd in (
        f'<!DOCTYPE Tagging [<!ENTITY x SYSTEM "file://{secret}">]>', f'<!DOCTYPE Tagging [<!ENTITY x SYSTEM "http://127.0.0.1:{trap}/">]>',
        f'<!DOCTYPE Tagging [<!ENTITY % p SYSTEM "http://127.0.0.1:{trap}/p">%p;]>', f'<!DOCTYPE Tagging SYSTEM "http://127.0.0.1:{trap}/d">',
        '<!DOCTYPE Tagging [<!ENTITY x "inside">]>', "<!DOCTYPE Tagging>",
    ):  # fmt: skip
        for root in ("Tagging", "Delete", "AccessControlPolicy", "LifecycleConfiguration", "CompleteMultipartUpload"):
            refused(f"{dtd}<{root}>&x;</{root}>".encode(), reader)
        refused(f"{dtd}{ONE_TAG.format('&x;')}".encode(), reader)
    refused(f'<Tagging xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="file://{secret}"/></Tagging>'.encode(), reader)


def test_entity_bombs_are_refused_in_time() -> None:
    """CVE-2022-47950: billion laughs, and one large entity used often."""
    refused(entities(12).encode())
    refused(f'<!DOCTYPE Tagging [<!ENTITY a "{"a" * 100_000}">]>{ONE_TAG.format("&a;" * 50_000)}'.encode())
    refused(f"<!DOCTYPE Tagging [<!ENTITY a '&a;'>]>{ONE_TAG.format('&a;')}".encode())
    refused(f"<!DOCTYPE Tagging [<!ATTLIST Tagging a CDATA '{'x' * 1000}'>]>{ONE_TAG.format('k')}".encode())


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-7"])
def test_only_utf_8_is_read(encoding: str) -> None:
    refused(f'<?xml version="1.0" encoding="{encoding}"?>{ONE_TAG.format("k")}'.encode(encoding))
    refused(f'<?xml version="1.0" encoding="{encoding}"?>{ONE_TAG.format("k")}'.encode())
    refused(f'<?xml version="1.0" encoding="latin-1"?>{ONE_TAG.format("k")}'.encode())
    refused(ONE_TAG.format("k").replace("k", "\xe9").encode("latin-1"))


def test_sizes_are_bounded() -> None:
    """CVE-2018-1000538"""
    refused(b"<Tagging>" + b" " * (1 << 20) + b"</Tagging>")
    refused(b"<Tagging>" * 17 + b"</Tagging>" * 17)
    refused(("<Tagging><TagSet>" + "<Tag><Key>k</Key><Value>v</Value></Tag>" * 10_000 + "</TagSet></Tagging>").encode())
    refused(b"<Tagging" + b" a='1'" * 20_000 + b"/>")
    refused(b"<" * 100_000)
    refused(b"<Tagging>" + b"<!--" * 100_000)
    refused(b"<Tagging xmlns:" + b"a" * 500_000 + b"='u'/>")


@pytest.mark.parametrize(
    "document",
    [
        "", " ", "x", "<Tagging>", "<Tagging/>", "<tagging><TagSet/></tagging>", "<Other/>", "<Tagging><TagSet/><TagSet/></Tagging>",
        "<Tagging><TagSet><Tag/></TagSet></Tagging>", "<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>",
        "<Tagging><TagSet><Tag><Key>a</Key><Key>b</Key><Value/></Tag></TagSet></Tagging>",
        "<Tagging><TagSet><Tag><Key><Key>a</Key></Key><Value/></Tag></TagSet></Tagging>", "<Tagging>text<TagSet/></Tagging>",
        "<Tagging><TagSet><Tagging/></TagSet></Tagging>", "<Tagging><TagSet/><Extra/></Tagging>", "<Tagging><TagSet a='b'/></Tagging>",
        '<Tagging xmlns="http://example.org/"><TagSet/></Tagging>', '<Tagging><TagSet xmlns="urn:x"/></Tagging>', "<a:Tagging><TagSet/></a:Tagging>",
        "<Tagging><TagSet/></Tagging><Tagging/>", "<?php x?><Tagging><TagSet/></Tagging>", "<Tagging><TagSet>&nbsp;</TagSet></Tagging>",
        "<Tagging><TagSet><Tag><Key>\x01</Key><Value/></Tag></TagSet></Tagging>",
        "<Tagging><TagSet><Tag><Key>&#0;</Key><Value/></Tag></TagSet></Tagging>",
    ],
)  # fmt: skip
def test_what_the_schema_does_not_say_is_malformed(document: str) -> None:
    """CVE-2020-12059: missing, empty, doubled, nested and wrong-namespace elements."""
    refused(document.encode())


@pytest.mark.parametrize(
    ("reader", "document"),
    [
        (DELETE, "<Delete/>"), (DELETE, "<Delete><Object/></Delete>"), (DELETE, "<Delete><Object><Key>a</Key></Object><Quiet>yes</Quiet></Delete>"),
        (DELETE, "<Delete><Object><Key>a</Key><Size>1e3</Size></Object></Delete>"),
        (COMPLETE, "<CompleteMultipartUpload><Part><PartNumber>one</PartNumber></Part></CompleteMultipartUpload>"),
        (COMPLETE, "<CompleteMultipartUpload><Part><PartNumber>99999999999</PartNumber></Part></CompleteMultipartUpload>"),
        (LIFECYCLE, "<LifecycleConfiguration><Rule><Status>enabled</Status></Rule></LifecycleConfiguration>"),
        (LIFECYCLE, "<LifecycleConfiguration><Rule><Status>Enabled</Status><NoncurentDays>1</NoncurentDays></Rule></LifecycleConfiguration>"),
        (LIFECYCLE, "<LifecycleConfiguration><Rule><Status>Enabled</Status><Expiration><Days>x</Days></Expiration></Rule></LifecycleConfiguration>"),
        (ACL, "<AccessControlPolicy><AccessControlList><Grant><Grantee><ID>x</ID></Grantee></Grant></AccessControlList></AccessControlPolicy>"),
    ],
)  # fmt: skip
def test_values_are_checked_against_their_types(reader: DocumentReader, document: str) -> None:
    refused(document.encode(), reader)


def test_what_clients_send_is_read() -> None:
    tags = {"tag_set": [{"key": "a b", "value": "<&\u00e9"}]}
    content = "<TagSet>\n <Tag><Key>a b</Key><Value>&lt;&amp;&#xe9;</Value></Tag>\n</TagSet>"
    for head in (
        "<Tagging>", f'<Tagging xmlns="{NAMESPACE}">', '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<Tagging>',
        '\ufeff<Tagging xmlns="http://doc.s3.amazonaws.com/2006-03-01">', "<!-- hello --><Tagging>",
    ):  # fmt: skip
        assert TAGGING.read(f"{head}{content}</Tagging>".encode()) == tags
    assert TAGGING.read(f'<s:Tagging xmlns:s="{NAMESPACE}"><s:TagSet/></s:Tagging>'.encode()) == {"tag_set": []}
    grantee = '<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"><ID>x</ID></Grantee>'
    grant = f"<Grant>{grantee}<Permission>READ</Permission></Grant>"
    document = f"<AccessControlPolicy><AccessControlList>{grant}</AccessControlList></AccessControlPolicy>"
    assert ACL.read(document.encode()) == {"grants": [{"grantee": {"type": "CanonicalUser", "id": "x"}, "permission": "READ"}]}
    assert DELETE.read(b"<Delete><Object><Key> ../a </Key></Object><Object><Key>b</Key></Object><Quiet> true </Quiet></Delete>") == {
        "objects": [{"key": " ../a "}, {"key": "b"}], "quiet": True,
    }  # fmt: skip


def test_the_largest_completion_is_read_in_bounded_time() -> None:
    """M177: 10,000 parts, each with a checksum."""
    part = "<Part><PartNumber>{}</PartNumber><ETag>&quot;" + "a" * 32 + "&quot;</ETag><ChecksumSHA256>" + "b" * 44 + "</ChecksumSHA256></Part>"
    document = "<CompleteMultipartUpload>" + "".join(part.format(n) for n in range(1, 10_001)) + "</CompleteMultipartUpload>"
    start = time.thread_time()
    assert len(COMPLETE.read(document.encode(), xml.Limits(bytes_max=16 << 20, elements_max=200_000))["parts"]) == 10_000
    assert time.thread_time() - start < 2


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for document in (data, b"<Tagging>" + data + b"</Tagging>", ONE_TAG.encode().replace(b"{}", data)):
        with contextlib.suppress(MalformedXML):
            TAGGING.read(document)


@given(st.text(max_size=60))
@settings(max_examples=300, deadline=None)
def test_escaped_text_is_always_well_formed(text: str) -> None:
    """CVE-2013-2161: what XML can hold comes back as it was, what it cannot hold becomes U+FFFD."""
    got = TAGGING.read(ONE_TAG.format(xml.escape(text)).encode("utf-8", "strict"))["tag_set"][0]["key"]
    assert len(got) == len(text)
    assert all(a == b or b == "\ufffd" for a, b in zip(text, got, strict=True))
    assert "]]>" not in xml.escape(text)


@pytest.mark.parametrize("char", [chr(c) for c in range(32)] + ["\x7f", "\x85", "\ufffe", "\uffff", "\ud800", "]]>", '"', "'", "<", "&"])
def test_each_awkward_character_survives_or_is_replaced(char: str) -> None:
    got = TAGGING.read(ONE_TAG.format(xml.escape(f"a{char}b")).encode())["tag_set"][0]["key"]
    assert got in (f"a{char}b", "a\ufffdb")
    assert got == f"a{char}b" or char in "\ud800\ufffe\uffff" or char < " "
