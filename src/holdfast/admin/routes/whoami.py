"""Who the caller is: what every caller may ask about himself."""

from __future__ import annotations

from holdfast.admin import find, shown
from holdfast.admin.route import Call, Route


async def whoami(call: Call) -> shown.WhoAmI:
    user, tenancy = call.user, call.tenancy
    return shown.WhoAmI(
        id=user.id,
        name=user.name,
        kind=user.kind,
        tenancy_id=user.tenancy,
        tenancy=tenancy.name,
        namespace=user.namespace,
        canonical_id=user.canonical_id,
        how=call.caller.how,
        region=call.services.region,
    )


ROUTES = (
    Route(method="GET", path="/whoami", operation="HoldfastWhoAmI", says="Says who the caller is", does=whoami, about=find.in_tenancy,
          shows=shown.WhoAmI),
)  # fmt: skip
