"""What users are told to paste into a client does what it says, as it is pasted (M144)."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable

from holdfast.admin.snippets import Place as Told
from holdfast.admin.snippets import snippet
from tests.clients.place import TABLE_CLIENTS, Place
from tests.conftest import make_client
from tests.serving import Server


def told(place: Place, client: str) -> str:
    return snippet(client, Told(place.endpoint, place.region, place.access_key, place.bucket))


def test_M144_duckdb(server: Server, plain_place: Place) -> None:
    make_client(server).create_bucket(Bucket=plain_place.bucket)
    text = told(plain_place, "duckdb").replace("SECRET 'SECRET'", f"SECRET '{plain_place.secret_key}'")
    program = """
        import duckdb, duckdb_extension_httpfs, pathlib
        extension = next(pathlib.Path(duckdb_extension_httpfs.__file__).parent.rglob('httpfs.duckdb_extension'))
        first, rest = text.split('\\n', 1)
        assert first == 'INSTALL httpfs; LOAD httpfs;'
        db = duckdb.connect(config={'autoinstall_known_extensions': False})
        db.execute(f"LOAD '{extension}'")  # which is not fetched here
        db.execute(rest)
    """
    plain_place.run_python(TABLE_CLIENTS, program, text=text)
    assert make_client(server).head_object(Bucket=plain_place.bucket, Key="answer.parquet")["ContentLength"] > 0


def test_M144_curl(plain_place: Place, client: Callable[[str], str], server: Server) -> None:
    client("curl")
    lines = told(plain_place, "curl").splitlines()
    (plain_place.home / "hello.txt").write_bytes(b"hello")
    for line in lines:
        words = [word.replace(":SECRET", f":{plain_place.secret_key}") for word in shlex.split(line)]
        done = subprocess.run([*words, "--fail", "--silent", "--show-error"], cwd=plain_place.home, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr
    assert make_client(server).get_object(Bucket=plain_place.bucket, Key="hello.txt")["Body"].read() == b"hello"


def test_M144_s3cmd(plain_place: Place, client: Callable[[str], str], server: Server) -> None:
    """With a token, as the snippet has it, any secret will do; here the key's own is put in."""
    text = told(plain_place, "s3cmd")
    (plain_place.home / ".s3cfg").write_text(text.replace("secret_key =", f"secret_key = {plain_place.secret_key}"))
    plain_place.run(client("s3cmd"), *shlex.split(text.rpartition("then:  s3cmd ")[2]))
    make_client(server).head_bucket(Bucket=plain_place.bucket)


def test_M144_rclone(plain_place: Place, client: Callable[[str], str], server: Server) -> None:
    text = told(plain_place, "rclone")
    config = plain_place.home / "rclone.conf"
    config.write_text(text.replace("secret_access_key =", f"secret_access_key = {plain_place.secret_key}"))
    plain_place.run(client("rclone"), "--config", config, *shlex.split(text.rpartition("then:  rclone ")[2]), AWS_CA_BUNDLE="")
    make_client(server).head_bucket(Bucket=plain_place.bucket)
