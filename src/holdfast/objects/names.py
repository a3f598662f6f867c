"""Keys and what their names say: the limit on a key's length, and the content type that its suffix suggests."""

from __future__ import annotations

import mimetypes

from holdfast.model.errors import InvalidArgument, KeyTooLongError

KEY_BYTES_MAX = 1024
CONTENT_TYPE_DEFAULT = "binary/octet-stream"
"""What S3 answers for an object that was stored without a Content-Type."""

_TYPES = {
    **mimetypes.MimeTypes(filenames=()).types_map[True],
    ".7z": "application/x-7z-compressed",
    ".avif": "image/avif",
    ".bz2": "application/x-bzip2",
    ".gz": "application/gzip",
    ".jsonl": "application/jsonl",
    ".log": "text/plain",
    ".md": "text/markdown",
    ".ndjson": "application/x-ndjson",
    ".parquet": "application/vnd.apache.parquet",
    ".rar": "application/vnd.rar",
    ".toml": "application/toml",
    ".wasm": "application/wasm",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xz": "application/x-xz",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
    ".zst": "application/zstd",
}


def check_key(key: str) -> None:
    """Errors: KeyTooLongError above 1,024 bytes of UTF-8 (S3 User Guide, "Naming Amazon S3 objects"); InvalidArgument for none."""
    if not key:
        raise InvalidArgument("The key must not be empty.", ArgumentName="key", ArgumentValue="")
    if len(key) * 4 > KEY_BYTES_MAX:
        size = len(key.encode("utf-8", "surrogatepass"))
        if size > KEY_BYTES_MAX:
            raise KeyTooLongError(None, Size=str(size), MaxSizeAllowed=str(KEY_BYTES_MAX))


def content_type_of(key: str) -> str:
    """The content type for a key whose writer named none: by its suffix, from a table of our own that no host's files change."""
    dot = key.rfind(".")
    if dot <= key.rfind("/"):
        return CONTENT_TYPE_DEFAULT
    return _TYPES.get(key[dot:].lower(), CONTENT_TYPE_DEFAULT)
