"""Object Lock with boto3: retention, legal hold, defaults, bypass; and that nothing slips between the look and the removal (M183)."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from holdfast.engine.api import ANYTHING
from holdfast.engine.memory.engine import MemoryEngine
from holdfast.model.buckets import Bucket
from holdfast.model.errors import AccessDenied
from holdfast.model.objects import Facts, Version
from holdfast.objects.locks import COMPLIANCE, GOVERNANCE, SETTING, Lock, lock_of, with_lock
from holdfast.objects.remove import remove


def refused(call: Any, **given: Any) -> tuple[int, str]:
    with pytest.raises(ClientError) as error:
        call(**given)
    answer = error.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


def days(count: float) -> datetime:
    return (datetime.now(UTC) + timedelta(days=count)).replace(microsecond=0)


@pytest.fixture
def locked(s3: Any) -> str:
    name = f"lock-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    return name


def test_a_bucket_with_a_lock_keeps_versioning_for_ever(s3: Any, locked: str, bucket: str) -> None:
    assert s3.get_bucket_versioning(Bucket=locked)["Status"] == "Enabled"
    assert s3.get_object_lock_configuration(Bucket=locked)["ObjectLockConfiguration"] == {"ObjectLockEnabled": "Enabled"}
    suspended = {"Status": "Suspended"}
    assert refused(s3.put_bucket_versioning, Bucket=locked, VersioningConfiguration=suspended) == (409, "InvalidBucketState")
    assert refused(s3.get_object_lock_configuration, Bucket=bucket) == (404, "ObjectLockConfigurationNotFoundError")
    enabled = {"ObjectLockEnabled": "Enabled"}
    assert refused(s3.put_object_lock_configuration, Bucket=bucket, ObjectLockConfiguration=enabled) == (409, "InvalidBucketState")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=enabled)
    assert refused(s3.put_bucket_versioning, Bucket=bucket, VersioningConfiguration=suspended) == (409, "InvalidBucketState")


@pytest.mark.parametrize("mode", [GOVERNANCE, COMPLIANCE])
def test_a_retained_version_is_not_removed_and_only_governance_can_be_bypassed(s3: Any, locked: str, mode: str) -> None:
    until = days(1)
    version = s3.put_object(Bucket=locked, Key="k", Body=b"kept", ObjectLockMode=mode, ObjectLockRetainUntilDate=until)["VersionId"]
    this = {"Bucket": locked, "Key": "k", "VersionId": version}
    head = s3.head_object(**this)
    assert (head["ObjectLockMode"], head["ObjectLockRetainUntilDate"]) == (mode, until)
    assert s3.get_object_retention(**this)["Retention"] == {"Mode": mode, "RetainUntilDate": until}
    assert refused(s3.delete_object, **this) == (403, "AccessDenied")
    rows = s3.delete_objects(Bucket=locked, Delete={"Objects": [{"Key": "k", "VersionId": version}]})["Errors"]
    assert [row["Code"] for row in rows] == ["AccessDenied"]
    marker = s3.delete_object(Bucket=locked, Key="k")
    assert marker["DeleteMarker"], "a marker hides it and removes nothing"
    s3.delete_object(Bucket=locked, Key="k", VersionId=marker["VersionId"])
    other = GOVERNANCE if mode == COMPLIANCE else COMPLIANCE
    for shorter in ({"Mode": mode, "RetainUntilDate": days(0.5)}, {"Mode": other, "RetainUntilDate": until}):
        assert refused(s3.put_object_retention, **this, Retention=shorter) == (403, "AccessDenied")
    longer = {"Mode": mode, "RetainUntilDate": days(2)}
    s3.put_object_retention(**this, Retention=longer)
    if mode == COMPLIANCE:
        assert refused(s3.delete_object, **this, BypassGovernanceRetention=True) == (403, "AccessDenied")
        assert refused(s3.put_object_retention, **this, Retention={}, BypassGovernanceRetention=True) == (403, "AccessDenied")
    else:
        s3.delete_object(**this, BypassGovernanceRetention=True)
        assert refused(s3.head_object, **this)[0] == 404


def test_a_legal_hold_stands_until_it_is_taken_away(s3: Any, locked: str) -> None:
    version = s3.put_object(Bucket=locked, Key="k", Body=b"x", ObjectLockLegalHoldStatus="ON")["VersionId"]
    this = {"Bucket": locked, "Key": "k", "VersionId": version}
    assert s3.get_object_legal_hold(**this)["LegalHold"] == {"Status": "ON"}
    assert refused(s3.delete_object, **this, BypassGovernanceRetention=True) == (403, "AccessDenied")
    s3.put_object_tagging(**this, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    assert refused(s3.delete_object, **this) == (403, "AccessDenied"), "new tags leave the hold alone"
    s3.put_object_acl(**this, ACL="public-read")
    assert refused(s3.delete_object, **this) == (403, "AccessDenied"), "a new list leaves the hold alone"
    s3.put_object_legal_hold(**this, LegalHold={"Status": "OFF"})
    s3.delete_object(**this)


def test_the_default_retention_counts_for_every_way_to_write(s3: Any, locked: str) -> None:
    rule = {"DefaultRetention": {"Mode": COMPLIANCE, "Days": 2}}
    s3.put_object_lock_configuration(Bucket=locked, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule})
    assert s3.get_object_lock_configuration(Bucket=locked)["ObjectLockConfiguration"]["Rule"] == rule
    s3.put_object(Bucket=locked, Key="put", Body=b"x")
    s3.copy_object(Bucket=locked, Key="copy", CopySource=f"{locked}/put")
    upload = s3.create_multipart_upload(Bucket=locked, Key="multipart")["UploadId"]
    etag = s3.upload_part(Bucket=locked, Key="multipart", UploadId=upload, PartNumber=1, Body=b"x")["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    s3.complete_multipart_upload(Bucket=locked, Key="multipart", UploadId=upload, MultipartUpload=parts)
    for key in ("put", "copy", "multipart"):
        head = s3.head_object(Bucket=locked, Key=key)
        assert head["ObjectLockMode"] == COMPLIANCE and days(1.9) < head["ObjectLockRetainUntilDate"] <= days(2.1)
    own = s3.put_object(Bucket=locked, Key="own", Body=b"x", ObjectLockMode=GOVERNANCE, ObjectLockRetainUntilDate=days(1))
    assert s3.head_object(Bucket=locked, Key="own", VersionId=own["VersionId"])["ObjectLockMode"] == GOVERNANCE


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        ({"ObjectLockMode": GOVERNANCE}, (400, "InvalidArgument")),
        ({"ObjectLockRetainUntilDate": days(1)}, (400, "InvalidArgument")),
        ({"ObjectLockMode": "FOREVER", "ObjectLockRetainUntilDate": days(1)}, (400, "InvalidArgument")),
        ({"ObjectLockMode": GOVERNANCE, "ObjectLockRetainUntilDate": days(-1)}, (400, "InvalidArgument")),
        ({"ObjectLockLegalHoldStatus": "PERHAPS"}, (400, "InvalidArgument")),
    ],
)
def test_what_cannot_be_meant_is_refused(s3: Any, locked: str, bucket: str, given: dict[str, Any], refusal: tuple[int, str]) -> None:
    assert refused(s3.put_object, Bucket=locked, Key="k", Body=b"x", **given) == refusal
    assert refused(s3.create_multipart_upload, Bucket=locked, Key="k", **given) == refusal
    assert refused(s3.put_object, Bucket=bucket, Key="k", Body=b"x", ObjectLockLegalHoldStatus="ON") == (400, "InvalidRequest")
    assert s3.list_objects_v2(Bucket=locked)["KeyCount"] == 0


def test_a_lock_set_between_the_look_and_the_removal_counts() -> None:
    """Without the precondition on the facts, the version would be gone."""

    async def test() -> None:
        engine = MemoryEngine()
        catalog: Any = engine.catalog
        new = Bucket(namespace="n", name="bucket", region="r", owner="o", versioning="Enabled", settings={SETTING: "{}"})
        bucket = await catalog.create_bucket(new)
        await catalog.commit(bucket, Version(key="k", version_id="v1", owner="o"))
        look = catalog.version

        async def looked(*given: Any, **more: Any) -> Version | None:
            found = await look(*given, **more)
            if found is not None and not lock_of(found.facts).hold:
                await catalog.amend(bucket, "k", "v1", with_lock(Facts(), Lock(hold="ON")), ANYTHING)
            return found  # type: ignore[no-any-return]

        catalog.version = looked
        with pytest.raises(AccessDenied):
            await remove(engine, bucket, "k", "v1", now_ms=1)
        assert await look(bucket.id, "k", "v1") is not None

    asyncio.run(test())
