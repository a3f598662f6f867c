"""Whether a version satisfies an `Expect`: the one rule that every engine applies inside its write steps."""

from __future__ import annotations

from holdfast.engine.api import ANYTHING, Expect
from holdfast.model.objects import Version


def holds(expect: Expect, version: Version | None) -> bool:
    """True when `version` (the live or the named one; None when there is none) satisfies `expect`."""
    if expect is ANYTHING:
        return True
    if version is None:
        asked = (expect.seq, expect.facts, expect.size, expect.modified_ms)
        return not (expect.present or expect.etags or any(value is not None for value in asked))
    return not (
        expect.absent
        or (expect.etags and version.etag not in expect.etags)
        or version.etag in expect.not_etags
        or (expect.seq is not None and version.seq != expect.seq)
        or (expect.facts is not None and version.facts != expect.facts)
        or (expect.size is not None and version.size != expect.size)
        or (expect.modified_ms is not None and version.modified_ms // 1000 != expect.modified_ms // 1000)
    )
