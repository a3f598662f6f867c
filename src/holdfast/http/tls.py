"""TLS for a listener: a context from two files, and its renewal from the same files while connections go on."""

from __future__ import annotations

import ssl
from pathlib import Path

PROTOCOLS = ["h2", "http/1.1"]
"""Offered by ALPN, best first."""


class BadCertificate(Exception):
    """The files hold no usable certificate and key; the message names the file and the reason."""


class TLS:
    """The certificate chain and its key, both PEM. `context` is for the listener, and follows `reload`."""

    def __init__(self, certificate: Path | str, key: Path | str) -> None:
        self.certificate = Path(certificate)
        self.key = Path(key)
        self._current = self._load()
        self.context = self._load()
        self.context.sni_callback = self._switch

    def _load(self) -> ssl.SSLContext:
        """Errors: BadCertificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
        context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
        context.set_alpn_protocols(PROTOCOLS)
        for path in (self.certificate, self.key):
            try:
                path.read_bytes()
            except OSError as error:
                raise BadCertificate(f"{path}: {error.strerror}") from None
        try:
            context.load_cert_chain(self.certificate, self.key, password=_no_password)
        except (ssl.SSLError, ValueError) as error:
            raise BadCertificate(f"{self.certificate} with {self.key}: {error}") from None
        return context

    def _switch(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        connection.context = self._current

    def reload(self) -> None:
        """Reads the files again, for connections from now on. Errors: BadCertificate; the old ones stay in use."""
        self._current = self._load()


def _no_password() -> str:
    raise ValueError("the key is encrypted with a password; store it without")
