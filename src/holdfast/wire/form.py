"""multipart/form-data read as a stream: small fields first, then one file of any size, in bounded memory.

Source: RFC 7578 and RFC 2046, 5.1; S3 API Reference, "POST Object": the file comes last, and what follows it means nothing.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote

from holdfast.model.errors import (
    EntityTooLarge,
    EntityTooSmall,
    IncorrectNumberOfFilesInPostRequest,
    InvalidArgument,
    MalformedPOSTRequest,
    MaxPostPreDataLengthExceededError,
    NotImplemented,
)
from holdfast.model.messages import Body

FIELDS_BYTES_MAX = 20 * 1024
"""Everything but the file (S3 API Reference, "HTML form fields")."""
FILE = "file"

_BOUNDARY = re.compile(rb""";\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))\s*(?:;|\Z)""", re.IGNORECASE)
_ALLOWED = re.compile(rb"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]\Z")
_PARAMETER = re.compile(r';\s*(name|filename|filename\*)=(?:"((?:\\"|[^"])*)"|([^\s;"]*))', re.IGNORECASE)
_PADDING = b" \t"
_PLAIN = ("7bit", "8bit", "binary")


class Part(NamedTuple):
    """The head of one part; `filename` None where it has none."""

    name: str
    filename: str | None


def boundary_of(content_type: bytes) -> bytes:
    """The boundary of a form. Errors: MalformedPOSTRequest for another type, or a boundary that is none."""
    if content_type.partition(b";")[0].strip().lower() != b"multipart/form-data":
        raise MalformedPOSTRequest("Bucket POST must be of the enclosure-type multipart/form-data")
    found = _BOUNDARY.search(content_type)
    boundary = (found.group(1) or found.group(2)) if found is not None else b""
    if _ALLOWED.match(boundary) is None:
        raise MalformedPOSTRequest
    return boundary


class Form:
    """A form while it is read: `fields` first, then the bytes of the file by `read`, as a request's body."""

    __slots__ = ("_body", "_bytes_max", "_bytes_min", "_data", "_delimiter", "_left", "_size", "filename", "length", "trailers")

    def __init__(self, body: Body, boundary: bytes) -> None:
        self._body = body
        self._data = b"\r\n"  # so that the first delimiter looks like the others
        self._delimiter = b"\r\n--" + boundary
        self._left = FIELDS_BYTES_MAX
        self._size = 0
        self._bytes_min, self._bytes_max = 0, 1 << 62
        self.filename: str | None = None
        self.length: int | None = None
        self.trailers: dict[bytes, bytes] = {}

    def expect(self, bytes_min: int, bytes_max: int) -> None:
        """How large the file may be, checked while it is read."""
        self._bytes_min, self._bytes_max = bytes_min, bytes_max

    async def fields(self) -> dict[str, str]:
        """The fields before the file, by name in lower case.

        Errors: MalformedPOSTRequest, MaxPostPreDataLengthExceededError, IncorrectNumberOfFilesInPostRequest (none), InvalidArgument (a name
        that comes twice, text that is not UTF-8); those of the body."""
        found: dict[str, str] = {}
        await self._until(self._delimiter)  # a preamble means nothing
        while True:
            part = await self._part()
            if part is None:
                raise IncorrectNumberOfFilesInPostRequest
            if part.name == FILE:
                self.filename = part.filename
                return found
            value = _text(await self._until(self._delimiter))
            if part.name in found:
                raise InvalidArgument("A field of the form may be given once.", ArgumentName=part.name)
            found[part.name] = value

    async def read(self) -> bytes:
        """The next piece of the file; b"" once all of the form was read and is well-formed. Errors: as `fields`; EntityTooLarge, EntityTooSmall."""
        keep = len(self._delimiter) - 1
        while True:
            data = self._data
            at = data.find(self._delimiter)
            if at > 0:
                self._data = data[at:]
                return self._counted(data[:at])
            if at == 0:
                self._data = data[len(self._delimiter) :]
                await self._end()
                return b""
            if len(data) > keep:
                self._data = data[-keep:]
                return self._counted(data[:-keep])
            await self._more()

    async def read_all(self, limit: int) -> bytes:
        """The whole file. Errors: as `read`; EntityTooLarge above `limit` bytes."""
        pieces = []
        while piece := await self.read():
            if self._size > limit:
                raise EntityTooLarge
            pieces.append(piece)
        return b"".join(pieces)

    def _counted(self, piece: bytes) -> bytes:
        self._size += len(piece)
        if self._size > self._bytes_max:
            raise EntityTooLarge(None, ProposedSize=str(self._size), MaxSizeAllowed=str(self._bytes_max))
        return piece

    async def _end(self) -> None:
        """Reads what follows the file, which means nothing, but for a second file."""
        if self._size < self._bytes_min:
            raise EntityTooSmall(None, ProposedSize=str(self._size), MinSizeAllowed=str(self._bytes_min))
        self._left = FIELDS_BYTES_MAX
        while (part := await self._part()) is not None:
            if part.name == FILE:
                raise IncorrectNumberOfFilesInPostRequest
            await self._until(self._delimiter)
        while True:  # an epilogue
            self._spend(len(self._data))
            self._data = await self._body.read()
            if not self._data:
                return

    async def _part(self) -> Part | None:
        """The head of the part behind a delimiter that was just read; None behind the last one."""
        while len(self._data) < 2:
            await self._more()
        if self._data.startswith(b"--"):
            return None
        padding = await self._until(b"\r\n", include=True)
        if padding.strip(_PADDING) != b"\r\n":
            raise MalformedPOSTRequest
        self._data = b"\r\n" + self._data  # a part may have no head at all
        head = await self._until(b"\r\n\r\n")
        return _part_of(head)

    async def _until(self, mark: bytes, *, include: bool = False) -> bytes:
        """What stands before `mark`, within what is left of the bound."""
        while (at := self._data.find(mark)) < 0:
            if len(self._data) - len(mark) > self._left:
                raise MaxPostPreDataLengthExceededError
            await self._more()
        end = at + len(mark)
        found = self._data[: end if include else at]
        self._data = self._data[end:]
        self._spend(end)
        return found

    def _spend(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise MaxPostPreDataLengthExceededError

    async def _more(self) -> None:
        piece = await self._body.read()
        if not piece:
            raise MalformedPOSTRequest
        self._data += piece


def _part_of(head: bytes) -> Part:
    """The head of a part, its lines each begun by CRLF. Errors: MalformedPOSTRequest, NotImplemented (an encoding)."""
    name = filename = None
    for line in head.split(b"\r\n")[1:]:
        field, colon, value = _text(line).partition(":")
        if not colon:
            raise MalformedPOSTRequest
        field = field.strip().lower()
        if field == "content-transfer-encoding" and value.strip().lower() not in _PLAIN:
            raise NotImplemented(f"A part with the Content-Transfer-Encoding {value.strip()} is not implemented.")
        if field == "content-disposition":
            if name is not None or value.partition(";")[0].strip().lower() != "form-data":
                raise MalformedPOSTRequest
            found = {each.group(1).lower(): each.group(2) if each.group(2) is not None else each.group(3) for each in _PARAMETER.finditer(value)}
            name = found.get("name", "").lower()
            filename = _extended(found["filename*"]) if "filename*" in found else found.get("filename")
    if not name:
        raise MalformedPOSTRequest
    return Part(name, None if filename is None else re.split(r"[/\\]", filename.replace('\\"', '"'))[-1])


def _extended(value: str) -> str:
    """`UTF-8''text` (RFC 5987). Errors: MalformedPOSTRequest."""
    charset, quote, text = value.partition("''")
    if not quote or charset.lower() != "utf-8":
        raise MalformedPOSTRequest
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise MalformedPOSTRequest from None


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise InvalidArgument("The fields of a form must be UTF-8.") from None
