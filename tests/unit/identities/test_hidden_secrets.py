"""What holds a secret does not show it when it is printed, alone or within something else."""

from __future__ import annotations

from holdfast.identities.declared import Declared, DeclaredKey, DeclaredUser
from holdfast.identities.first_start import Administrator
from holdfast.server import Prepared

SECRET = "the-secret-itself"


def test_no_repr_shows_a_secret() -> None:
    key = DeclaredKey("AK1", SECRET)
    holders = (key, Administrator("AK1", SECRET), Prepared("AK1", SECRET), Declared(users=(DeclaredUser(name="ann", keys=(key,)),)))
    for holder in holders:
        for text in (repr(holder), str(holder), f"{holder}"):
            assert "AK1" in text and SECRET not in text
