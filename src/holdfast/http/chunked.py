"""Takes the chunked transfer coding (RFC 9112, 7.1) apart; strict, bounded and without I/O."""

from __future__ import annotations

import re

from holdfast.http.limits import Limits

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?")
_TRAILER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)")
_FORBIDDEN = frozenset(b"content-length transfer-encoding host authorization content-encoding content-type trailer expect".split())

_SIZE_LINE, _DATA, _DATA_END, _TRAILERS, _DONE = range(5)


class BrokenFraming(Exception):
    """The bytes are no chunked body."""


class ChunkedDecoder:
    """Fed with segments of any size; gives the data and, in the end, what follows the body."""

    __slots__ = ("_left", "_line", "_line_max", "_state", "_trailer_left", "rest", "trailers")

    def __init__(self, limits: Limits, trailers: dict[bytes, bytes]) -> None:
        self.trailers = trailers
        self.rest = b""
        self._state = _SIZE_LINE
        self._left = 0
        self._line = b""
        self._line_max = limits.chunk_line_bytes_max
        self._trailer_left = limits.trailer_section_bytes_max

    @property
    def done(self) -> bool:
        """The body and its trailers are complete; `rest` holds what came after them."""
        return self._state == _DONE

    def feed(self, data: bytes) -> bytes:
        """The body bytes in `data`, perhaps none. Errors: BrokenFraming."""
        pieces: list[bytes] = []
        at = 0
        size = len(data)
        while at < size and self._state != _DONE:
            if self._state == _DATA:
                piece = data[at : at + self._left]
                pieces.append(piece)
                at += len(piece)
                self._left -= len(piece)
                if not self._left:
                    self._state = _DATA_END
            else:
                at = self._take_line(data, at)
        if self._state == _DONE:
            self.rest = data[at:]
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _take_line(self, data: bytes, at: int) -> int:
        if self._state == _DATA_END:
            bound = 0
        elif self._state == _SIZE_LINE:
            bound = self._line_max
        else:
            bound = self._trailer_left
        end = data.find(b"\n", at, at + bound + 2)
        piece = data[at : end + 1] if end >= 0 else data[at : at + bound + 2]
        line = self._line + piece
        if end < 0:
            if len(line) >= bound + 2 or (self._state == _DATA_END and line != b"\r"):
                raise BrokenFraming
            self._line = line
            return at + len(piece)
        if len(line) > bound + 2 or line[-2:] != b"\r\n":
            raise BrokenFraming
        self._line = b""
        self._read_line(line[:-2])
        return end + 1

    def _read_line(self, line: bytes) -> None:
        if self._state == _DATA_END:
            self._state = _SIZE_LINE
        elif self._state == _SIZE_LINE:
            size = _SIZE.fullmatch(line)
            if size is None:
                raise BrokenFraming
            self._left = int(size[1], 16)
            self._state = _DATA if self._left else _TRAILERS
        elif not line:
            self._state = _DONE
        else:
            self._trailer_left -= len(line) + 2
            trailer = _TRAILER.fullmatch(line)
            if trailer is None or self._trailer_left < 0:
                raise BrokenFraming
            name = trailer[1].lower()
            if name in _FORBIDDEN or name in self.trailers:  # RFC 9110, 6.5.1
                raise BrokenFraming
            self.trailers[name] = trailer[2].rstrip(b" \t")
