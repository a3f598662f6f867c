"""The key service: wrapping, rotation, keys that are disabled or deleted, and that its material is sealed (M187)."""

from __future__ import annotations

import asyncio
import secrets

import pytest

from holdfast.engine.api import Damaged
from holdfast.engine.memory.engine import MemoryEngine
from holdfast.identities.documents import Taken, Unknown
from holdfast.identities.key_service import DISABLED, ENABLED, KeyService
from holdfast.identities.master import MasterKey
from holdfast.model.errors import KMSDisabledException, KMSNotFoundException

DATA_KEY = secrets.token_bytes(32)


@pytest.fixture
def service() -> KeyService:
    return KeyService(MemoryEngine().registry, MasterKey({"0" * 8: secrets.token_bytes(32)}))


def test_M187_a_data_key_comes_back_after_rotation_and_not_while_its_key_is_disabled(service: KeyService) -> None:
    async def test() -> None:
        await service.create("tde", 1, "of a bucket")
        first = await service.wrap("tde", DATA_KEY)
        await service.rotate("tde", 2)
        second = await service.wrap("tde", DATA_KEY)
        assert first[:4] != second[:4] and DATA_KEY not in first + second
        assert await service.unwrap("tde", first) == await service.unwrap("tde", second) == DATA_KEY
        await service.set_status("tde", DISABLED)
        for step in (service.unwrap("tde", first), service.wrap("tde", DATA_KEY), service.resolve("tde")):
            with pytest.raises(KMSDisabledException) as error:
                await step  # type: ignore[misc]
            assert error.value.code == "KMS.DisabledException"
        await service.set_status("tde", ENABLED)
        assert await service.unwrap("tde", first) == DATA_KEY
        await service.delete("tde")
        with pytest.raises(KMSNotFoundException):
            await service.unwrap("tde", first)
        await service.create("tde", 3)
        with pytest.raises(Damaged):
            await service.unwrap("tde", first)

    asyncio.run(test())


def test_names_of_keys(service: KeyService) -> None:
    async def test() -> None:
        await service.create("one", 1)
        assert await service.resolve("one") == "one"
        assert await service.resolve("arn:aws:kms:us-east-1:1:key/one") == "one"
        assert await service.resolve("alias/one") == "one"
        assert await service.resolve("") == await service.resolve("alias/aws/s3") == "default"
        assert [key.id for key in await service.all()] == ["default", "one"]
        for bad in ("nobody", "a/b", "a b", "x" * 200, "../one"):
            with pytest.raises(KMSNotFoundException):
                await service.resolve(bad)
        for bad in ("", "a/b", "-a", "x" * 129):
            with pytest.raises(ValueError, match="cannot be"):
                await service.create(bad, 1)
        with pytest.raises(Taken):
            await service.create("one", 1)
        for step in (service.get("nobody"), service.rotate("nobody", 1), service.set_status("nobody", ENABLED), service.delete("nobody")):
            with pytest.raises(Unknown):
                await step

    asyncio.run(test())


def test_material_is_sealed_and_bound_to_its_key(service: KeyService) -> None:
    async def test() -> None:
        material = secrets.token_bytes(32)
        await service.create("one", 1, material=material)
        await service.create("two", 1)
        assert material.hex() not in repr(await service.get("one"))
        document = await service._registry.get("encryption-key", "one")
        assert document is not None and material not in document.value
        wrapped = await service.wrap("one", DATA_KEY)
        for other in (b"", wrapped[:-1], wrapped[:4] + bytes(len(wrapped) - 4), b"\xff" * len(wrapped)):
            with pytest.raises(Damaged):
                await service.unwrap("one", other)
        with pytest.raises(Damaged):
            await service.unwrap("two", wrapped)

    asyncio.run(test())
