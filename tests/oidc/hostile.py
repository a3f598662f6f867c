"""An issuer that lies, on loopback: each test says how its documents, keys and tokens are wrong."""

from __future__ import annotations

import json
import ssl
import threading
import time
from base64 import urlsafe_b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import requests
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

CLIENT = "holdfast"
_KEYS = [rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2)]
SMALL_KEY = rsa.generate_private_key(public_exponent=65537, key_size=1024)
EC_KEY = ec.generate_private_key(ec.SECP256R1())


def jwk(key: Any, kid: str, **more: Any) -> dict[str, Any]:
    make = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
    return {**json.loads(make.to_jwk(key.public_key())), "kid": kid, **more}


def unsigned(claims: dict[str, Any], **header: Any) -> str:
    parts = [json.dumps({"typ": "JWT", **header}).encode(), json.dumps(claims).encode()]
    return ".".join(urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts) + "."


class HostileIssuer:
    """What it answers is what its members say; `tokens` is what the token endpoint gives."""

    key, other_key = _KEYS

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        issuer = self
        self.asked: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer._answer(self)

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("content-length", "0")))
                issuer._answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
            self.url = f"https://localhost:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.reset()

    def reset(self) -> None:
        self.metadata: dict[str, Any] = {
            "issuer": self.url, "authorization_endpoint": self.url + "/auth", "token_endpoint": self.url + "/token", "jwks_uri": self.url + "/jwks",
            "response_types_supported": ["code"], "id_token_signing_alg_values_supported": ["RS256"],
        }  # fmt: skip
        self.keys: list[dict[str, Any]] = [jwk(self.key, "one")]
        self.tokens: Any = {}
        self.status = 200
        self.delay_s: dict[str, float] = {}
        self.raw: dict[str, bytes] = {}

    def claims(self, of_nonce: str, **more: Any) -> dict[str, Any]:
        now = int(time.time())
        return {
            "iss": self.url, "aud": CLIENT, "sub": "mallory", "exp": now + 300, "iat": now, "nonce": of_nonce,
            "preferred_username": "mallory", **more,
        }  # fmt: skip

    def give(self, claims: dict[str, Any], *, key: Any = None, kid: str | None = "one", algorithm: str = "RS256", **header: Any) -> None:
        headers = {**({} if kid is None else {"kid": kid}), **header}
        self.tokens = {"access_token": "a", "token_type": "Bearer", "id_token": jwt.encode(claims, key or self.key, algorithm, headers)}

    def give_text(self, text: str) -> None:
        self.tokens = {"access_token": "a", "token_type": "Bearer", "id_token": text}

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        path = urlsplit(handler.path).path
        self.asked.append(path)
        time.sleep(self.delay_s.get(path, 0.0))
        found = {"/.well-known/openid-configuration": self.metadata, "/jwks": {"keys": self.keys}, "/token": self.tokens}.get(path, {})
        data = self.raw.get(path, json.dumps(found).encode())
        try:
            if data.startswith(b"->"):
                handler.send_response(302)
                handler.send_header("location", data[2:].decode())
                handler.end_headers()
                return
            handler.send_response(self.status if path == "/token" else 200)
            handler.send_header("content-type", "application/json")
            handler.send_header("content-length", str(len(data)))
            handler.end_headers()
            handler.wfile.write(data)
        except OSError:  # the store hung up
            pass


class Attempt:
    """One sign-in with a browser: begun, and ended when the test has made the token for its nonce."""

    def __init__(self, control: str) -> None:
        self.control = control
        self.http = requests.Session()
        started = self.http.get(control + "/sign-in/oidc", allow_redirects=False, timeout=60)
        self.started = started
        asked = parse_qs(urlsplit(started.headers.get("location", "")).query)
        self.state, self.nonce = (asked.get(name, [""])[0] for name in ("state", "nonce"))

    def end(self, **query: str) -> requests.Response:
        given = {"code": "c", "state": self.state, **query}
        return self.http.get(self.control + "/sign-in/oidc/callback", params=given, allow_redirects=False, timeout=60)

    @property
    def signed_in(self) -> bool:
        return bool(self.http.cookies.get("holdfast_session"))
