"""Programs that keep tables, backups and file systems in a bucket, over TLS, in path style and on the bucket's own host (M209, M244)."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import certificates
from tests.clients.names import DOMAIN, NamedPlace
from tests.clients.place import PYTHON_CLIENTS, TABLE_CLIENTS
from tests.conftest import make_client
from tests.serving import Server

TABLES = {
    "clickhouse": """
        import chdb
        scheme, host = endpoint.split('://')
        base = f'{scheme}://{bucket}.{host}' if virtual else f'{endpoint}/{bucket}'
        def there(name):
            return f"s3('{base}/{name}', '{access_key}', '{secret_key}', 'Parquet')"
        def ask(text):
            return chdb.query(text, 'CSV').bytes().decode().strip()
        ask(f"INSERT INTO FUNCTION {there('t/part-1.parquet')} SELECT number AS n, toString(number) AS s FROM numbers(100000)")
        ask(f"INSERT INTO FUNCTION {there('t/part-2.parquet')} SELECT number + 100000 AS n, toString(number) AS s FROM numbers(100000)")
        assert ask(f"SELECT count(), sum(n) FROM {there('t/*.parquet')}") == '200000,19999900000'
        assert ask(f"SELECT s FROM {there('t/part-{1..2}.parquet')} WHERE n = 100007") == '"7"'
    """,
    "duckdb": """
        import duckdb, duckdb_extension_httpfs, pathlib
        extension = next(pathlib.Path(duckdb_extension_httpfs.__file__).parent.rglob('httpfs.duckdb_extension'))
        db = duckdb.connect(config={'autoinstall_known_extensions': False})
        db.execute(f"LOAD '{extension}'")
        db.execute(f"SET ca_cert_file='{ca}'")
        db.execute('SET enable_server_cert_verification=true')
        style, host = 'vhost' if virtual else 'path', endpoint.split('://')[1]
        key = f"KEY_ID '{access_key}', SECRET '{secret_key}', REGION '{region}'"
        db.execute(f"CREATE SECRET (TYPE s3, {key}, ENDPOINT '{host}', URL_STYLE '{style}', USE_SSL true)")
        db.execute(f"COPY (SELECT range AS n, hash(range) AS h FROM range(2000000)) TO 's3://{bucket}/t/whole.parquet'")
        db.execute(f"COPY (SELECT range AS n, range % 5 AS part FROM range(1000)) TO 's3://{bucket}/t/parts' (FORMAT parquet, PARTITION_BY (part))")
        assert db.execute(f"SELECT count(*), sum(n) FROM 's3://{bucket}/t/whole.parquet'").fetchall() == [(2000000, 1999999000000)]
        parts = f"read_parquet('s3://{bucket}/t/parts/*/*.parquet', hive_partitioning=true)"
        assert db.execute(f"SELECT count(*), count(DISTINCT part) FROM {parts}").fetchall() == [(1000, 5)]
        assert db.execute(f"SELECT n FROM {parts} WHERE part = 3 ORDER BY n LIMIT 2").fetchall() == [(3,), (8,)]
    """,
    "polars": """
        import polars
        scheme, host = endpoint.split('://')
        there = {'aws_access_key_id': access_key, 'aws_secret_access_key': secret_key, 'aws_region': region}
        there['aws_endpoint_url'] = f'{scheme}://{bucket}.{host}' if virtual else endpoint
        there['aws_virtual_hosted_style_request'] = str(virtual).lower()
        frame = polars.DataFrame({'n': range(200_000), 's': [str(n) for n in range(200_000)]})
        frame.write_parquet(f's3://{bucket}/t/one.parquet', storage_options=there)
        frame.lazy().sink_parquet(f's3://{bucket}/t/two.parquet', storage_options=there)
        read = polars.scan_parquet(f's3://{bucket}/t/*.parquet', storage_options=there)
        assert read.select(polars.len(), polars.col('n').sum()).collect().row(0) == (400_000, 2 * sum(range(200_000)))
        assert read.filter(polars.col('n') == 199_999).collect().rows() == [(199_999, '199999')] * 2
    """,
    "deltalake": """
        import deltalake, polars
        scheme, host = endpoint.split('://')
        there = {'aws_access_key_id': access_key, 'aws_secret_access_key': secret_key, 'aws_region': region}
        there['aws_endpoint_url'] = f'{scheme}://{bucket}.{host}' if virtual else endpoint
        there['aws_virtual_hosted_style_request'] = str(virtual).lower()
        where, rows = f's3://{bucket}/t', polars.DataFrame({'n': range(1000)})
        deltalake.write_deltalake(where, rows, storage_options=there)
        one, other = (deltalake.DeltaTable(where, storage_options=there) for _ in range(2))
        deltalake.write_deltalake(one, rows, mode='append')
        deltalake.write_deltalake(other, rows, mode='append')  # from the same version: its commit loses the race for the log's next name, and goes on
        table = deltalake.DeltaTable(where, storage_options=there)
        assert table.version() == 2 and len(table.file_uris()) == 3
        table.delete('n >= 10')
        table.optimize.compact()
        table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
        table = deltalake.DeltaTable(where, storage_options=there)
        assert len(table.file_uris()) == 1 and polars.read_delta(table)['n'].sum() == 3 * 45
    """,
}

PYARROW = """
        from pyarrow import fs, parquet, table
        host = endpoint.split('://')[1]
        s3 = fs.S3FileSystem(access_key=access_key, secret_key=secret_key, endpoint_override=host, scheme='https', region=region,
                             tls_ca_file_path=ca, force_virtual_addressing=virtual)
        with s3.open_output_stream(f'{bucket}/t/big.bin') as f:
            f.write(open('in/big.bin', 'rb').read())
        with s3.open_input_file(f'{bucket}/t/big.bin') as f:
            assert f.read_at(1000, 5 << 20) == open('in/big.bin', 'rb').read()[5 << 20:][:1000]
        parquet.write_to_dataset(table({'n': list(range(1000)), 'part': [n % 4 for n in range(1000)]}), f'{bucket}/t/rows', ['part'], filesystem=s3)
        assert parquet.read_table(f'{bucket}/t/rows', filesystem=s3, filters=[('part', '=', 1)]).num_rows == 250
        s3.delete_dir_contents(f'{bucket}/t')
        assert not any(one.is_file for one in s3.get_file_info(fs.FileSelector(bucket, recursive=True)))
"""

BLOCKS = """
        import boto3, hashlib, random, concurrent.futures as futures
        from botocore.config import Config
        style = {'addressing_style': 'virtual' if virtual else 'path'}
        s3 = boto3.client('s3', endpoint_url=endpoint, config=Config(s3=style, max_pool_connections=8))
        block, pool, where = 4 << 20, futures.ThreadPoolExecutor(8), {'Bucket': bucket}
        names = [f'jfs/chunks/0/{n // 4}/{n}_0_{block}' for n in range(12)]
        bodies = {name: random.Random(name).randbytes(block) for name in names}
        list(pool.map(lambda name: s3.put_object(**where, Key=name, Body=bodies[name]), names))
        def piece(name, start, length):
            return s3.get_object(**where, Key=name, Range=f'bytes={start}-{start + length - 1}')['Body'].read()
        wanted = [(name, start, 128 << 10) for name in names for start in (0, 1 << 20, block - (128 << 10))]
        for (name, start, length), got in zip(wanted, pool.map(lambda one: piece(*one), wanted)):
            assert got == bodies[name][start:start + length]
        tail = s3.get_object(**where, Key=names[0], Range='bytes=-100')
        assert tail['Body'].read() == bodies[names[0]][-100:] and tail['ContentRange'] == f'bytes {block - 100}-{block - 1}/{block}'
        upload = {**where, 'Key': 'jfs/joined', 'UploadId': s3.create_multipart_upload(**where, Key='jfs/joined')['UploadId']}
        big = random.Random(1).randbytes(block + (1 << 20))
        def part(number):  # three that are sent beside three that are copied from another object
            if number % 2:
                return s3.upload_part(**upload, PartNumber=number, Body=big)['ETag']
            source = {'CopySource': {'Bucket': bucket, 'Key': 'jfs/source'}, 'CopySourceRange': f'bytes=7-{len(big) + 6}'}
            return s3.upload_part_copy(**upload, PartNumber=number, **source)['CopyPartResult']['ETag']
        s3.put_object(**where, Key='jfs/source', Body=bytes(7) + big + b'end')
        tags = list(pool.map(part, range(1, 7)))
        assert [p['PartNumber'] for p in s3.list_parts(**upload)['Parts']] == list(range(1, 7))
        done = s3.complete_multipart_upload(**upload, MultipartUpload={'Parts': [{'PartNumber': n + 1, 'ETag': tag} for n, tag in enumerate(tags)]})
        assert done['ETag'].endswith('-6"') and s3.head_object(**where, Key='jfs/joined')['ContentLength'] == 6 * len(big)
        assert hashlib.sha256(s3.get_object(**where, Key='jfs/joined')['Body'].read()).digest() == hashlib.sha256(big * 6).digest()
        listed = s3.list_objects_v2(**where, Prefix='jfs/chunks/0/', Delimiter='/')
        assert [p['Prefix'] for p in listed['CommonPrefixes']] == [f'jfs/chunks/0/{n}/' for n in range(3)] and 'Contents' not in listed
        pages = s3.get_paginator('list_objects').paginate(**where, Prefix='jfs/chunks/', PaginationConfig={'PageSize': 5})
        assert sorted(o['Key'] for page in pages for o in page['Contents']) == sorted(names)
        gone = s3.delete_objects(**where, Delete={'Quiet': True, 'Objects': [{'Key': name} for name in [*names, 'jfs/never-there']]})
        assert 'Errors' not in gone and s3.list_objects_v2(**where, Prefix='jfs/chunks/')['KeyCount'] == 0
"""

FILE_SYSTEM = """
        trap 'umount -l mnt 2>/dev/null; wait' EXIT
        mkdir mnt
        s3fs "$BUCKET" mnt -f -o url="$URL",passwd_file=key,endpoint="$AWS_REGION",multipart_size=5,$STYLE >s3fs.log 2>&1 &
        for _ in $(seq 200); do mountpoint -q mnt && break; kill -0 $! || { cat s3fs.log; exit 3; }; sleep 0.05; done
        set -e
        mkdir mnt/dir
        cp in/small.txt in/big.bin mnt/dir/
        mv mnt/dir/big.bin mnt/dir/moved.bin
        cmp in/big.bin mnt/dir/moved.bin
        cat in/small.txt >> mnt/dir/small.txt
        chmod 640 mnt/dir/small.txt
        test "$(stat -c '%a %s' mnt/dir/small.txt)" = "640 $((2 * $(stat -c %s in/small.txt)))"
        test "$(echo $(ls mnt/dir))" = "moved.bin small.txt"
        rm mnt/dir/moved.bin
        test ! -e mnt/dir/moved.bin
"""


@pytest.fixture(scope="module")
def named_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("virtual-hosts")
    made = certificates.make(home / "tls", "names", (DOMAIN, f"*.{DOMAIN}", "localhost"), "")
    server = Server(home, ca=str(made.ca), tls_cert=made.cert, tls_key=made.key, domain=DOMAIN).start()
    yield server
    server.finish()


@pytest.fixture(params=["path", "virtual"])
def named_place(request: pytest.FixtureRequest, named_server: Server, tmp_path: Path) -> NamedPlace:
    place = NamedPlace(named_server, tmp_path, request.param)
    make_client(named_server).create_bucket(Bucket=place.bucket)
    return place


def keys(server: Server, place: NamedPlace) -> list[str]:
    return [found["Key"] for found in make_client(server).list_objects_v2(Bucket=place.bucket).get("Contents", [])]


@pytest.mark.parametrize("name", sorted(TABLES))
def test_M209_tables_in_a_bucket(named_server: Server, named_place: NamedPlace, name: str) -> None:
    named_place.run_python(TABLE_CLIENTS, TABLES[name], virtual=named_place.virtual)
    assert any(key.startswith("t/") and key.endswith(".parquet") for key in keys(named_server, named_place))


def test_M209_pyarrow(named_place: NamedPlace) -> None:
    named_place.run_python(PYTHON_CLIENTS, PYARROW, virtual=named_place.virtual)


def test_M209_blocks_as_juicefs_keeps_them(named_server: Server, named_place: NamedPlace) -> None:
    """Blocks of 4 MiB side by side, ranges of them, parts sent and copied at once, listings by folder and page, deletes by the batch."""
    named_place.run_python(PYTHON_CLIENTS, BLOCKS, virtual=named_place.virtual)
    assert keys(named_server, named_place) == ["jfs/joined", "jfs/source"]


def test_M209_restic(named_place: NamedPlace, client: Callable[[str], str]) -> None:
    named_place.resolve(DOMAIN)  # where it asks for the bucket's region first, in path style
    lookup = "dns" if named_place.virtual else "path"
    settings = {"RESTIC_REPOSITORY": f"s3:{named_place.endpoint}/{named_place.bucket}/repo", "RESTIC_PASSWORD": "a password of this test"}
    command = [client("restic"), "--cacert", str(named_place.ca), "-o", f"s3.bucket-lookup={lookup}"]
    named_place.run(*command, "init", **settings)
    named_place.run(*command, "backup", "in", **settings)
    named_place.run(*command, "check", "--read-data", **settings)
    named_place.run(*command, "restore", "latest", "--target", named_place.out, **settings)
    for file in (named_place.small, named_place.big):
        named_place.compare(named_place.out / "in" / file.name, file)


def test_M209_a_bucket_as_a_file_system(named_server: Server, named_place: NamedPlace, client: Callable[[str], str]) -> None:
    """s3fs: folders, a file in parts, rename, append, mode and removal, each as a program sees it."""
    client("s3fs")
    if not Path("/dev/fuse").exists() or shutil.which("fusermount") is None:
        pytest.skip("no file system can be mounted by a program here: /dev/fuse or fusermount is missing")
    key = named_place.home / "key"
    key.write_text(f"{named_place.access_key}:{named_place.secret_key}\n")
    key.chmod(0o600)
    style = "" if named_place.virtual else "use_path_request_style"
    settings: dict[str, Any] = {"BUCKET": named_place.bucket, "URL": named_place.endpoint, "STYLE": style or "noatime"}
    done: subprocess.CompletedProcess[str] = named_place.run("sh", "-c", FILE_SYSTEM, check=False, **settings)
    if done.returncode == 3 and "fuse" in done.stdout and any(word in done.stdout for word in ("not permitted", "Permission denied")):
        pytest.skip(f"this machine lets no program mount a file system: {done.stdout.strip()[-200:]}")
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{(named_place.home / 's3fs.log').read_text()}"
    assert keys(named_server, named_place) == ["dir/", "dir/small.txt"]
    head = make_client(named_server).head_object(Bucket=named_place.bucket, Key="dir/small.txt")
    assert head["ContentLength"] == 2 * named_place.small.stat().st_size and head["Metadata"]["mode"]
