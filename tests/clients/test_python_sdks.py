"""Python SDKs: boto3 with each signature, boto2, pyarrow, obstore and minio-py do the whole cycle."""

from __future__ import annotations

from collections.abc import Callable

from tests.clients.place import PYTHON_CLIENTS, Place

Find = Callable[[str], str]

CYCLES = {
    "boto3": """
        import boto3
        from botocore.config import Config
        s3 = boto3.client('s3', endpoint_url=endpoint, config=Config(signature_version=extra or 's3v4', s3={'addressing_style': 'path'}))
        s3.create_bucket(Bucket=bucket)
        for name in ('small.txt', 'big.bin'):
            s3.upload_file(f'in/{name}', bucket, f'dir/{name}')
        assert [o['Key'] for o in s3.list_objects_v2(Bucket=bucket)['Contents']] == ['dir/big.bin', 'dir/small.txt']
        for name in ('small.txt', 'big.bin'):
            s3.download_file(bucket, f'dir/{name}', f'out/{name}')
        s3.put_object(Bucket=bucket, Key='body', Body=open('in/big.bin', 'rb'))
        assert s3.get_object(Bucket=bucket, Key='body')['Body'].read() == open('in/big.bin', 'rb').read()
        s3.delete_objects(Bucket=bucket, Delete={'Objects': [{'Key': k} for k in ('dir/small.txt', 'dir/big.bin', 'body')]})
        s3.delete_bucket(Bucket=bucket)
    """,
    "boto2": """
        import boto, math, io
        from boto.s3.connection import S3Connection, OrdinaryCallingFormat
        host, port = endpoint.split('://')[1].split(':')
        c = S3Connection(access_key, secret_key, host=host, port=int(port), is_secure=False, calling_format=OrdinaryCallingFormat())
        b = c.create_bucket(bucket)
        b.new_key('dir/small.txt').set_contents_from_filename('in/small.txt')
        m = b.initiate_multipart_upload('dir/big.bin')
        data = open('in/big.bin', 'rb').read()
        for i in range(math.ceil(len(data) / (8 << 20))):
            m.upload_part_from_file(io.BytesIO(data[i * (8 << 20):(i + 1) * (8 << 20)]), i + 1)
        m.complete_upload()
        assert [k.name for k in b.list()] == ['dir/big.bin', 'dir/small.txt']
        for name in ('small.txt', 'big.bin'):
            b.get_key(f'dir/{name}').get_contents_to_filename(f'out/{name}')
        for k in list(b.list()):
            k.delete()
        c.delete_bucket(bucket)
    """,
    "pyarrow": """
        from pyarrow import fs
        where = {'endpoint_override': endpoint.split('://')[1], 'scheme': endpoint.split(':')[0], 'region': region}
        where |= {'tls_ca_file_path': ca} if ca else {}
        s3 = fs.S3FileSystem(access_key=access_key, secret_key=secret_key, allow_bucket_creation=True, allow_bucket_deletion=True, **where)
        s3.create_dir(bucket)
        for name in ('small.txt', 'big.bin'):
            with s3.open_output_stream(f'{bucket}/dir/{name}') as f:
                f.write(open(f'in/{name}', 'rb').read())
        found = sorted(i.path for i in s3.get_file_info(fs.FileSelector(bucket, recursive=True)) if i.is_file)
        assert found == [f'{bucket}/dir/big.bin', f'{bucket}/dir/small.txt']
        for name in ('small.txt', 'big.bin'):
            with s3.open_input_file(f'{bucket}/dir/{name}') as f:
                open(f'out/{name}', 'wb').write(f.read())
        s3.move(f'{bucket}/dir/small.txt', f'{bucket}/moved.txt')
        s3.delete_dir_contents(bucket)
        s3.delete_dir(bucket)
    """,
    "obstore": """
        import boto3, obstore
        from obstore.store import S3Store
        s3 = boto3.client('s3', endpoint_url=endpoint); s3.create_bucket(Bucket=bucket)
        options = {'allow_http': True, 'allow_invalid_certificates': bool(ca)}
        key = {'access_key_id': access_key, 'secret_access_key': secret_key, 'region': region}
        store = S3Store(bucket, endpoint=endpoint, virtual_hosted_style_request=False, client_options=options, **key)
        for name in ('small.txt', 'big.bin'):
            obstore.put(store, f'dir/{name}', open(f'in/{name}', 'rb').read(), use_multipart=name == 'big.bin')
        try:
            obstore.put(store, 'dir/small.txt', b'again', mode='create'); raise SystemExit('create-if-absent overwrote')
        except obstore.exceptions.AlreadyExistsError:
            pass
        assert sorted(o['path'] for page in obstore.list(store) for o in page) == ['dir/big.bin', 'dir/small.txt']
        for name in ('small.txt', 'big.bin'):
            open(f'out/{name}', 'wb').write(bytes(obstore.get(store, f'dir/{name}').bytes()))
        assert bytes(obstore.get_range(store, 'dir/big.bin', start=10, end=30)) == open('in/big.bin', 'rb').read()[10:30]
        obstore.copy(store, 'dir/small.txt', 'copied')
        obstore.delete(store, ['dir/small.txt', 'dir/big.bin', 'copied'])
        s3.delete_bucket(Bucket=bucket)
    """,
    "minio": """
        import minio, urllib3
        http = urllib3.PoolManager(ca_certs=ca) if ca else None
        c = minio.Minio(endpoint.split('://')[1], access_key=access_key, secret_key=secret_key, secure=bool(ca), region=region, http_client=http)
        c.make_bucket(bucket)
        for name in ('small.txt', 'big.bin'):
            c.fput_object(bucket, f'dir/{name}', f'in/{name}', part_size=5 << 20)
        assert [o.object_name for o in c.list_objects(bucket, recursive=True)] == ['dir/big.bin', 'dir/small.txt']
        for name in ('small.txt', 'big.bin'):
            c.fget_object(bucket, f'dir/{name}', f'out/{name}')
        assert c.stat_object(bucket, 'dir/big.bin').size == 20 << 20
        for name in ('small.txt', 'big.bin'):
            c.remove_object(bucket, f'dir/{name}')
        c.remove_bucket(bucket)
    """,
}


def cycle(place: Place, name: str, extra: str = "") -> None:
    """Runs the cycle in the clients' own Python, as a program of its own."""
    place.run_python(PYTHON_CLIENTS, CYCLES[name], extra=extra)
    for file in (place.small, place.big):
        place.compare(place.out / file.name, file)


def test_boto3_v4(place: Place) -> None:
    cycle(place, "boto3")


def test_boto3_v2(place: Place) -> None:
    cycle(place, "boto3", "s3")


def test_m140_boto2(plain_place: Place) -> None:
    cycle(plain_place, "boto2")


def test_pyarrow(place: Place) -> None:
    """pyarrow sends unsigned chunks with a CRC64NVME trailer, over plain http too."""
    cycle(place, "pyarrow")


def test_obstore_with_create_if_absent(place: Place) -> None:
    cycle(place, "obstore")


def test_minio_py(place: Place) -> None:
    cycle(place, "minio")
