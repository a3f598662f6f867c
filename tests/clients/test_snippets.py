"""What users are told to paste into a client does what it says, as it is pasted (M144)."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from holdfast.admin.snippets import Place as Told
from holdfast.admin.snippets import snippet
from tests.clients.place import PYTHON_CLIENTS, TABLE_CLIENTS, Place
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


def in_shell(place: Place, client: str, text: str, **more: str) -> str:
    """Pastes the text into a shell that knows nothing of the store, with the secret typed where it asks for it; what the shell said."""
    kept = {name: value for name, value in place.environment(**more).items() if not name.startswith("AWS_")}
    kept |= {"PATH": f"{Path(client).parent}{os.pathsep}{os.environ['PATH']}", "AWS_EC2_METADATA_DISABLED": "true"}
    done = subprocess.run(["bash", "-ec", text], env=kept, cwd=place.home, input=place.secret_key + "\n", capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_M144_aws(plain_place: Place, client: Callable[[str], str], server: Server) -> None:
    said = in_shell(plain_place, client("aws"), told(plain_place, "aws"))
    assert f"make_bucket: {plain_place.bucket}" in said
    make_client(server).head_bucket(Bucket=plain_place.bucket)


def test_M144_restic(plain_place: Place, client: Callable[[str], str], server: Server) -> None:
    in_shell(plain_place, client("restic"), told(plain_place, "restic"), RESTIC_PASSWORD="a password of this test")
    assert make_client(server).list_objects_v2(Bucket=plain_place.bucket, Prefix="config")["KeyCount"] == 1


def test_M144_boto3(plain_place: Place, server: Server) -> None:
    text = told(plain_place, "boto3").replace("SECRET", plain_place.secret_key)
    said = plain_place.run_python(PYTHON_CLIENTS, "        exec(text, {})", text=text).stdout
    assert repr(plain_place.bucket) in said
    make_client(server).head_bucket(Bucket=plain_place.bucket)


def test_M144_boto2(plain_place: Place, server: Server) -> None:
    text = told(plain_place, "boto2").replace('aws_secret_access_key=""', f'aws_secret_access_key="{plain_place.secret_key}"')
    plain_place.run_python(PYTHON_CLIENTS, "        exec(text, {})", text=text)
    make_client(server).head_bucket(Bucket=plain_place.bucket)


def test_M144_s3fs(plain_place: Place, client: Callable[[str], str], server: Server) -> None:
    if not Path("/dev/fuse").exists() or shutil.which("fusermount") is None:
        pytest.skip("no file system can be mounted by a program here: /dev/fuse or fusermount is missing")
    found = client("s3fs")
    make_client(server).create_bucket(Bucket=plain_place.bucket)
    mount = plain_place.home / "mnt"
    mount.mkdir()
    text = told(plain_place, "s3fs").replace("/mnt", str(mount)).replace("SECRET", plain_place.secret_key)
    probe = f"\nmountpoint -q {mount} || exit 3\ntrap 'umount -l {mount}' EXIT\necho hello > {mount}/hello.txt\ncat {mount}/hello.txt"
    kept = plain_place.environment() | {"PATH": f"{Path(found).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", text + probe], env=kept, cwd=plain_place.home, capture_output=True, text=True, timeout=60)
    if done.returncode == 3 and any(word in done.stderr for word in ("not permitted", "Permission denied")):
        pytest.skip(f"this machine lets no program mount a file system: {done.stderr.strip()[-200:]}")
    assert (done.returncode, done.stdout) == (0, "hello\n"), done.stderr
    assert make_client(server).get_object(Bucket=plain_place.bucket, Key="hello.txt")["Body"].read() == b"hello\n"
