"""What SigV2 clients sign for a bucket in the path."""

from __future__ import annotations

from holdfast.authn.sigv2 import canonical_resources


def test_a_bucket_may_be_signed_with_the_slash_that_its_path_lacks() -> None:
    assert canonical_resources(b"/bucket", b"", "") == [b"/bucket", b"/bucket/"]
    assert canonical_resources(b"/bucket", b"uploads&prefix=x", "") == [b"/bucket?uploads", b"/bucket/?uploads"]
    assert canonical_resources(b"/bucket/", b"", "") == [b"/bucket/"]
    assert canonical_resources(b"/", b"", "") == [b"/"]
    assert canonical_resources(b"/", b"", "bucket") == [b"/bucket/"]
    assert canonical_resources(b"/bucket/key", b"", "") == [b"/bucket/key"]
