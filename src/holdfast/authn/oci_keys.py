"""Making an RSA key for OCI request signatures, and signing with it: what a set-up and tests of one's own need of a client."""

from __future__ import annotations

from base64 import b64encode
from email.utils import formatdate

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat, load_pem_private_key

BITS = 2048


def new_key_pair() -> tuple[str, str]:
    """A new private key (PKCS #8, not encrypted) and its public half, both in PEM."""
    key = generate_private_key(65537, BITS)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")
    return private, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")


def signed_headers(private_pem: str, key_id: str, method: str, target: str, host: str) -> dict[str, str]:
    """The headers of a request without a body (OCI, "Request Signatures"). Errors: ValueError for what is no RSA key."""
    key = load_pem_private_key(private_pem.encode(), None)
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("not an RSA key")
    date = formatdate(usegmt=True)
    text = f"date: {date}\n(request-target): {method.lower()} {target}\nhost: {host}"
    signature = b64encode(key.sign(text.encode(), PKCS1v15(), SHA256())).decode("ascii")
    says = f'Signature algorithm="rsa-sha256",headers="date (request-target) host",keyId="{key_id}",signature="{signature}",version="1"'
    return {"date": date, "host": host, "authorization": says}
