"""Kerberos on HTTP: a client proves itself by a ticket in `Authorization: Negotiate` (SPNEGO), verified with the keys of a keytab.

Source: RFC 4559, RFC 4178; MIT Kerberos, GSS-API. One round: SPNEGO with Kerberos needs no second one. python-gssapi is an extra
(`holdfast[kerberos]`), loaded only where a keytab is set. A ticket is not bound to the request that carries it: it is taken over TLS, or from
this machine.
"""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from binascii import Error as BadBase64
from pathlib import Path
from typing import Any

from holdfast.model.errors import AccessDenied

TOKEN_BYTES_MAX = 64 * 1024


class KerberosError(Exception):
    """Kerberos cannot be used here; the message says what is missing."""


class Acceptor:
    """Verifies tickets for the service whose keys are in the keytab."""

    def __init__(self, keytab: str) -> None:
        """Errors: KerberosError when python-gssapi is not installed or the keytab is not usable."""
        if not Path(keytab).is_file():
            raise KerberosError(f"there is no keytab {keytab}")
        try:
            import gssapi
        except ImportError as error:
            raise KerberosError(f"Kerberos needs python-gssapi (pip install 'holdfast[kerberos]'): {error}") from None
        self._gssapi: Any = gssapi
        os.environ["KRB5_KTNAME"] = "FILE:" + str(Path(keytab).absolute())
        try:
            self._credentials: Any = gssapi.Credentials(usage="accept")
        except gssapi.exceptions.GSSError as error:
            raise KerberosError(f"{keytab} cannot be used as a keytab: {error}") from None

    def principal(self, token: str) -> tuple[str, str]:
        """(the principal that the ticket names, for example testuser/scm@EXAMPLE.COM; the answer for WWW-Authenticate, base64 or "").

        Errors: AccessDenied for what is no good ticket."""
        try:
            data = b64decode(token, validate=True)
        except BadBase64:
            raise AccessDenied("The Negotiate token is not base64.") from None
        if not data or len(data) > TOKEN_BYTES_MAX:
            raise AccessDenied("The Negotiate token is empty or too long.")
        try:
            context = self._gssapi.SecurityContext(creds=self._credentials, usage="accept")
            answer = context.step(data)
            if not context.complete:
                raise AccessDenied("The Negotiate token is not a Kerberos ticket.")
            return str(context.initiator_name), b64encode(answer).decode() if answer else ""
        except self._gssapi.exceptions.GSSError as error:
            raise AccessDenied("The Kerberos ticket is not accepted.") from error
