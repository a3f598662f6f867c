"""Operations whose effect is not built: what would create one says so, what reads or deletes one finds none.

To keep a rule that nothing enforces would be a promise that nobody keeps.
"""

from __future__ import annotations

from holdfast.model.errors import NoSuchLifecycleConfiguration, NotImplemented
from holdfast.model.messages import Response
from holdfast.oci.answers import document
from holdfast.oci.errors import NotFound
from holdfast.oci.operation import Call, operation

_BUCKET = "/n/{namespaceName}/b/{bucketName}"
_NAMESPACE = "/n/{namespaceName}"
_REASONS = {
    "lifecycle": "Lifecycle policies are not implemented: objects stay until somebody deletes them.",
    "retention": "Retention rules of buckets are not implemented; Object Lock of the S3 API keeps single versions.",
    "replication": "Replication is not implemented: there is one region.",
    "endpoint": "Private endpoints are not implemented: the store listens where its settings say.",
    "reencrypt": "Re-encryption is not implemented: an object is encrypted anew when it is copied.",
}
_CREATE = (
    ("PutObjectLifecyclePolicy", "PUT", _BUCKET + "/l", "lifecycle"),
    ("CreateRetentionRule", "POST", _BUCKET + "/retentionRules", "retention"),
    ("CreateReplicationPolicy", "POST", _BUCKET + "/replicationPolicies", "replication"),
    ("CreatePrivateEndpoint", "POST", _NAMESPACE + "/pe", "endpoint"),
    ("ReencryptBucket", "POST", _BUCKET + "/actions/reencrypt", "reencrypt"),
    ("ReencryptObject", "POST", _BUCKET + "/actions/reencrypt/{objectName}", "reencrypt"),
)
_OF_ONE = (
    ("GetRetentionRule", "GET", _BUCKET + "/retentionRules/{retentionRuleId}"),
    ("UpdateRetentionRule", "PUT", _BUCKET + "/retentionRules/{retentionRuleId}"),
    ("DeleteRetentionRule", "DELETE", _BUCKET + "/retentionRules/{retentionRuleId}"),
    ("GetReplicationPolicy", "GET", _BUCKET + "/replicationPolicies/{replicationId}"),
    ("DeleteReplicationPolicy", "DELETE", _BUCKET + "/replicationPolicies/{replicationId}"),
    ("GetPrivateEndpoint", "GET", _NAMESPACE + "/pe/{peName}"),
    ("UpdatePrivateEndpoint", "POST", _NAMESPACE + "/pe/{peName}"),
    ("DeletePrivateEndpoint", "DELETE", _NAMESPACE + "/pe/{peName}"),
)
_LISTS = (
    ("ListReplicationPolicies", _BUCKET + "/replicationPolicies", ("page", "limit")),
    ("ListReplicationSources", _BUCKET + "/replicationSources", ("page", "limit")),
    ("ListPrivateEndpoints", _NAMESPACE + "/pe", ("compartmentId!", "limit", "page", "fields", "lifecycleState")),
)
BODY_BYTES_MAX = 4 << 20


def _creates(reason: str) -> None:
    async def refuse(call: Call) -> Response:
        raise NotImplemented(_REASONS[reason])

    for name, method, path, why in _CREATE:
        if why == reason:
            query = {"ReencryptBucket": ("isReencryptBucketKeyOnly",), "ReencryptObject": ("versionId",)}.get(name, ())
            operation(name, method, path, query=query, conditional=True, encrypts=True, body_bytes_max=BODY_BYTES_MAX)(refuse)


for _reason in _REASONS:
    _creates(_reason)


async def _none(call: Call) -> Response:
    """There is none of that id. Errors: NotFound."""
    raise NotFound


for _name, _method, _path in _OF_ONE:
    operation(_name, _method, _path, conditional=True)(_none)


async def _list_none(call: Call) -> Response:
    """There are none."""
    return document([])


for _name, _path, _query in _LISTS:
    operation(_name, "GET", _path, query=_query)(_list_none)


@operation("ListRetentionRules", "GET", _BUCKET + "/retentionRules", query=("page", "limit"))
async def list_retention_rules(call: Call) -> Response:
    """There are none."""
    return document({"items": []})


@operation("GetObjectLifecyclePolicy", "GET", _BUCKET + "/l")
async def get_object_lifecycle_policy(call: Call) -> Response:
    """There is none. Errors: NoSuchLifecycleConfiguration."""
    raise NoSuchLifecycleConfiguration("The bucket has no lifecycle policy.")


@operation("DeleteObjectLifecyclePolicy", "DELETE", _BUCKET + "/l", conditional=True)
async def delete_object_lifecycle_policy(call: Call) -> Response:
    """There is none. Errors: NoSuchLifecycleConfiguration."""
    raise NoSuchLifecycleConfiguration("The bucket has no lifecycle policy.")
