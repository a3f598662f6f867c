"""Command-line clients: each puts a small and a 20 MiB object, lists, reads back, compares and deletes."""

from __future__ import annotations

import html
from collections.abc import Callable

from tests.clients.place import Place

Find = Callable[[str], str]


def test_m147_m207_m208_aws(place: Place, client: Find) -> None:
    aws = client("aws")
    endpoint = ("--endpoint-url", place.endpoint)
    place.run(aws, "s3api", *endpoint, "create-bucket", "--bucket", place.bucket)
    for file in (place.small, place.big):
        place.run(aws, "s3", *endpoint, "cp", "--no-progress", file, f"s3://{place.bucket}/dir/{file.name}")
    listed = place.run(aws, "s3", "ls", *endpoint, "--recursive", f"s3://{place.bucket}").stdout
    assert "dir/small.txt" in listed and "dir/big.bin" in listed and str(place.big.stat().st_size) in listed
    assert "PRE dir/" in place.run(aws, "s3", "ls", *endpoint, f"s3://{place.bucket}").stdout
    for file in (place.small, place.big):
        place.run(aws, "s3", *endpoint, "cp", "--no-progress", f"s3://{place.bucket}/dir/{file.name}", place.out / file.name)
        place.compare(place.out / file.name, file)
    place.run(aws, "s3", *endpoint, "sync", "--no-progress", place.small.parent, f"s3://{place.bucket}/sync/")
    place.run(aws, "s3", *endpoint, "mv", "--no-progress", f"s3://{place.bucket}/dir/big.bin", f"s3://{place.bucket}/moved.bin")
    place.run(aws, "s3", *endpoint, "rm", "--recursive", f"s3://{place.bucket}")
    place.run(aws, "s3api", *endpoint, "delete-bucket", "--bucket", place.bucket)


def test_m211_aws_debug_shows_the_string_to_sign_that_the_server_answers(plain_place: Place, client: Find) -> None:
    """M211: SignatureDoesNotMatch carries the CanonicalRequest and StringToSign that `aws --debug` prints."""
    done = plain_place.run(
        client("aws"),
        "s3api",
        "--debug",
        "--endpoint-url",
        plain_place.endpoint,
        "list-objects-v2",
        "--bucket",
        "some-bucket",
        "--prefix",
        "a b/ü",
        check=False,
        AWS_SECRET_ACCESS_KEY="wrong" * 8,
    )
    assert done.returncode != 0 and "SignatureDoesNotMatch" in done.stderr
    assert "<CanonicalRequest>" in done.stderr
    sent = done.stderr.replace("\\n", "\n")
    for ours, theirs in (("CanonicalRequest", "CanonicalRequest:"), ("StringToSign", "StringToSign:")):
        answered = html.unescape(sent.split(f"<{ours}>", 1)[1].split(f"</{ours}>", 1)[0])
        assert f"{theirs}\n{answered}\n" in sent, f"{ours} as answered:\n{answered}"
