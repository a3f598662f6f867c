"""TLS for a listener: contexts from files, one for each host name that a client may ask for, and their renewal while connections go on."""

from __future__ import annotations

import ssl
from pathlib import Path

from cryptography import x509

PROTOCOLS = ["h2", "http/1.1"]
"""Offered by ALPN, best first."""


class BadCertificate(Exception):
    """The files hold no usable certificate and key; the message names the file and the reason."""


class Contexts:
    """What one reading of the files gave: the context for who asks for no name or an unknown name, and those of names (lower case)."""

    def __init__(self, default: ssl.SSLContext, by_name: dict[str, ssl.SSLContext]) -> None:
        self.default = default
        self.by_name = by_name

    def of(self, name: str | None) -> ssl.SSLContext:
        """The context whose certificate names the host: exactly, or by a wildcard for its first label (RFC 6125, 6.4.3)."""
        if name is None:
            return self.default
        name = name.lower().rstrip(".")
        found = self.by_name.get(name)
        if found is None:
            found = self.by_name.get("*." + name.partition(".")[2])
        return found or self.default


class TLS:
    """The certificate chain and its key, both PEM, and in `folder` more of them: each `NAME.pem` with its key in `NAME.key`; the names
    that count are those in the certificates. `context` is for the listener, and follows `reload`."""

    def __init__(self, certificate: Path | str, key: Path | str, folder: Path | str = "") -> None:
        self.certificate = Path(certificate)
        self.key = Path(key)
        self.folder = Path(folder) if folder else None
        self._current = self._load()
        self.context = _context(self.certificate, self.key)
        self.context.sni_callback = self._switch

    def _load(self) -> Contexts:
        """Errors: BadCertificate."""
        default = _context(self.certificate, self.key)
        by_name: dict[str, ssl.SSLContext] = {}
        for path in sorted(self.folder.glob("*.pem")) if self.folder is not None else ():
            context = _context(path, path.with_suffix(".key"))
            by_name.update(dict.fromkeys(_names(path), context))
        return Contexts(default, dict.fromkeys(_names(self.certificate), default) | by_name)

    def _switch(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        connection.context = self._current.of(name)

    def reload(self) -> None:
        """Reads the files again, for connections from now on. Errors: BadCertificate; the old ones stay in use."""
        self._current = self._load()


def _context(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
    context.set_alpn_protocols(PROTOCOLS)
    for path in (certificate, key):
        try:
            path.read_bytes()
        except OSError as error:
            raise BadCertificate(f"{path}: {error.strerror}") from None
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except (ssl.SSLError, ValueError) as error:
        raise BadCertificate(f"{certificate} with {key}: {error}") from None
    return context


def _names(certificate: Path) -> list[str]:
    """The DNS names of the first certificate in the file, lower case. Errors: BadCertificate."""
    try:
        found = x509.load_pem_x509_certificates(certificate.read_bytes())[0].extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    except (OSError, ValueError, IndexError) as error:
        raise BadCertificate(f"{certificate}: {error}") from None
    return [name.lower() for name in found.value.get_values_for_type(x509.DNSName)]


def _no_password() -> str:
    raise ValueError("the key is encrypted with a password; store it without")
