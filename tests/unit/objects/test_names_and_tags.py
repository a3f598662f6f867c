"""Keys, content types from names, and tags."""

from __future__ import annotations

import pytest

from holdfast.model.errors import InvalidArgument, InvalidTag, KeyTooLongError, MalformedXML
from holdfast.objects.names import check_key, content_type_of
from holdfast.objects.tags import tag_set, tags_of_document, tags_of_header


def test_keys_are_limited_in_bytes() -> None:
    check_key("a" * 1024)
    check_key("é" * 512)
    for wrong in ("a" * 1025, "é" * 513, "😀" * 257):
        with pytest.raises(KeyTooLongError):
            check_key(wrong)
    with pytest.raises(InvalidArgument):
        check_key("")


@pytest.mark.parametrize(
    ("key", "expected"),
    [("new-prefix/sample-object.txt", "text/plain"), ("a.JPG", "image/jpeg"), ("x.tar.gz", "application/gzip"), ("plain", "binary/octet-stream"),
     ("v1.txt/data", "binary/octet-stream"), ("a.unknown-suffix", "binary/octet-stream"), ("dir.json/", "binary/octet-stream")],
)  # fmt: skip
def test_the_content_type_comes_from_the_name_M227(key: str, expected: str) -> None:
    assert content_type_of(key) == expected


def test_tags_of_a_header() -> None:
    assert tags_of_header("a=1&b=&c") == {"a": "1", "b": "", "c": ""}
    assert tags_of_header("a%20b=x+y%2Bz") == {"a b": "x y+z"}
    assert tags_of_header("") == {}
    for wrong in ("a=1&&b=2", "=1", "a=%zz", "a=%ff"):
        with pytest.raises(InvalidArgument):
            tags_of_header(wrong)
    with pytest.raises(InvalidTag):
        tags_of_header("a=1&a=2")


def test_limits_of_tags_M170() -> None:
    assert len(tag_set((f"k{n}", "v" * 256) for n in range(10))) == 10
    assert tag_set([("k" * 128, "")]) == {"k" * 128: ""}
    for wrong in ([(f"k{n}", "") for n in range(11)], [("k" * 129, "")], [("k", "v" * 257)], [("", "v")], [("aws:k", "v")], [("k", "v<")]):
        with pytest.raises(InvalidTag):
            tag_set(wrong)


def test_tags_of_a_document() -> None:
    assert tags_of_document({"tag_set": [{"key": "a", "value": "1"}]}) == {"a": "1"}
    assert tags_of_document({"tag_set": []}) == {}
    for wrong in ({}, {"tag_set": [{"key": "a"}]}, {"tag_set": ["a"]}):
        with pytest.raises(MalformedXML):
            tags_of_document(wrong)
