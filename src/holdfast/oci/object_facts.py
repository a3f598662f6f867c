"""What the headers of a native upload say of the object: its content headers and metadata, its tier, and what is claimed of its bytes."""

from __future__ import annotations

from holdfast.model.buckets import Bucket
from holdfast.model.errors import InvalidArgument, MetadataTooLarge, NotImplemented
from holdfast.model.objects import Facts
from holdfast.objects.checksums import ALGORITHMS, DEFAULT, NO_CLAIM, Claim, decode_md5, is_checksum
from holdfast.oci.object_head import CLASS_OF
from holdfast.wire.values import header_text, is_header_name, metadata_text

METADATA_BYTES_MAX = 4000
"""Names and values of opc-meta-* together, in UTF-8."""

BUCKET_TIER = "storageTier"
"""The setting of a bucket whose tier is not Standard."""
_META = b"opc-meta-"
_CHECKSUMS = {b"opc-content-crc32c": "CRC32C", b"opc-content-sha256": "SHA256"}
_NOT_BUILT = (b"opc-content-sha384",)


def facts_of(headers: dict[bytes, bytes]) -> Facts:
    """The facts to store. The content type is kept as it was sent; none is application/octet-stream.

    Errors: MetadataTooLarge, InvalidArgument; NotImplemented for SHA-384."""
    metadata: dict[str, str] = {}
    for name, value in headers.items():
        if name.startswith(_META):
            plain = name[len(_META) :].decode("latin-1")
            if not is_header_name(plain):
                raise InvalidArgument(f"{header_text(name)} is not the name of a metadata header.", ArgumentName="opc-meta")
            metadata[plain] = metadata_text(value)
        elif name.startswith(_NOT_BUILT):
            raise NotImplemented(f"The header {name.decode('latin-1')} is not implemented.", Header=name.decode("latin-1"))
    size = sum(len(name.encode()) + len(value.encode("utf-8", "replace")) for name, value in metadata.items())
    if size > METADATA_BYTES_MAX:
        raise MetadataTooLarge(None, Size=str(size), MaxSizeAllowed=str(METADATA_BYTES_MAX))

    def text(name: bytes) -> str:
        return header_text(headers[name]) if name in headers else ""

    return Facts(
        content_type=text(b"content-type") or "application/octet-stream",
        content_encoding=text(b"content-encoding"),
        content_disposition=text(b"content-disposition"),
        content_language=text(b"content-language"),
        cache_control=text(b"cache-control"),
        expires=text(b"expires"),
        metadata=metadata,
    )


def storage_class_of(headers: dict[bytes, bytes], bucket: Bucket) -> str:
    """The storage class of the header storage-tier, else that of the bucket's tier; an Archive bucket takes no other (OCI, "Storage Tiers").

    Errors: InvalidArgument."""
    usual = bucket.settings.get(BUCKET_TIER, "Standard")
    tier = headers[b"storage-tier"].decode("latin-1") if b"storage-tier" in headers else usual
    found = CLASS_OF.get(tier)
    if found is None:
        raise InvalidArgument(f"storage-tier must be one of {', '.join(CLASS_OF)}.", ArgumentName="storage-tier")
    if usual == "Archive" and tier != usual:
        raise InvalidArgument("A bucket of the tier Archive takes archived objects only.", ArgumentName="storage-tier")
    return found


def claim_of(headers: dict[bytes, bytes]) -> Claim:
    """What the client says of the bytes: Content-MD5, and a checksum in an opc-content header. Errors: InvalidDigest, InvalidArgument."""
    md5 = decode_md5(headers[b"content-md5"]) if b"content-md5" in headers else None
    sent = [name for name in _CHECKSUMS if name in headers]
    asked = headers.get(b"opc-checksum-algorithm", b"").decode("latin-1").upper()
    if len(sent) > 1 or (sent and asked not in ("", _CHECKSUMS[sent[0]])):
        raise InvalidArgument("Only one checksum, that of opc-checksum-algorithm, can be sent.", ArgumentName="opc-checksum-algorithm")
    if asked == "SHA384":
        raise NotImplemented("The checksum algorithm SHA384 is not implemented.", Header="opc-checksum-algorithm")
    if asked and asked not in _CHECKSUMS.values():
        raise InvalidArgument("opc-checksum-algorithm must be CRC32C, SHA256 or SHA384.", ArgumentName="opc-checksum-algorithm")
    if not sent and not asked:
        return NO_CLAIM if md5 is None else Claim(ALGORITHMS[DEFAULT], md5)
    algorithm = ALGORITHMS[asked or _CHECKSUMS[sent[0]]]
    value = headers[sent[0]].decode("latin-1") if sent else None
    if value is not None and not is_checksum(algorithm, value):
        raise InvalidArgument(f"{sent[0].decode()} is not base64 of a {algorithm.name}.", ArgumentName=sent[0].decode())
    return Claim(algorithm, md5, value)
