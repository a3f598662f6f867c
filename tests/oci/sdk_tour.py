"""What the real SDK does with a running server, case by case; run by the client's own interpreter: CONFIG ENDPOINT COMPARTMENT.

It prints a JSON object, the name of each case and "" or what went wrong.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import sys
import tempfile
import traceback
from pathlib import Path

import oci
from oci.object_storage import models
from oci.object_storage.transfer.internal.download.DownloadConfiguration import DownloadConfiguration
from oci.object_storage.transfer.internal.download.DownloadManager import DownloadManager

CONFIG, ENDPOINT, COMPARTMENT = sys.argv[1:4]
config = oci.config.from_file(CONFIG)
client = oci.object_storage.ObjectStorageClient(config, service_endpoint=ENDPOINT, retry_strategy=oci.retry.NoneRetryStrategy())
NS = "default"
BIG = bytes(range(256)) * 4096 * 12  # 12 MiB


def bucket(name: str, **more: object) -> str:
    client.create_bucket(NS, models.CreateBucketDetails(name=name, compartment_id=COMPARTMENT, **more))
    return name


def refused(status: int, code: str | None, call, *arguments, **more):
    try:
        call(*arguments, **more)
    except oci.exceptions.ServiceError as error:
        assert (error.status, error.code) == (status, code), (error.status, error.code, error.message)
        return error
    raise AssertionError("it was not refused")


def md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data).digest()).decode()


def buckets() -> None:
    made = client.create_bucket(NS, models.CreateBucketDetails(
        name="Tour.Buckets_1", compartment_id=COMPARTMENT, metadata={"a": "b"}, freeform_tags={"k": "v"}, defined_tags={"ns": {"k": "v"}},
        versioning="Enabled", object_events_enabled=True, public_access_type="ObjectRead",
    ))  # fmt: skip
    told = client.get_bucket(NS, "Tour.Buckets_1", fields=["approximateCount", "approximateSize", "autoTiering"])
    data = told.data
    assert told.headers["etag"] == made.headers["etag"] == data.etag
    assert (data.metadata, data.freeform_tags, data.defined_tags) == ({"a": "b"}, {"k": "v"}, {"ns": {"k": "v"}})
    assert (data.versioning, data.object_events_enabled, data.public_access_type) == ("Enabled", True, "ObjectRead")
    assert (data.approximate_count, data.approximate_size, data.auto_tiering, data.storage_tier) == (0, 0, "Disabled", "Standard")
    assert data.created_by == config["user"] and data.id.startswith("ocid1.bucket.oc1.")
    assert client.head_bucket(NS, "Tour.Buckets_1").headers["etag"] == data.etag
    refused(412, "IfMatchFailed", client.update_bucket, NS, "Tour.Buckets_1", models.UpdateBucketDetails(), if_match="other")
    changed = client.update_bucket(
        NS, "Tour.Buckets_1",
        models.UpdateBucketDetails(name="Tour.Buckets_1", versioning="Suspended", public_access_type="NoPublicAccess", metadata={"c": "d"}),
        if_match=data.etag,
    ).data  # fmt: skip
    assert (changed.versioning, changed.public_access_type, changed.metadata) == ("Suspended", "NoPublicAccess", {"a": "b", "c": "d"})
    assert changed.freeform_tags == {"k": "v"} and changed.etag != data.etag
    refused(501, "NotImplemented", client.update_bucket, NS, "Tour.Buckets_1", models.UpdateBucketDetails(name="other"))
    refused(409, "BucketAlreadyExists", bucket, "Tour.Buckets_1")
    refused(400, "InvalidBucketName", bucket, "no spaces")
    seen = client.list_buckets(NS, COMPARTMENT, fields=["tags"]).data
    assert [row.freeform_tags for row in seen if row.name == "Tour.Buckets_1"] == [{"k": "v"}]
    bucket("Tour.Buckets_2")
    page = client.list_buckets(NS, COMPARTMENT, limit=1)
    assert len(page.data) == 1 and page.has_next_page
    everything = oci.pagination.list_call_get_all_results(client.list_buckets, NS, COMPARTMENT, limit=1).data
    assert [row.name for row in everything] == sorted(row.name for row in everything) and "Tour.Buckets_1" in {row.name for row in everything}
    client.make_bucket_writable(NS, "Tour.Buckets_1")
    client.delete_bucket(NS, "Tour.Buckets_2")
    client.delete_bucket(NS, "Tour.Buckets_1")
    refused(404, "BucketNotFound", client.get_bucket, NS, "Tour.Buckets_1")


def namespaces() -> None:
    assert client.get_namespace().data == NS
    assert client.get_namespace(compartment_id=COMPARTMENT).data == NS
    told = client.get_namespace_metadata(NS).data
    assert (told.namespace, told.default_s3_compartment_id) == (NS, COMPARTMENT)
    details = models.UpdateNamespaceMetadataDetails(default_s3_compartment_id=COMPARTMENT)
    assert client.update_namespace_metadata(NS, details).data.default_s3_compartment_id == COMPARTMENT
    refused(404, "NamespaceNotFound", client.get_namespace_metadata, "other")
    refused(404, "NamespaceNotFound", client.list_buckets, "other", COMPARTMENT)


def objects() -> None:
    name = bucket("tour-objects")
    put = client.put_object(
        NS, name, "d/a", b"one two", content_md5=md5(b"one two"), content_type="text/x", content_language="de", content_disposition="inline",
        cache_control="no-store", opc_meta={"Colour": "Blue"}, opc_checksum_algorithm="CRC32C",
    )  # fmt: skip
    assert put.headers["opc-content-md5"] == md5(b"one two") and put.headers["opc-content-crc32c"]
    got = client.get_object(NS, name, "d/a", range="bytes=4-6")
    assert (got.status, got.data.content, got.headers["content-range"]) == (206, b"two", "bytes 4-6/7")
    head = client.head_object(NS, name, "d/a").headers
    assert (head["etag"], head["content-md5"], head["opc-meta-colour"]) == (put.headers["etag"], md5(b"one two"), "Blue")
    sent = {"content-type": "text/x", "content-language": "de", "content-disposition": "inline", "cache-control": "no-store"}
    assert {name: head[name] for name in sent} == sent
    assert head["opc-content-crc32c"] == put.headers["opc-content-crc32c"]
    other = client.get_object(NS, name, "d/a", http_response_content_type="text/y", http_response_cache_control="max-age=1").headers
    assert (other["content-type"], other["cache-control"]) == ("text/y", "max-age=1")
    refused(412, "IfNoneMatchFailed", client.put_object, NS, name, "d/a", b"", if_none_match="*")
    refused(412, "IfMatchFailed", client.get_object, NS, name, "d/a", if_match="x")
    refused(304, None, client.get_object, NS, name, "d/a", if_none_match=put.headers["etag"])
    refused(400, "UnmatchedContentMD5", client.put_object, NS, name, "e", b"1", content_md5=md5(b"2"))
    refused(404, "ObjectNotFound", client.get_object, NS, name, "e")
    client.put_object(NS, name, "b", io.BytesIO(BIG))
    listed = client.list_objects(NS, name, fields="name,size,md5,etag,timeCreated,timeModified,storageTier,archivalState").data.objects
    assert [(row.name, row.size, row.md5) for row in listed] == [("b", len(BIG), md5(BIG)), ("d/a", 7, md5(b"one two"))]
    assert client.list_objects(NS, name, delimiter="/").data.prefixes == ["d/"]
    assert [row.name for row in oci.pagination.list_call_get_all_results(client.list_objects, NS, name, limit=1).data.objects] == ["b", "d/a"]
    details = models.BatchDeleteObjectsDetails(objects=[
        models.BatchDeleteObjectIdentifier(object_name="b", if_match="wrong"), models.BatchDeleteObjectIdentifier(object_name="d/a"),
        models.BatchDeleteObjectIdentifier(object_name="gone"),
    ])  # fmt: skip
    result = client.batch_delete_objects(NS, name, details).data
    assert [row.object_name for row in result.deleted] == ["d/a"]
    refused(409, "BucketNotEmpty", client.delete_bucket, NS, name)
    client.delete_object(NS, name, "b", if_match=listed[0].etag)
    client.delete_bucket(NS, name)


def tiers() -> None:
    name = bucket("tour-tiers")
    client.put_object(NS, name, "k", b"data", storage_tier="InfrequentAccess")
    assert client.head_object(NS, name, "k").headers["storage-tier"] == "InfrequentAccess"
    before = client.head_object(NS, name, "k").headers["content-md5"]
    client.update_object_storage_tier(NS, name, models.UpdateObjectStorageTierDetails(object_name="k", storage_tier="Archive"))
    head = client.head_object(NS, name, "k").headers
    assert (head["storage-tier"], head["content-md5"]) == ("Archive", before)
    assert client.restore_objects(NS, name, models.RestoreObjectsDetails(object_name="k", hours=5)).status in (200, 202)
    assert client.get_object(NS, name, "k").data.content == b"data"
    client.update_object_storage_tier(NS, name, models.UpdateObjectStorageTierDetails(object_name="k", storage_tier="Standard"))
    refused(400, "InvalidParameter", client.restore_objects, NS, name, models.RestoreObjectsDetails(object_name="k"))
    client.delete_object(NS, name, "k")
    client.delete_bucket(NS, name)
    bucket(name, storage_tier="Archive")
    assert client.get_bucket(NS, name).data.storage_tier == "Archive"
    refused(400, "InvalidParameter", client.put_object, NS, name, "k", b"data", storage_tier="Standard")
    client.put_object(NS, name, "k", b"data")
    assert client.list_objects(NS, name, fields="storageTier").data.objects[0].storage_tier == "Archive"
    client.delete_object(NS, name, "k")
    client.delete_bucket(NS, name)


def versions() -> None:
    name = bucket("tour-versions", versioning="Enabled")
    first = client.put_object(NS, name, "k", b"1").headers["version-id"]
    second = client.put_object(NS, name, "k", b"22").headers["version-id"]
    assert client.get_object(NS, name, "k", version_id=first).data.content == b"1"
    gone = client.delete_object(NS, name, "k").headers
    assert gone["is-delete-marker"] == "true"
    refused(404, "ObjectNotFound", client.get_object, NS, name, "k")
    items = oci.pagination.list_call_get_all_results(client.list_object_versions, NS, name, limit=1).data
    assert [(row.version_id, row.is_delete_marker) for row in items] == [(gone["version-id"], True), (second, False), (first, False)]
    for row in items:
        client.delete_object(NS, name, "k", version_id=row.version_id)
    assert client.list_object_versions(NS, name).data.items == []
    refused(404, "ObjectVersionNotFound", client.delete_object, NS, name, "k", version_id=first)
    client.delete_bucket(NS, name)


def multipart() -> None:
    name = bucket("tour-multipart")
    details = models.CreateMultipartUploadDetails(object="d/k", content_type="text/x", metadata={"opc-meta-a": "b"})
    upload = client.create_multipart_upload(NS, name, details, if_none_match="*").data
    parts = []
    for number, data in ((2, b"two"), (1, b"one"), (3, b"left out")):
        answer = client.upload_part(NS, name, "d/k", upload.upload_id, number, data, content_md5=md5(data))
        assert (answer.status, answer.headers["opc-content-md5"]) == (200, md5(data))
        parts.append(models.CommitMultipartUploadPartDetails(part_num=number, etag=answer.headers["etag"]))
    assert [row.part_number for row in client.list_multipart_upload_parts(NS, name, "d/k", upload.upload_id).data] == [1, 2, 3]
    paged = oci.pagination.list_call_get_all_results(client.list_multipart_upload_parts, NS, name, "d/k", upload.upload_id, limit=1).data
    assert [row.size for row in paged] == [3, 3, 8]
    assert [row.upload_id for row in client.list_multipart_uploads(NS, name).data] == [upload.upload_id]
    refused(409, "BucketNotEmpty", client.delete_bucket, NS, name)
    commit = models.CommitMultipartUploadDetails
    arguments = (NS, name, "d/k", upload.upload_id)
    refused(400, "InvalidUploadPart", client.commit_multipart_upload, *arguments, commit(parts_to_commit=[]))
    refused(400, "InvalidUploadPart", client.commit_multipart_upload, *arguments, commit(parts_to_commit=parts[:2]))
    refused(400, "InvalidUploadPart", client.commit_multipart_upload, *arguments, commit(parts_to_commit=parts, parts_to_exclude=[3]))
    done = client.commit_multipart_upload(*arguments, commit(parts_to_commit=parts[:2], parts_to_exclude=[3]))
    whole = base64.b64encode(hashlib.md5(hashlib.md5(b"one").digest() + hashlib.md5(b"two").digest()).digest()).decode() + "-2"
    assert done.headers["opc-multipart-md5"] == whole
    got = client.get_object(NS, name, "d/k")
    assert (got.data.content, got.headers["opc-multipart-md5"], got.headers["opc-meta-a"]) == (b"onetwo", whole, "b")
    refused(412, "IfNoneMatchFailed", client.create_multipart_upload, NS, name, details, if_none_match="*")
    late = client.create_multipart_upload(NS, name, models.CreateMultipartUploadDetails(object="late"), if_none_match="*").data
    part = client.upload_part(NS, name, "late", late.upload_id, 1, b"x").headers["etag"]
    client.put_object(NS, name, "late", b"earlier")
    last = commit(parts_to_commit=[models.CommitMultipartUploadPartDetails(part_num=1, etag=part)])
    refused(412, "IfNoneMatchFailed", client.commit_multipart_upload, NS, name, "late", late.upload_id, last)
    client.abort_multipart_upload(NS, name, "late", late.upload_id)
    refused(404, "NoSuchUpload", client.list_multipart_upload_parts, NS, name, "late", late.upload_id)
    for key in ("d/k", "late"):
        client.delete_object(NS, name, key)
    client.delete_bucket(NS, name)


def copies_and_renames() -> None:
    name, other = bucket("tour-copies"), bucket("tour-copies-2")
    client.put_object(NS, name, "k", BIG, opc_meta={"a": "b"}, content_type="text/x")
    details = models.CopyObjectDetails(
        source_object_name="k", destination_region=config["region"], destination_namespace=NS, destination_bucket=other,
        destination_object_name="to/k", destination_object_if_none_match_e_tag="*",
    )  # fmt: skip
    composite = oci.object_storage.ObjectStorageClientCompositeOperations(client)
    request = composite.copy_object_and_wait_for_state(NS, name, details, wait_for_states=["COMPLETED"]).data
    assert (request.operation_type, request.status, request.percent_complete) == ("COPY_OBJECT", "COMPLETED", 100)
    assert request.compartment_id == COMPARTMENT and len(request.resources) == 2
    assert client.list_work_request_logs(request.id).data and client.list_work_request_errors(request.id).data == []
    assert request.id in {row.id for row in client.list_work_requests(COMPARTMENT).data}
    got = client.get_object(NS, other, "to/k").headers
    assert (got["opc-meta-a"], got["content-type"], got["content-md5"]) == ("b", "text/x", md5(BIG))
    assert got["etag"] != client.head_object(NS, name, "k").headers["etag"]
    refused(412, "IfNoneMatchFailed", client.copy_object, NS, name, details)
    details.destination_object_if_none_match_e_tag = None
    details.destination_object_metadata = {"opc-meta-new": "1"}
    client.copy_object(NS, name, details)
    assert client.head_object(NS, other, "to/k").headers["opc-meta-new"] == "1"
    details.source_object_name = "none"
    refused(404, "ObjectNotFound", client.copy_object, NS, name, details)
    details.source_object_name, details.destination_bucket = "k", "no-such"
    refused(404, "BucketNotFound", client.copy_object, NS, name, details)
    details.destination_region = "elsewhere-1"
    refused(501, "NotImplemented", client.copy_object, NS, name, details)
    refused(409, "Conflict", client.cancel_work_request, request.id)
    refused(404, "NotFound", client.get_work_request, "0" * 12 + "-" + "0" * 48)

    rename = models.RenameObjectDetails
    done = client.rename_object(NS, name, rename(source_name="k", new_name="new/k", new_obj_if_none_match_e_tag="*"))
    assert client.head_object(NS, name, "new/k").headers["etag"] == done.headers["etag"]
    assert client.head_object(NS, name, "new/k").headers["content-md5"] == md5(BIG)
    refused(404, "ObjectNotFound", client.rename_object, NS, name, rename(source_name="k", new_name="x"))
    refused(412, "IfMatchFailed", client.rename_object, NS, name, rename(source_name="new/k", new_name="x", src_obj_if_match_e_tag="y"))
    client.delete_object(NS, name, "new/k")
    client.delete_object(NS, other, "to/k")
    client.delete_bucket(NS, name)
    client.delete_bucket(NS, other)


def what_is_not_built() -> None:
    name = bucket("tour-rest")
    rule = models.CreateRetentionRuleDetails(display_name="r")
    refused(501, "NotImplemented", client.create_retention_rule, NS, name, rule)
    assert client.list_retention_rules(NS, name).data.items == []
    refused(404, "NotFound", client.get_retention_rule, NS, name, "x")
    item = models.ObjectLifecycleRule(name="r", action="DELETE", time_amount=1, time_unit="DAYS", is_enabled=True)
    refused(501, "NotImplemented", client.put_object_lifecycle_policy, NS, name, models.PutObjectLifecyclePolicyDetails(items=[item]))
    refused(404, "LifecyclePolicyNotFound", client.get_object_lifecycle_policy, NS, name)
    policy = models.CreateReplicationPolicyDetails(name="r", destination_region_name="x", destination_bucket_name="y")
    refused(501, "NotImplemented", client.create_replication_policy, NS, name, policy)
    assert client.list_replication_policies(NS, name).data == client.list_replication_sources(NS, name).data == []
    refused(501, "NotImplemented", client.reencrypt_bucket, NS, name)
    refused(404, "NotFound", client.get_private_endpoint, NS, "x")
    client.delete_bucket(NS, name)


def managers() -> None:
    name = bucket("tour-managers")
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "source"), Path(folder, "target")
        source.write_bytes(BIG)
        upload = oci.object_storage.UploadManager(client, allow_parallel_uploads=True, parallel_process_count=3)
        answer = upload.upload_file(NS, name, "big", str(source), part_size=5 << 20, metadata={"a": "b"})
        assert answer.headers["opc-multipart-md5"].endswith("-3")
        assert upload.upload_stream(NS, name, "stream", io.BytesIO(BIG[:6000000]), part_size=1 << 20).status == 200
        upload.upload_file(NS, name, "small", str(source), part_size=64 << 20)
        head = client.head_object(NS, name, "small").headers
        assert "content-md5" in head
        for key in ("big", "small"):
            for checked in (False, True) if key == "small" else (False,):  # the SDK checks an object of parts by CRC32C only
                wanted = DownloadConfiguration(part_size_in_bytes=(64 if checked else 1) << 20, is_enforce_data_integrity_for_download=checked)
                DownloadManager(wanted, client).get_object_to_path(NS, name, key, str(target))
                assert target.read_bytes() == BIG, key
        target.write_bytes(client.get_object(NS, name, "stream").data.content)
        assert target.read_bytes() == BIG[:6000000]
    for key in ("big", "small", "stream"):
        client.delete_object(NS, name, key)
    client.delete_bucket(NS, name)


CASES = (buckets, namespaces, objects, tiers, versions, multipart, copies_and_renames, what_is_not_built, managers)

if __name__ == "__main__":
    found = {}
    for case in CASES:
        try:
            case()
            found[case.__name__] = ""
        except Exception:
            found[case.__name__] = traceback.format_exc()
    print(json.dumps(found))
