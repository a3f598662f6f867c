"""Preconditions: If-Match and its kin on reads (RFC 9110, 13), on writes and on deletes, with S3's precedence and refusals."""

from __future__ import annotations

from holdfast.engine.api import ANYTHING, Conflict, Expect
from holdfast.model.errors import AccessDenied, InvalidArgument, NoSuchKey, NotModified, PreconditionFailed, Refusal
from holdfast.model.objects import NEW, Version

ANY = "*"


def entity_tags(value: str) -> tuple[str, ...]:
    """The entity tags of If-Match or If-None-Match, without quotes; ("*",) for any. A bare tag counts, as S3 takes it."""
    if "," not in value:
        return (_bare(value),)
    return tuple(_bare(tag) for tag in value.split(",") if tag.strip()) or ("",)  # no tag at all matches nothing


def _bare(tag: str) -> str:
    tag = tag.strip()
    if tag.startswith("W/"):
        tag = tag[2:]
    return tag.strip('"')


def check_read(
    etag: str,
    modified_ms: int,
    if_match: str | None = None,
    if_none_match: str | None = None,
    if_modified_since: float | None = None,
    if_unmodified_since: float | None = None,
    *,
    copying: bool = False,
) -> None:
    """Lets a read of an existing version pass, or raises NotModified or PreconditionFailed.

    The precedence is RFC 9110, 13.2.2 and that of S3 (GetObject): If-Unmodified-Since counts only without If-Match, If-Modified-Since only
    without If-None-Match. Times are seconds since the epoch, compared in whole seconds. The source of a copy (`copying`) is never
    "not modified": its failed conditions are all PreconditionFailed (CopyObject)."""
    if if_match is not None:
        tags = entity_tags(if_match)
        if etag not in tags and ANY not in tags:
            raise _failed("If-Match", copying)
    elif if_unmodified_since is not None and modified_ms // 1000 > if_unmodified_since:
        raise _failed("If-Unmodified-Since", copying)
    if if_none_match is not None:
        tags = entity_tags(if_none_match)
        if etag in tags or ANY in tags:
            raise _failed("If-None-Match", copying) if copying else NotModified
    elif if_modified_since is not None and modified_ms // 1000 <= if_modified_since:
        raise _failed("If-Modified-Since", copying) if copying else NotModified


def _failed(condition: str, copying: bool = False) -> PreconditionFailed:
    return PreconditionFailed(None, Condition=f"x-amz-copy-source-{condition}" if copying else condition)


def for_write(if_match: str | None, if_none_match: str | None) -> Expect:
    """The precondition of a write. Both at once contradict each other. Errors: InvalidArgument."""
    if if_match is None and if_none_match is None:
        return ANYTHING
    if if_match is not None and if_none_match is not None:
        raise InvalidArgument("If-Match and If-None-Match cannot be sent together.", ArgumentName="If-None-Match", ArgumentValue=if_none_match)
    if if_match is not None:
        tags = entity_tags(if_match)
        return Expect(present=True) if ANY in tags else Expect(present=True, etags=tags)
    tags = entity_tags(if_none_match or "")
    return Expect(absent=True) if ANY in tags else Expect(not_etags=tags)


class Half(Expect, frozen=True, kw_only=True):
    """What a writer expects who may write `half` of the keys only (NEW or EXISTING); `asked` is the precondition of its request."""

    half: str
    asked: Expect


def within(expect: Expect, half: str) -> Expect:
    """The precondition of a write by somebody who may write only that half of the keys, held by the step that commits, so that no
    race passes it. "" is both halves."""
    if not half:
        return expect
    return Half(
        half=half, asked=expect, absent=expect.absent or half == NEW, present=expect.present or half != NEW,
        etags=expect.etags, not_etags=expect.not_etags, seq=expect.seq, size=expect.size, modified_ms=expect.modified_ms, facts=expect.facts,
    )  # fmt: skip


def for_delete(if_match: str | None, modified_ms: int | None, size: int | None) -> Expect:
    """The precondition of a delete (DeleteObject; the last two are x-amz-if-match-last-modified-time and x-amz-if-match-size)."""
    if if_match is None and modified_ms is None and size is None:
        return ANYTHING
    tags = entity_tags(if_match) if if_match is not None else ()
    if not tags or ANY in tags:
        return Expect(present=if_match is not None, modified_ms=modified_ms, size=size)
    return Expect(present=True, etags=tags, modified_ms=modified_ms, size=size)


def refuse_write(expect: Expect, current: Version | None) -> Refusal:
    """What a Conflict over `expect` means to a writer: If-Match on a key that is not there is NoSuchKey, as S3 answers; what the request
    did not ask, its writer's rights did."""
    if isinstance(expect, Half):
        outside = (current is not None) == (expect.half == NEW)
        expect = expect.asked
        if outside and not (expect.absent if current is not None else expect.present):
            return AccessDenied()
    if expect.present and current is None:
        return NoSuchKey()
    return _failed("If-None-Match" if expect.absent or expect.not_etags else "If-Match")


def refuse_delete(expect: Expect, conflict: Conflict) -> Refusal | None:
    """What a Conflict means to a deleter; None where there was nothing to delete and only time or size were asked for: that is a
    success (DeleteObject, x-amz-if-match-size)."""
    if conflict.current is None and not expect.present:
        return None
    if conflict.current is None:
        return NoSuchKey()
    return _failed("If-Match" if expect.present else "x-amz-if-match-size" if expect.size is not None else "x-amz-if-match-last-modified-time")
