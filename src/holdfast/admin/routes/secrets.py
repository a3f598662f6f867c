"""Ozone's S3 secrets: one for each principal, whose name is the access key; shown once, and revoked before there is another.

Source: Apache Ozone, "S3 Protocol", Security (`ozone s3 getsecret`, `ozone s3 revokesecret`).
"""

from __future__ import annotations

import secrets

from holdfast.admin import find, giving, shown
from holdfast.admin.faults import Fault, conflict, missing
from holdfast.admin.route import Call, Found, Route, Shown
from holdfast.authz.gather import permits_operation
from holdfast.identities.documents import Taken
from holdfast.identities.principals import is_principal, user_of_principal
from holdfast.model.identity import User

KIND = "getsecret"
_SECRET_BYTES = 32


class NewSecret(Shown):
    aws_access_key: str
    aws_secret: str
    """64 hexadecimal digits: shown only here."""


async def the_principal(call: Call) -> Found:
    """A user or service account; of Kerberos also a principal that has not been here yet, for who may make users: what is found is its name then."""
    found = await find.the_principal(call)
    name, here = call.path["user"], call.tenancy.id
    if found.target is not None or call.services.kerberos is None or not is_principal(name):
        return found
    makes = permits_operation(call.caller, "CreateUser", request=call.request, compartment=here).allowed
    return Found(thing=name, compartment=here) if makes and here == await call.directory.tenancies.default_id() else found


async def get_secret(call: Call) -> NewSecret:
    user: User = call.target if call.found.target is not None else await user_of_principal(call.directory, call.path["user"], call.now_ms)
    await giving.require_identity(call, user, f"the secret of {user.name!r}")
    secret = secrets.token_hex(_SECRET_BYTES)
    try:
        await call.directory.keys.create(user.id, call.now_ms, access_key=user.name, secret=secret, display_name="S3 secret", kind=KIND)
    except Taken:
        there = await call.directory.keys.get(user.name)
        if there is not None and (there.kind != KIND or there.user_id != user.id):
            raise conflict(f"The access key {user.name!r} is another key, or somebody else's: it has to be deleted before.") from None
        raise Fault(409, "S3_SECRET_ALREADY_EXISTS", f"Secret for '{user.name}' already exists; revoke it to get another one.") from None
    return NewSecret(aws_access_key=user.name, aws_secret=secret)


async def revoke_secret(call: Call) -> shown.Deleted:
    user: User = call.target
    found = await call.directory.keys.get(user.name)
    if found is None or found.kind != KIND or found.user_id != user.id:
        raise missing(f"Secret for '{user.name}' doesn't exist.")
    await call.directory.keys.delete(user.name)
    return shown.Deleted(deleted=user.name)


ROUTES = (
    Route(method="POST", path="/users/{user}/s3-secret", operation="CreateCustomerSecretKey", of_robot="HoldfastCreateServiceAccountKey",
          says="Makes the S3 secret of a principal, whose name is the access key; refused while there is one", does=get_secret,
          about=the_principal, shows=NewSecret, status=201, secret=True),
    Route(method="DELETE", path="/users/{user}/s3-secret", operation="DeleteCustomerSecretKey", of_robot="HoldfastDeleteServiceAccountKey",
          says="Revokes the S3 secret of a principal: it is refused at once", does=revoke_secret, about=find.the_principal, shows=shown.Deleted),
)  # fmt: skip
