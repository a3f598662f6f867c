"""A client that sends exactly the bytes it is told to: raw sockets, and an independent SigV4 signer that does not tidy anything up."""

from __future__ import annotations

import hashlib
import hmac
import re
import socket
import ssl
import time
from typing import Any
from urllib.parse import quote

EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()


class Reply:
    """One answer as it came: status, lower-case headers, body, and the bytes as they were."""

    def __init__(self, raw: bytes, method: str) -> None:
        head, _, rest = raw.partition(b"\r\n\r\n")
        while head.startswith(b"HTTP/1.1 100"):
            head, _, rest = rest.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        self.raw = raw
        self.status = int(lines[0].split()[1]) if lines[0].startswith(b"HTTP/") else 0
        self.headers = {n.strip().lower().decode("latin-1"): v.strip().decode("latin-1") for n, _, v in (line.partition(b":") for line in lines[1:])}
        self.body = rest if method != "HEAD" else b""

    @property
    def code(self) -> str:
        """The S3 error code, or ""."""
        found = re.search(rb"<Code>(\w+)</Code>", self.body)
        return found.group(1).decode() if found else ""


class Raw:
    """Signs and sends requests to one server. `send` gives the first answer; the connection is closed after it."""

    def __init__(self, server: Any) -> None:
        scheme, _, hostport = server.endpoint.partition("://")
        self.host, _, port = hostport.partition(":")
        self.port = int(port)
        self.hostport = hostport
        self.secure = scheme == "https"
        self.access_key, self.secret_key, self.region = server.access_key, server.secret_key, server.region

    def connect(self, timeout_s: float = 15) -> socket.socket:
        plain = socket.create_connection((self.host, self.port), timeout=timeout_s)
        return ssl._create_unverified_context().wrap_socket(plain, server_hostname=self.host) if self.secure else plain

    def exchange(self, data: bytes, method: str = "GET", timeout_s: float = 15, half_close: bool = False) -> Reply:
        """Sends bytes, reads until the server closes or the answer is whole."""
        with self.connect(timeout_s) as sock:
            try:
                sock.sendall(data)
                if half_close:
                    sock.shutdown(socket.SHUT_WR)
            except (BrokenPipeError, ConnectionResetError):
                pass
            got, deadline = b"", time.monotonic() + timeout_s
            while time.monotonic() < deadline:
                try:
                    piece = sock.recv(65536)
                except (ConnectionResetError, TimeoutError):
                    break
                if not piece:
                    break
                got += piece
                if self._whole(got, method):
                    break
            return Reply(got, method)

    @staticmethod
    def _whole(got: bytes, method: str) -> bool:
        head, separator, rest = got.partition(b"\r\n\r\n")
        while separator and head.startswith(b"HTTP/1.1 100"):
            head, separator, rest = rest.partition(b"\r\n\r\n")
        if not separator:
            return False
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        return method == "HEAD" or head.startswith((b"HTTP/1.1 204", b"HTTP/1.1 304")) or (length is not None and len(rest) >= int(length.group(1)))

    def sign(
        self,
        method: str,
        target: str,
        headers: dict[str, str] | None = None,
        payload_hash: str = EMPTY_SHA256,
        *,
        access_key: str | None = None,
        secret_key: str | None = None,
        region: str | None = None,
        service: str = "s3",
        at: float | None = None,
        unsigned: tuple[str, ...] = (),
    ) -> dict[str, str]:
        """The headers of `headers` and of SigV4 over exactly this raw target; names in `unsigned` are sent but not signed."""
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(at if at is not None else time.time()))
        sent = {"host": self.hostport, "x-amz-date": stamp, "x-amz-content-sha256": payload_hash} | {k.lower(): v for k, v in (headers or {}).items()}
        path, _, query = target.partition("?")
        pairs = sorted(tuple((p + "=").split("=")[:2]) for p in query.split("&") if p)
        names = sorted(n for n in sent if n not in unsigned)
        canonical = "\n".join(
            [
                method,
                path,
                "&".join(f"{k}={v}" for k, v in pairs),
                *(f"{n}:{' '.join(sent[n].split())}" for n in names),
                "",
                ";".join(names),
                payload_hash,
            ]
        )
        scope = f"{stamp[:8]}/{region or self.region}/{service}/aws4_request"
        string_to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = hmac.new(self.signing_key(secret_key or self.secret_key, scope), string_to_sign.encode(), hashlib.sha256).hexdigest()
        sent["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={access_key or self.access_key}/{scope}, SignedHeaders={';'.join(names)}, Signature={signature}"
        )
        return sent

    @staticmethod
    def signing_key(secret_key: str, scope: str) -> bytes:
        key = b"AWS4" + secret_key.encode()
        for part in scope.split("/"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return key

    def send(
        self,
        method: str,
        target: str,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        *,
        half_close: bool = False,
        timeout_s: float = 15,
        **signing: Any,
    ) -> Reply:
        """A signed request with a plain body (its hash signed unless `payload_hash` says otherwise)."""
        signing.setdefault("payload_hash", hashlib.sha256(body).hexdigest())
        sent = self.sign(method, target, headers, **signing)
        if (body or method in ("PUT", "POST")) and "transfer-encoding" not in sent:
            sent.setdefault("content-length", str(len(body)))
        return self.exchange(self.head(method, target, sent) + body, method, timeout_s, half_close)

    @staticmethod
    def head(method: str, target: str, headers: dict[str, str]) -> bytes:
        lines = "".join(f"{n}: {v}\r\n" for n, v in headers.items())
        return f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1", "surrogateescape")

    def query(self, parameters: dict[str, str]) -> str:
        return "&".join(f"{quote(k, safe='-_.~')}={quote(v, safe='-_.~')}" for k, v in sorted(parameters.items()))
