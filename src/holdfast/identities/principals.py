"""The users of Kerberos principals: a principal is the user of its name, and one that was never seen is made.

Source: Apache Ozone, "S3 Protocol", Security: whoever the KDC knows may have a secret and buckets of his own.
"""

from __future__ import annotations

import re

from holdfast.identities.directory import Directory
from holdfast.identities.documents import Taken, Unknown
from holdfast.identities.users import new_canonical_id
from holdfast.model.identity import User
from holdfast.model.ocids import new_ocid

_NAME = re.compile(r"[A-Za-z0-9_.+=-]+(/[A-Za-z0-9_.+=-]+)?@[A-Za-z0-9][A-Za-z0-9.-]*\Z")


def is_principal(name: str) -> bool:
    """Whether a name has the form of a principal: `user@REALM` or `service/host@REALM`."""
    return len(name) <= 100 and _NAME.match(name) is not None


async def user_of_principal(directory: Directory, name: str, now_ms: int) -> User:
    """The user of that name in the tenancy of the first start, made if need be. Errors: EngineError; Unknown if that tenancy is gone."""
    users = directory.users
    tenancy = await directory.tenancies.get(await directory.tenancies.default_id())
    if tenancy is None:
        raise Unknown("there is no tenancy for principals")
    user = await users.by_name(name, tenancy.id)
    if user is not None:
        return user
    user = User(
        id=new_ocid("user"), name=name, canonical_id=new_canonical_id(), display_name=name, namespace=tenancy.namespace, tenancy=tenancy.id,
        rights="own-buckets", created_ms=now_ms,
    )  # fmt: skip
    try:
        return await users.create_user(user)
    except Taken:  # its first two requests came at once
        return await users.by_name(name, tenancy.id) or user
