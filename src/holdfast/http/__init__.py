"""The HTTP/1.1 server: one asyncio protocol on uvloop and llhttp, behind it one handler."""

from holdfast.http.limits import Limits
from holdfast.http.server import Server, serve
from holdfast.http.tls import TLS, BadCertificate

__all__ = ["TLS", "BadCertificate", "Limits", "Server", "serve"]
