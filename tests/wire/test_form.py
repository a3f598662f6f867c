"""Forms as streams: the same however the network cuts them, refused when they are malformed, bounded in memory."""

from __future__ import annotations

import asyncio

import pytest

from holdfast.model.errors import (
    EntityTooLarge,
    EntityTooSmall,
    IncorrectNumberOfFilesInPostRequest,
    InvalidArgument,
    MalformedPOSTRequest,
    MaxPostPreDataLengthExceededError,
    NotImplemented,
    Refusal,
)
from holdfast.wire.form import FIELDS_BYTES_MAX, Form, boundary_of


class Pieces:
    """A body in pieces of one size, that counts what was read."""

    length: int | None = None

    def __init__(self, data: bytes, size: int) -> None:
        self.data, self.size, self.given = data, size, 0
        self.trailers: dict[bytes, bytes] = {}

    async def read(self) -> bytes:
        piece = self.data[self.given : self.given + self.size]
        self.given += len(piece)
        return piece

    async def read_all(self, limit: int) -> bytes:
        raise AssertionError("a form is a stream")


def part(name: str, value: bytes, more: str = "", head: str = "") -> bytes:
    return f'--b\r\nContent-Disposition: form-data; name="{name}"{more}\r\n{head}\r\n'.encode() + value + b"\r\n"


def whole(*parts: bytes, end: bytes = b"--b--\r\n") -> bytes:
    return b"".join(parts) + end


def read(data: bytes, size: int = 1 << 20, least: int = 0, most: int = 1 << 40) -> tuple[dict[str, str], str | None, bytes]:
    async def run() -> tuple[dict[str, str], str | None, bytes]:
        form = Form(Pieces(data, size), b"b")
        fields = await form.fields()
        form.expect(least, most)
        pieces = []
        while piece := await form.read():
            pieces.append(piece)
        return fields, form.filename, b"".join(pieces)

    return asyncio.run(run())


GOOD = whole(
    b"a preamble\r\n",
    part("Key", "größe/k".encode()),
    part("empty", b""),
    part("lines", b"a\r\nb\r\n--c\r\n"),
    part("file", b"\r\n--bytes\r\n\r\n--", '; filename="k.bin"', "Content-Type: text/plain\r\n"),
    part("submit", b"Send"),
    end=b"--b-- \r\nan epilogue",
)
FIELDS = {"key": "größe/k", "empty": "", "lines": "a\r\nb\r\n--c\r\n"}


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 11, 64, 1000])
def test_m182_however_it_is_cut_it_is_the_same_form(size: int) -> None:
    data = GOOD.replace(b"\r\n--bytes", b"\r\n-bytes")
    assert read(data, size) == (FIELDS, "k.bin", b"\r\n-bytes\r\n\r\n--")


def test_what_begins_like_the_boundary_ends_the_part() -> None:
    with pytest.raises(MalformedPOSTRequest):
        read(GOOD)


@pytest.mark.parametrize("at", range(0, 330, 3))
def test_a_form_that_ends_too_early_is_no_form(at: int) -> None:
    data = GOOD.replace(b"\r\n--bytes", b"\r\n-bytes").partition(b"an epilogue")[0].removesuffix(b" \r\n")
    assert read(data)[2]
    with pytest.raises(Refusal):
        read(data[: min(at, len(data) - 1)], 16)


@pytest.mark.parametrize(
    ("disposition", "filename"),
    [
        ('; filename="a/b\\c.txt"', "c.txt"), ('; filename="C:\\dir\\x y.txt"', "x y.txt"), ("; filename=plain.txt", "plain.txt"), ("", None),
        ('; filename=""', ""), ('; filename="../../etc/passwd"', "passwd"), ("; filename*=UTF-8''gr%C3%B6%C3%9Fe.txt", "größe.txt"),
        ('; filename="größe.txt"', "größe.txt"), ('; filename="a\\"b"', 'a"b'), ('; filename=".."', ".."),
    ],
)  # fmt: skip
def test_m182_only_the_last_piece_of_a_file_name_counts(disposition: str, filename: str | None) -> None:
    assert read(whole(part("file", b"x", disposition)))[1] == filename


@pytest.mark.parametrize(
    ("data", "refusal"),
    [
        (b"", MalformedPOSTRequest),
        (b"--b--", IncorrectNumberOfFilesInPostRequest),
        (whole(part("key", b"k")), IncorrectNumberOfFilesInPostRequest),
        (whole(part("file", b"x"), part("file", b"y")), IncorrectNumberOfFilesInPostRequest),
        (whole(part("key", b"k"), part("KEY", b"l"), part("file", b"x")), InvalidArgument),
        (whole(part("key", b"\xff"), part("file", b"x")), InvalidArgument),
        (whole(part("", b"k"), part("file", b"x")), MalformedPOSTRequest),
        (whole(b"--b\r\n\r\nk\r\n", part("file", b"x")), MalformedPOSTRequest),
        (whole(b"--b\r\nContent-Type: x\r\n\r\nk\r\n", part("file", b"x")), MalformedPOSTRequest),
        (whole(b"--b\r\nno colon\r\n\r\nk\r\n", part("file", b"x")), MalformedPOSTRequest),
        (whole(b'--b\r\nContent-Disposition: attachment; name="key"\r\n\r\nk\r\n', part("file", b"x")), MalformedPOSTRequest),
        (whole(part("key", b"k", "", 'Content-Disposition: form-data; name="file"\r\n'), part("file", b"x")), MalformedPOSTRequest),
        (whole(part("file", b"eA==", "", "Content-Transfer-Encoding: base64\r\n")), NotImplemented),
        (whole(part("file", b"x", "; filename*=latin-1''a")), MalformedPOSTRequest),
        (whole(part("file", b"x", "; filename*=UTF-8''%ff")), MalformedPOSTRequest),
        (whole(b'--bx\r\nContent-Disposition: form-data; name="key"\r\n\r\nk\r\n', part("file", b"x")), MalformedPOSTRequest),
        (whole(part("file", b"x"), end=b"--b-"), MalformedPOSTRequest),
        (part("file", b"x"), MalformedPOSTRequest),
    ],
)
def test_forms_that_are_none(data: bytes, refusal: type[Refusal]) -> None:
    for size in (1, 1000):
        with pytest.raises(refusal):
            read(data, size)


@pytest.mark.parametrize(
    "data",
    [
        b"x" * (1 << 26),
        part("key", b"x" * (1 << 26)),
        b"--b\r\n" + b"X-Long: " + b"x" * (1 << 26),
        b"--b" + b" " * (1 << 26),
        b"".join(part(f"f{number}", b"x" * 100) for number in range(1000)),
        whole(part("file", b"x"), part("late", b"x" * (1 << 26))),
        whole(part("file", b"x")) + b"x" * (1 << 26),
    ],
)
def test_what_is_not_the_file_is_bounded(data: bytes) -> None:
    """python-multipart CVE-2024-24762, -53981: no field of a gibibyte is taken in, and nothing is looked through twice."""
    body = Pieces(data, 4096)

    async def run() -> None:
        form = Form(body, b"b")
        await form.fields()
        while await form.read():
            pass

    with pytest.raises(MaxPostPreDataLengthExceededError):
        asyncio.run(run())
    assert body.given <= 4 * FIELDS_BYTES_MAX


def test_the_size_of_the_file_is_held_while_it_is_read() -> None:
    data = whole(part("file", b"x" * 100_000))
    assert len(read(data, 4096, 100_000, 100_000)[2]) == 100_000
    with pytest.raises(EntityTooLarge):
        read(data, 4096, 0, 99_999)
    with pytest.raises(EntityTooSmall):
        read(data, 4096, 100_001)


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        (b"multipart/form-data; boundary=abc", b"abc"), (b'Multipart/Form-Data; charset=utf-8; Boundary="a b"', b"a b"),
        (b"multipart/form-data;boundary=a; charset=x", b"a"), (b"multipart/form-data; boundary=" + b"x" * 70, b"x" * 70),
    ],
)  # fmt: skip
def test_boundaries(content_type: bytes, boundary: bytes) -> None:
    assert boundary_of(content_type) == boundary


@pytest.mark.parametrize(
    "content_type",
    [
        b"", b"text/plain", b"multipart/mixed; boundary=x", b"application/x-www-form-urlencoded", b"multipart/form-data",
        b"multipart/form-data; boundary=", b"multipart/form-data; boundary=" + b"x" * 71, b'multipart/form-data; boundary="a\xff"',
        b'multipart/form-data; boundary="a "',
    ],
)  # fmt: skip
def test_boundaries_that_are_none(content_type: bytes) -> None:
    with pytest.raises(MalformedPOSTRequest):
        boundary_of(content_type)
