"""M137, M138: s3cmd shares buckets and objects by access control lists, by grant and with everybody."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.acl import people
from tests.acl.people import ANONYMOUS, IDS, bootstrap, refused
from tests.clients.place import Place

Find = Callable[[str], str]


def test_m137_m139_s3cmd_setacl(serve: Callable[..., Any], tmp_path: Path, client: Find) -> None:
    """--acl-public, --acl-grant=read:user, --acl-revoke and --acl-private, of a bucket and of an object."""
    file = tmp_path / "users.toml"
    file.write_text(bootstrap())
    server = serve(bootstrap=file, workers=1)
    place = Place(server, tmp_path)
    s3cmd = [client("s3cmd"), "--no-ssl", "--no-progress", f"--host={place.hostport}", f"--host-bucket={place.hostport}",
             f"--access_key={place.access_key}", f"--secret_key={place.secret_key}", f"--region={place.region}"]  # fmt: skip
    bucket, key = f"s3://{place.bucket}", f"s3://{place.bucket}/small.txt"
    here, there = {"Bucket": place.bucket}, {"Bucket": place.bucket, "Key": "small.txt"}
    nobody, ben = people.client(server, ANONYMOUS), people.client(server, "ben")
    place.run(*s3cmd, "mb", bucket)
    place.run(*s3cmd, "put", "--acl-public", place.small, bucket)
    assert nobody.get_object(**there)["Body"].read() == place.small.read_bytes()
    place.run(*s3cmd, "setacl", "--acl-private", key)
    assert refused(nobody.get_object, **there) == (403, "AccessDenied")
    place.run(*s3cmd, "setacl", "--acl-public", key)
    nobody.get_object(**there)
    assert "*anon*: READ" in place.run(*s3cmd, "info", key).stdout
    place.run(*s3cmd, "setacl", "--acl-private", key)
    for target, call, of in ((bucket, ben.list_objects_v2, here), (key, ben.get_object, there)):
        assert refused(call, **of) == (403, "AccessDenied")
        place.run(*s3cmd, "setacl", f"--acl-grant=read:{IDS['ben']}", target)
        call(**of)
        assert "Ben: READ" in place.run(*s3cmd, "info", target).stdout
        place.run(*s3cmd, "setacl", f"--acl-revoke=read:{IDS['ben']}", target)
        assert refused(call, **of) == (403, "AccessDenied")
        place.run(*s3cmd, "setacl", "--acl-grant=read:ben@example.com", target)
        call(**of)
    place.run(*s3cmd, "setacl", "--acl-public", bucket)
    nobody.list_objects_v2(**here)
    place.run(*s3cmd, "del", key)
    place.run(*s3cmd, "rb", bucket)
