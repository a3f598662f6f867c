"""One listener, several certificates: each host name gets the one that names it, also after a reload (M123, M244)."""

from __future__ import annotations

import asyncio
import shutil
import ssl
from pathlib import Path

import pytest

from holdfast.http import TLS, BadCertificate
from holdfast.model.messages import Request, Response
from tests import certificates
from tests.http.raw_client import run, serving


async def hello(request: Request) -> Response:
    return Response(200, [], b"hello")


async def common_name(port: int, name: str | None) -> str:
    """Of the certificate that a client asking for `name` is shown."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name or "")
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    from cryptography import x509

    return str(x509.load_der_x509_certificate(shown).subject.rfc4514_string()).removeprefix("CN=")


def put(folder: Path, name: str, made: certificates.Certificates) -> None:
    folder.mkdir(exist_ok=True)
    shutil.copy(made.cert, folder / f"{name}.pem")
    shutil.copy(made.key, folder / f"{name}.key")


def test_M123_M244_each_host_name_gets_the_certificate_that_names_it(tmp_path: Path) -> None:
    default = certificates.make(tmp_path / "default", "default")
    campus = certificates.make(tmp_path / "campus", "campus", ("um.storage.test", "*.um.storage.test"), "")
    other = certificates.make(tmp_path / "other", "other", ("wsu.storage.test",), "")
    folder = tmp_path / "tls.d"
    put(folder, "um", campus)

    async def test() -> None:
        async with serving(hello, tls=TLS(default.cert, default.key, folder)) as (server, port):
            assert await common_name(port, "um.storage.test") == "campus"
            assert await common_name(port, "UM.Storage.Test") == "campus"
            assert await common_name(port, "bucket.um.storage.test") == "campus"
            assert await common_name(port, "a.b.um.storage.test") == "default"
            assert await common_name(port, "localhost") == "default"
            assert await common_name(port, "wsu.storage.test") == "default"
            assert await common_name(port, None) == "default"
            put(folder, "wsu", other)
            assert server.reload_tls()
            assert await common_name(port, "wsu.storage.test") == "other"
            (folder / "um.key").write_text("no key")
            assert not server.reload_tls()
            assert await common_name(port, "um.storage.test") == "campus"

    run(test)


def test_M123_a_certificate_verifies_by_its_names_and_by_no_address(tmp_path: Path) -> None:
    made = certificates.make(tmp_path / "one", "one", ("s3.storage.test", "*.s3.storage.test"), "")

    async def test() -> None:
        async with serving(hello, tls=TLS(made.cert, made.key)) as (_, port):
            context = ssl.create_default_context(cafile=str(made.ca))
            for name in ("s3.storage.test", "bucket.s3.storage.test"):
                _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name)
                writer.close()
            for name in ("127.0.0.1", "localhost", "a.b.s3.storage.test"):
                with pytest.raises(ssl.SSLCertVerificationError):
                    await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name)

    run(test)


def test_a_bad_pair_in_the_directory_is_named(tmp_path: Path) -> None:
    made = certificates.make(tmp_path / "one")
    folder = tmp_path / "tls.d"
    folder.mkdir()
    shutil.copy(made.cert, folder / "lonely.pem")
    with pytest.raises(BadCertificate, match=r"lonely\.key"):
        TLS(made.cert, made.key, folder)
