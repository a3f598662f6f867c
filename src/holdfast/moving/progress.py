"""What a migration or a backup says while it works: one line on a terminal, once a second; and the end of each phase."""

from __future__ import annotations

import sys
import time
from typing import TextIO

GIB, MIB = 1 << 30, 1 << 20


class Progress:
    """Counts what is done against what there is to do. Written to `out`, where that is a terminal; `quiet` writes nothing."""

    def __init__(self, *, quiet: bool = False, out: TextIO | None = None) -> None:
        self._out = out or sys.stderr
        self._quiet = quiet
        self._shows = not quiet and self._out.isatty()
        self.objects = self.bytes = 0
        self.objects_total = self.bytes_total = 0
        self._verb = ""
        self._begun = self._shown = time.monotonic()
        self._width = 0

    def begin(self, verb: str, objects: int = 0, size: int = 0) -> None:
        """A phase with so much to do, 0 where that is not known."""
        self._verb, self.objects_total, self.bytes_total = verb, objects, size
        self.objects = self.bytes = 0
        self._begun = self._shown = time.monotonic()

    def add(self, objects: int, size: int) -> None:
        self.objects += objects
        self.bytes += size
        if self._shows and time.monotonic() - self._shown >= 1:
            self._shown = time.monotonic()
            self._write("\r" + self.line().ljust(self._width))
            self._width = max(self._width, len(self.line()))

    def line(self) -> str:
        """`Copied: 1/2 objects, 0.10/0.20 GB, Speed: 5.00 MB/s, Estimated remaining time: 0:01:00`, GB and MB as powers of 1024."""
        spent = time.monotonic() - self._begun
        speed = self.bytes / spent if spent > 0 else 0.0
        objects = f"{self.objects}/{self.objects_total}" if self.objects_total else f"{self.objects}"
        size = f"{self.bytes / GIB:.2f}/{self.bytes_total / GIB:.2f}" if self.bytes_total else f"{self.bytes / GIB:.2f}"
        return f"{self._verb}: {objects} objects, {size} GB, Speed: {speed / MIB:.2f} MB/s, Estimated remaining time: {self._remaining(spent)}"

    def _remaining(self, spent: float) -> str:
        """By objects and by bytes, whichever takes longer."""
        guesses = [
            spent * (total - done) / done
            for done, total in ((self.objects, self.objects_total), (self.bytes, self.bytes_total))
            if done and total >= done
        ]  # fmt: skip
        if not guesses:
            return "Unknown"
        seconds = int(max(guesses))
        return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"

    def say(self, text: str) -> None:
        """A line of its own."""
        if not self._quiet:
            self._write(("\r" + " " * self._width + "\r" if self._shows and self._width else "") + text + "\n")
            self._width = 0

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()
