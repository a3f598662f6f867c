"""Secrets with a life of their own: each function makes some, uses them well and badly, and gives what must be found nowhere."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.conftest import make_client
from tests.oci.people import person
from tests.security.canaries import BUCKET, DOORS, Canary, Home, carried
from tests.security.raw import Raw


def of_bootstrap(home: Home) -> Iterator[Canary]:
    """The administrator's secret, a static key, a token and a password, declared at the start; used well and badly."""
    for kind, text in home.planted.items():
        yield Canary(kind, text)
    root, token = home.server.secret_key, home.planted["access token"]
    assert home.send("root secret", "GET", "/", access_key=home.server.access_key, secret_key=root).status == 200
    assert home.send("static secret", "PUT", f"/{BUCKET}/there", {}, b"x").status == 200
    assert home.send("static secret", "GET", f"/{BUCKET}/not-there").status == 404
    assert home.send("static secret as key", "GET", "/", access_key=home.planted["static secret"]).status == 403
    assert home.send("access token", "GET", "/", access_key=token, secret_key="anything").status == 200
    assert home.send("access token", "GET", f"/{BUCKET}/not-there", access_key=token).status == 404
    assert home.send("access token", "GET", "/", access_key=token, region="mars-1").status == 400
    assert home.send("access token", "GET", "/", access_key=token + "x").status == 403
    s3 = make_client(home.server)
    assert s3.list_buckets()


def of_signatures(home: Home) -> Iterator[Canary]:
    """Signatures that are good: of a presigned URL, of a header, of chunks and trailers. Whoever reads one could use it again."""
    import boto3
    from botocore.config import Config

    secret = home.planted["static secret"]
    for version in ("s3v4", "s3"):
        bird = boto3.client(
            "s3", endpoint_url=home.server.endpoint, aws_access_key_id="BIRDSKEY", aws_secret_access_key=secret, region_name=home.server.region,
            config=Config(signature_version=version, s3={"addressing_style": "path"}),
        )  # fmt: skip
        for key in ("there", "not-there"):
            url = bird.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": key}, ExpiresIn=600)
            target = url.partition(home.server.endpoint)[2]
            said = home.ask("presigned URL", "data", f"GET {target} HTTP/1.1\r\nhost: {home.raw.hostport}\r\nconnection: close\r\n\r\n".encode())
            assert said.startswith(b"HTTP/1.1 200" if key == "there" else b"HTTP/1.1 404")
            yield Canary("signature of a presigned URL", target.partition("Signature=")[2].partition("&")[0])
    for key in ("there", "not-there", "../x"):
        signed = home.raw.sign("GET", f"/{BUCKET}/{key}", access_key="BIRDSKEY", secret_key=secret)
        home.ask("header signature", "data", home.raw.head("GET", f"/{BUCKET}/{key}", {**signed, "connection": "close"}))
        yield Canary("signature in a header", signed["authorization"].rpartition("=")[2])
    yield from _chunks(home, secret)


def _chunks(home: Home, secret: str) -> Iterator[Canary]:
    """A signed chunked body, once whole and once with a last chunk that is not."""
    for end in ("0", "f"):
        headers = {"x-amz-decoded-content-length": "5", "content-encoding": "aws-chunked"}
        signed = home.raw.sign(
            "PUT", f"/{BUCKET}/chunked", headers, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", access_key="BIRDSKEY", secret_key=secret
        )
        scope = signed["authorization"].partition("Credential=BIRDSKEY/")[2].partition(",")[0]
        previous = signed["authorization"].rpartition("=")[2]
        body = b""
        for chunk in (b"hello", b""):
            text = f"AWS4-HMAC-SHA256-PAYLOAD\n{signed['x-amz-date']}\n{scope}\n{previous}\n" + "\n".join(
                hashlib.sha256(part).hexdigest() for part in (b"", chunk)
            )
            previous = hmac.new(Raw.signing_key(secret, scope), text.encode(), hashlib.sha256).hexdigest()
            yield Canary("signature of a chunk", previous)
            body += f"{len(chunk):x};chunk-signature={previous}\r\n".encode() + chunk + b"\r\n"
        if end == "f":
            body = body[:-68] + b"f" * 64 + b"\r\n\r\n"
        head = home.raw.head("PUT", f"/{BUCKET}/chunked", {**signed, "content-length": str(len(body)), "connection": "close"})
        home.ask("chunks", "data", head + body)


def of_credentials(home: Home) -> Iterator[Canary]:
    """What the directory makes: a static secret, a getsecret secret, a token, a session, a password; and a private key that stays with its owner."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    pem = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    password = secrets.token_urlsafe(24)

    async def make(engine: Any, directory: Any) -> list[Canary]:
        user, now_ms = await directory.users.by_name("bird"), int(time.time() * 1000)
        key = await directory.keys.create(user.id, now_ms)
        ozone = await directory.keys.create(user.id, now_ms, access_key="bird@HOST", kind="getsecret")
        _, token = await directory.tokens.create(user.id, "", now_ms)
        session = await directory.sessions.create(user.id, now_ms, 600)
        await directory.passwords.set(user.id, password)
        assert await directory.passwords.verify(user.id, password) and not await directory.passwords.verify(user.id, password + "x")
        await directory.api_keys.add(user.id, public, now_ms)
        made = {key.access_key: key.secret, "bird@HOST": ozone.secret, token: "any"}
        for access_key, secret in made.items():
            assert home.send("made key", "GET", "/", access_key=access_key, secret_key=secret).status == 200
        return [
            Canary("made static secret", key.secret), Canary("getsecret secret", ozone.secret), Canary("made token", token),
            Canary("session", session), Canary("set password", password),
        ]  # fmt: skip

    yield from home.store.do(make)
    yield Canary("private key of RSA", pem.splitlines()[1])
    for listener, method, target in DOORS:
        body = json.dumps({"key": pem}).encode()
        head = f"{method} {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        home.ask("private key of RSA", listener, head.encode() + body)


def of_pars(home: Home) -> Iterator[Canary]:
    """Tokens of pre-authenticated requests, and of uploads in parts that were begun by them."""
    par, url = home.store.par(BUCKET, "AnyObjectReadWrite", listing=True)
    path = url.partition(home.server.endpoint)[2]
    token = path.split("/")[2]
    yield Canary("token of a pre-authenticated request", token)
    for method, rest in (("GET", "there"), ("PUT", "by-par"), ("GET", "nothing"), ("DELETE", "there"), ("GET", "%ff"), ("GET", "")):
        home.ask("par", "data", f"{method} {path}{rest} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".encode())
    head = f"PUT {path}in-parts HTTP/1.1\r\nhost: x\r\nopc-multipart: true\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
    begun = home.ask("par", "data", head.encode())
    home.answers.pop()  # the only answer that may hold a token: its own
    uri = json.loads(begun.partition(b"\r\n\r\n")[2])["accessUri"]
    yield Canary("token of an upload", uri.split("/")[2])
    home.ask("par", "data", f"PUT {uri}1 HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 1\r\n\r\nx".encode())
    home.ask("par", "data", f"PUT {uri}x HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 1\r\n\r\nx".encode())
    home.store.delete(par)
    home.ask("par", "data", f"GET {path}there HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())


def of_customers_keys(home: Home) -> Iterator[Canary]:
    """A key of the client's own: used, wrong, with a wrong digest, and in requests whose signature is wrong."""
    key = secrets.token_bytes(32)
    text, digest = b64encode(key).decode(), b64encode(hashlib.md5(key).digest()).decode()
    name = "x-amz-server-side-encryption-customer-"
    headers = {name + "algorithm": "AES256", name + "key": text, name + "key-md5": digest}
    assert home.send("customer's key", "PUT", f"/{BUCKET}/sealed", headers, b"x").status == 200
    assert home.send("customer's key", "GET", f"/{BUCKET}/sealed", headers).body == b"x"
    assert home.send("customer's key", "GET", f"/{BUCKET}/sealed", headers, secret_key="wrong secret").status == 403
    assert home.send("customer's key", "GET", f"/{BUCKET}/sealed", headers | {name + "key-md5": "x"}).status == 400
    assert home.send("customer's key", "GET", f"/{BUCKET}/there", headers).status == 400
    yield Canary("customer's key", text)
    yield Canary("customer's key", key.hex())


def of_administration(home: Home) -> Iterator[Canary]:
    """A key with a secret that was given, a session with its password, and what is refused of both."""
    root = {"access_key": home.server.access_key, "secret_key": home.server.secret_key}
    control = Raw(SimpleNamespace(endpoint=home.server.control, access_key="", secret_key="", region="any"))

    def ask(method: str, path: str, said: dict[str, Any] | None, headers: dict[str, str] | None = None, *, keep: bool = True, **who: str) -> Any:
        body = b"" if said is None else json.dumps(said).encode()
        sent = {"content-type": "application/json", **(headers or {})}
        if who:
            reply = control.send(method, "/api/v1" + path, sent, body, service="holdfast", **who)
        else:
            sent |= {"host": "x", "content-length": str(len(body))}
            reply = control.exchange(control.head(method, "/api/v1" + path, sent) + body, method)
        if keep:
            home.answers.append(("administration", reply.raw))
        return reply

    secret, password = secrets.token_urlsafe(30), secrets.token_urlsafe(24)
    assert ask("POST", "/users/bird/keys", {"id": "BIRDSSECONDKEY", "key": secret}, keep=False, **root).status == 201
    assert ask("POST", "/users/bird/keys", {"id": "BIRDSSECONDKEY", "key": secret}, **root).status == 409
    assert ask("POST", "/users/bird/keys", {"id": "BIRDSTHIRDKEY", "key": secret, "more": secret}, **root).status == 400
    assert ask("GET", "/whoami", None, access_key="BIRDSSECONDKEY", secret_key=secret).status == 200
    assert ask("PUT", "/users/bird/password", {"password": password}, **root).status == 200
    assert ask("POST", "/sessions", {"user": "bird", "password": password + "x"}).status == 401
    assert ask("POST", "/sessions", {"user": password, "password": "wrong"}).status == 401
    said = ask("POST", "/sessions", {"user": "bird", "password": password}, keep=False)
    session = json.loads(said.body)["data"]["token"]
    assert ask("GET", "/whoami", None, {"authorization": "Bearer " + session}).status == 200
    assert ask("GET", "/users", None, {"cookie": "holdfast_session=" + session, "x-holdfast-request": "1"}).status == 403
    assert ask("GET", "/users", None, {"cookie": "holdfast_session=" + session}).status == 401
    assert ask("DELETE", "/sessions/current", None, {"authorization": "Bearer " + session}).status == 200
    yield from (Canary("secret that was given", secret), Canary("password of a session", password), Canary("session of the administration", session))


def of_oci(home: Home) -> Iterator[Canary]:
    """Good signatures of OCI's door, and the secrets that it makes."""
    boss = person(home.store, "canary-boss")
    host = home.raw.hostport
    for target in ("/n", f"/n/default/b/{BUCKET}/o/there", "/n/default/b/not-there"):
        signed = boss.signed("GET", target, host)
        home.ask("signature of OCI", "data", home.raw.head("GET", target, {**signed, "connection": "close"}))
        yield Canary("good signature of OCI", signed["authorization"].partition('signature="')[2].partition('"')[0])
    user = f"/20160918/users/{boss.user.id}"
    made = boss.ask("POST", user + "/customerSecretKeys", document={"displayName": "k"})
    yield Canary("customer secret key", made.json["key"])
    yield Canary("auth token", boss.ask("POST", user + "/authTokens", document={"description": "t"}).json["token"])
    document = {"name": "n", "accessType": "AnyObjectRead", "timeExpires": "2099-01-01T00:00:00Z"}
    par = boss.ask("POST", f"/n/default/b/{BUCKET}/p", document=document).json
    yield Canary("token of a request made at OCI's door", par["accessUri"].split("/")[2])
    home.answers.append(("pars", boss.ask("GET", f"/n/default/b/{BUCKET}/p").body))
    home.answers.append(("keys", boss.ask("GET", user + "/customerSecretKeys").body))
    home.answers.append(("tokens", boss.ask("GET", user + "/authTokens").body))


LIVES: tuple[Callable[[Home], Iterator[Canary]], ...] = (
    of_bootstrap, of_signatures, of_credentials, of_pars, of_customers_keys, of_administration, of_oci, carried,
)
