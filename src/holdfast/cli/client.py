"""Asks the administration API of a running server: finds the caller's key, signs (Signature Version 4, service holdfast), sends one request."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import os
import time
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

DEFAULT_CONTROL = "http://127.0.0.1:9001"
TIMEOUT_S = 60.0
_SCOPE_REGION = "local"


class ClientError(Exception):
    """The server cannot be asked; the message says why and what to do."""


class NoKey(ClientError):
    """There is no key to sign with."""


class ServiceError(Exception):
    """The server refused; `answer` is what it said."""

    def __init__(self, status: int, answer: dict[str, Any]) -> None:
        super().__init__(str(answer.get("message", status)))
        self.status = status
        self.answer = answer


class Key(NamedTuple):
    """Whose name requests are signed with."""

    access_key: str
    secret: str

    def __repr__(self) -> str:
        """Without the secret."""
        return f"Key(access_key={self.access_key!r})"


def find_key(environ: Mapping[str, str], profile: str = "") -> Key:
    """The key of the environment, or of a profile: the one asked for comes before the environment. Errors: ClientError."""
    if not profile and environ.get("AWS_ACCESS_KEY_ID") and environ.get("AWS_SECRET_ACCESS_KEY"):
        return Key(environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"])
    import configparser

    path = environ.get("AWS_SHARED_CREDENTIALS_FILE") or os.path.expanduser("~/.aws/credentials")
    name = profile or environ.get("AWS_PROFILE") or "default"
    found = configparser.RawConfigParser()
    try:
        found.read(path, encoding="utf-8")
        return Key(found[name]["aws_access_key_id"], found[name]["aws_secret_access_key"])
    except KeyError:
        pass
    except (configparser.Error, UnicodeDecodeError, OSError):
        raise ClientError(f"{path} cannot be read as a credentials file") from None
    wanted = f"there is no profile {name} with a key in {path}" if profile else f"set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or write {path}"
    raise NoKey(f"no key to sign with: {wanted}; or sign in (holdfast login)" if not profile else f"no key to sign with: {wanted}")


class Ticket(NamedTuple):
    """The caller's Kerberos ticket, from the cache that kinit fills."""

    def header(self, host: str) -> str:
        """`Negotiate ...` for the HTTP service of that host. Errors: ClientError says what is missing."""
        try:
            import gssapi
        except ImportError:
            raise ClientError("Kerberos needs python-gssapi: pip install 'holdfast[kerberos]'") from None
        import base64

        try:
            name = gssapi.Name(f"HTTP@{host}", gssapi.NameType.hostbased_service)
            token = gssapi.SecurityContext(name=name, usage="initiate").step()
        except gssapi.exceptions.GSSError as error:
            raise ClientError(f"there is no usable Kerberos ticket (kinit): {error}") from None
        return "Negotiate " + base64.b64encode(token or b"").decode()


class Session(NamedTuple):
    """A session of the control listener, as `holdfast login` keeps it."""

    token: str

    def __repr__(self) -> str:
        """Without the token."""
        return "Session()"


class Client:
    """One server, asked in somebody's name; None asks in nobody's."""

    def __init__(self, control: str, key: Key | Ticket | Session | None, ca: str = "") -> None:
        self._at = urlsplit(control if "://" in control else "http://" + control)
        if self._at.scheme not in ("http", "https") or not self._at.hostname:
            raise ClientError(f"{control!r} is not an address; write http://127.0.0.1:9001")
        self._key = key
        self._ca = ca

    def ask(self, method: str, path: str, query: Mapping[str, str] | None = None, body: Any = None) -> dict[str, Any]:
        """The answer's document. `path` is encoded already. Errors: ServiceError, ClientError."""
        data = b"" if body is None else json.dumps(body).encode()
        target = "/api/v1" + path
        pairs = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in (query or {}).items())
        text = "&".join(f"{name}={value}" for name, value in pairs)
        if isinstance(self._key, Ticket):
            headers = {"authorization": self._key.header(self._at.hostname or ""), "x-holdfast-request": "cli"}
        elif isinstance(self._key, Session):
            headers = {"authorization": f"Bearer {self._key.token}"}
        else:
            headers = self._signed(self._key, method, target, text, data) if self._key is not None else {}
        if data:
            headers["content-type"] = "application/json"
        status, content = self._send(method, target + ("?" + text if text else ""), data or None, headers)
        try:
            document = json.loads(content)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise ClientError(f"{self._at.geturl()} does not answer as the control listener of Holdfast (status {status})")
        if status >= 400:
            raise ServiceError(status, document)
        return document

    def has_page(self, path: str) -> bool:
        """Whether browsers find something there. Errors: ClientError."""
        return self._send("GET", path, None, {})[0] != 404

    def _send(self, method: str, target: str, data: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
        """Status and body. Errors: ClientError."""
        connection = self._connect()
        try:
            connection.request(method, target, data, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise ClientError(f"{self._at.geturl()} cannot be reached: {error or type(error).__name__} (--control names the server)") from None
        finally:
            connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        host = self._at.hostname or ""
        if self._at.scheme == "http":
            return http.client.HTTPConnection(host, self._at.port or 80, timeout=TIMEOUT_S)
        import ssl

        try:
            context = ssl.create_default_context(cafile=self._ca or None)
        except OSError as error:
            raise ClientError(f"the certificates in {self._ca} cannot be read: {error.strerror}") from None
        return http.client.HTTPSConnection(host, self._at.port or 443, timeout=TIMEOUT_S, context=context)

    def _signed(self, own: Key, method: str, path: str, query: str, data: bytes) -> dict[str, str]:
        """The headers of a request, signed. Source: "Authenticating Requests (AWS Signature Version 4)"."""
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        scope = f"{stamp[:8]}/{_SCOPE_REGION}/holdfast/aws4_request"
        host = self._at.netloc.rpartition("@")[2]
        hashed = hashlib.sha256(data).hexdigest()
        headers = {"host": host, "x-amz-content-sha256": hashed, "x-amz-date": stamp}
        names = ";".join(sorted(headers))
        lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
        canonical = f"{method}\n{path}\n{query}\n{lines}\n{names}\n{hashed}"
        text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = b"AWS4" + own.secret.encode()
        for step in scope.split("/"):
            key = hmac.digest(key, step.encode(), "sha256")
        signature = hmac.new(key, text.encode(), "sha256").hexdigest()
        headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={own.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
        return headers
