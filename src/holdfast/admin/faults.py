"""Refusals of the administration API: status, code and words, and what the errors of the layers below mean there."""

from __future__ import annotations

from holdfast.engine import api as engine
from holdfast.identities.documents import Taken, Unknown
from holdfast.model.errors import Refusal
from holdfast.observe import audit


class Fault(Exception):
    """A request that is refused. `because` is the rule that refused, for the audit log: never told to the client."""

    def __init__(self, status: int, code: str, message: str, *, because: str = "", headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.because = because
        self.headers = headers


def invalid(message: str) -> Fault:
    """What was sent cannot be used."""
    return Fault(400, "InvalidParameter", message)


def unauthenticated(message: str = "Sign the request with an access key (Signature Version 4, service holdfast), or bring a session.") -> Fault:
    return Fault(401, "NotAuthenticated", message, headers=(("www-authenticate", "AWS4-HMAC-SHA256, Bearer"),))


def forbidden(operation: str, because: str = "", message: str = "") -> Fault:
    """Who asks may not; the words are the same whether or not there is what was asked for."""
    return Fault(403, "NotAuthorized", message or f"You are not allowed to do {operation} here.", because=because)


def missing(message: str) -> Fault:
    return Fault(404, "NotFound", message)


def conflict(message: str) -> Fault:
    return Fault(409, "Conflict", message)


def fault_of(error: Exception) -> Fault | None:
    """What an error of a layer below means to a client; None for one that nobody expected."""
    if isinstance(error, Fault):
        return error
    if isinstance(error, Refusal):  # of the proof of who asks, or of the body
        status, code = error.oci
        return unauthenticated(error.message) if status == 401 else Fault(status, code, error.message)
    if isinstance(error, Taken):
        return conflict(_sentence(error))
    if isinstance(error, Unknown):
        return missing(_sentence(error))
    if isinstance(error, engine.Full):
        return Fault(507, "InsufficientStorage", "The store has no space left; nothing was changed.")
    if isinstance(error, engine.Unavailable | audit.Unavailable):
        return Fault(503, "ServiceUnavailable", "The store cannot answer now.", headers=(("retry-after", "1"),))
    if isinstance(error, engine.Stale | engine.AlreadyExists | engine.Conflict):
        return conflict("It is being changed by somebody else; try again.")
    return None


def _sentence(error: Exception) -> str:
    text = str(error)
    return text[:1].upper() + text[1:] + "."
