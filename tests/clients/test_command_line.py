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


def test_s3cmd(place: Place, client: Find) -> None:
    s3cmd = client("s3cmd")
    common = [
        s3cmd,
        "--no-progress",
        f"--host={place.hostport}",
        f"--host-bucket={place.hostport}",
        f"--access_key={place.access_key}",
        f"--secret_key={place.secret_key}",
        f"--region={place.region}",
    ]
    common += ["--ssl", f"--ca-certs={place.ca}"] if place.secure else ["--no-ssl"]
    for extra in ([], ["--signature-v2"]):
        bucket = place.bucket + ("-v2" if extra else "")
        place.run(*common, *extra, "mb", f"s3://{bucket}")
        place.run(*common, *extra, "put", place.small, place.big, f"s3://{bucket}/dir/")
        listed = place.run(*common, *extra, "ls", "--recursive", f"s3://{bucket}").stdout
        assert f"s3://{bucket}/dir/small.txt" in listed and f"s3://{bucket}/dir/big.bin" in listed
        for file in (place.small, place.big):
            place.run(*common, *extra, "get", "--force", f"s3://{bucket}/dir/{file.name}", place.out / file.name)
            place.compare(place.out / file.name, file)
        assert "file size" in place.run(*common, *extra, "info", f"s3://{bucket}/dir/big.bin").stdout.lower()
        place.run(*common, *extra, "cp", f"s3://{bucket}/dir/big.bin", f"s3://{bucket}/copied.bin")
        place.run(*common, *extra, "del", "--recursive", "--force", f"s3://{bucket}/")
        place.run(*common, *extra, "rb", f"s3://{bucket}")


def test_s5cmd(place: Place, client: Find) -> None:
    common = [client("s5cmd"), "--endpoint-url", place.endpoint, *(["--no-verify-ssl"] if place.secure else [])]
    place.run(*common, "mb", f"s3://{place.bucket}")
    place.run(*common, "cp", f"{place.small.parent}/", f"s3://{place.bucket}/dir/")
    listed = place.run(*common, "ls", f"s3://{place.bucket}/dir/*").stdout
    assert "small.txt" in listed and "big.bin" in listed
    place.run(*common, "cp", f"s3://{place.bucket}/dir/*", f"{place.out}/")
    for file in (place.small, place.big):
        place.compare(place.out / file.name, file)
    place.run(*common, "rm", f"s3://{place.bucket}/*")
    place.run(*common, "rb", f"s3://{place.bucket}")


def test_rclone(place: Place, client: Find) -> None:
    rclone = client("rclone")
    for v2 in ("false", "true"):
        bucket = place.bucket + ("-v2" if v2 == "true" else "")
        settings = {
            "RCLONE_CONFIG_H_TYPE": "s3",
            "RCLONE_CONFIG_H_PROVIDER": "Other",
            "RCLONE_CONFIG_H_ENDPOINT": place.endpoint,
            "RCLONE_CONFIG_H_REGION": place.region,
            "RCLONE_CONFIG_H_ACCESS_KEY_ID": place.access_key,
            "RCLONE_CONFIG_H_SECRET_ACCESS_KEY": place.secret_key,
            "RCLONE_CONFIG_H_V2_AUTH": v2,
            "RCLONE_CA_CERT": place.ca or "",
            "AWS_CA_BUNDLE": "",  # rclone refuses it: it has a transport of its own
            "RCLONE_S3_CHUNK_SIZE": "5M",
            "RCLONE_S3_UPLOAD_CUTOFF": "6M",
        }
        place.run(rclone, "mkdir", f"h:{bucket}", **settings)
        place.run(rclone, "copy", place.small.parent, f"h:{bucket}/dir", **settings)
        listed = place.run(rclone, "ls", f"h:{bucket}", **settings).stdout
        assert "dir/small.txt" in listed and "dir/big.bin" in listed
        place.run(rclone, "check", place.small.parent, f"h:{bucket}/dir", "--download", **settings)
        place.run(rclone, "copy", f"h:{bucket}/dir", place.out / v2, **settings)
        for file in (place.small, place.big):
            place.compare(place.out / v2 / file.name, file)
        place.run(rclone, "moveto", f"h:{bucket}/dir/big.bin", f"h:{bucket}/other.bin", **settings)
        place.run(rclone, "purge", f"h:{bucket}", **settings)


def test_restic(place: Place, client: Find) -> None:
    """restic signs each chunk over http (STREAMING-AWS4-HMAC-SHA256-PAYLOAD) and sends UNSIGNED-PAYLOAD over https."""
    restic = client("restic")
    settings = {"RESTIC_REPOSITORY": f"s3:{place.endpoint}/{place.bucket}/repo", "RESTIC_PASSWORD": "a password of this test"}
    cacert = ["--cacert", place.ca] if place.ca else []
    place.run(restic, *cacert, "init", **settings)
    place.run(restic, *cacert, "backup", "in", **settings)
    place.run(restic, *cacert, "check", "--read-data", **settings)
    place.run(restic, *cacert, "restore", "latest", "--target", place.out, **settings)
    for file in (place.small, place.big):
        place.compare(place.out / "in" / file.name, file)
    place.run(restic, *cacert, "forget", "latest", "--keep-last", "1", "--prune", **settings)
