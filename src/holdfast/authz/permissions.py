"""The permissions of OCI's policy language: which each verb gives, and which each operation and S3 action needs.

Source: OCI, "Details for Object Storage", "Details for IAM". An entry of a needed tuple is one permission, or alternatives joined by "|" of
which one is enough; every entry is needed. `OPERATOR` permissions are about the whole store and count only in the tenancy that runs it.
"""

from __future__ import annotations

from holdfast.authz.actions import KNOWN, UPLOADS

_BY_VERB = {
    "objectstorage-namespaces": ("", "OBJECTSTORAGE_NAMESPACE_READ", "", "OBJECTSTORAGE_NAMESPACE_UPDATE"),
    "buckets": ("BUCKET_INSPECT", "BUCKET_READ", "BUCKET_UPDATE", "BUCKET_CREATE BUCKET_DELETE PAR_MANAGE RETENTION_RULE_MANAGE RETENTION_RULE_LOCK"),
    "objects": ("OBJECT_INSPECT", "OBJECT_READ", "OBJECT_OVERWRITE",
                "OBJECT_CREATE OBJECT_DELETE OBJECT_VERSION_DELETE OBJECT_RESTORE OBJECT_UPDATE_TIER"),
    "users": ("USER_INSPECT", "USER_READ", "USER_UPDATE",
              "USER_CREATE USER_DELETE USER_UNBLOCK USER_APIKEY_ADD USER_APIKEY_REMOVE USER_UIPASS_SET USER_UIPASS_RESET USER_AUTHTOKEN_SET"
              " USER_AUTHTOKEN_RESET USER_AUTHTOKEN_REMOVE USER_SECRETKEY_ADD USER_SECRETKEY_UPDATE USER_SECRETKEY_REMOVE"
              " USER_OAUTH2_CLIENT_CRED_CREATE USER_OAUTH2_CLIENT_CRED_UPDATE USER_OAUTH2_CLIENT_CRED_REMOVE"),
    "service-accounts": ("SERVICE_ACCOUNT_INSPECT", "SERVICE_ACCOUNT_READ", "SERVICE_ACCOUNT_UPDATE",
                         "SERVICE_ACCOUNT_CREATE SERVICE_ACCOUNT_DELETE SERVICE_ACCOUNT_KEY_ADD SERVICE_ACCOUNT_KEY_UPDATE"
                         " SERVICE_ACCOUNT_KEY_REMOVE"),
    "groups": ("GROUP_INSPECT", "", "GROUP_UPDATE", "GROUP_CREATE GROUP_DELETE"),
    "dynamic-groups": ("DYNAMIC_GROUP_INSPECT", "", "DYNAMIC_GROUP_UPDATE", "DYNAMIC_GROUP_CREATE DYNAMIC_GROUP_DELETE"),
    "policies": ("", "POLICY_READ", "", "POLICY_CREATE POLICY_UPDATE POLICY_DELETE"),
    "roles": ("ROLE_INSPECT", "", "", "ROLE_BIND ROLE_UNBIND"),
    "compartments": ("COMPARTMENT_INSPECT", "", "COMPARTMENT_UPDATE", "COMPARTMENT_CREATE COMPARTMENT_DELETE COMPARTMENT_RECOVER"),
    "organisations": ("ORGANISATION_INSPECT", "", "ORGANISATION_UPDATE", "ORGANISATION_CREATE ORGANISATION_DELETE"),
    "volumes": ("VOLUME_INSPECT", "VOLUME_READ", "VOLUME_UPDATE", "VOLUME_CREATE VOLUME_DELETE"),
    "audit-events": ("", "AUDIT_EVENT_READ", "", ""),
    "tenancies": ("TENANCY_INSPECT", "", "TENANCY_UPDATE", "TENANCY_CREATE TENANCY_DELETE"),
    "store": ("STORE_INSPECT", "STORE_READ", "", "STORE_MANAGE"),
}  # fmt: skip
_FAMILIES = {
    "object-family": ("objectstorage-namespaces", "buckets", "objects"),
    "credentials": (),
    "group-memberships": (),
    "all-resources": tuple(_BY_VERB),
}
_INSPECT_TOO = {"policies": frozenset(("POLICY_READ",))}
"""OCI's table gives POLICY_READ to `inspect policies`."""


def _cumulative(rows: tuple[str, ...]) -> dict[str, frozenset[str]]:
    found: set[str] = set()
    verbs: dict[str, frozenset[str]] = {}
    for verb, row in zip(("inspect", "read", "use", "manage"), rows, strict=True):
        found |= set(row.split())
        verbs[verb] = frozenset(found)
    return verbs


def _verbs() -> dict[str, dict[str, frozenset[str]]]:
    table = {resource: _cumulative(rows) for resource, rows in _BY_VERB.items()}
    for resource, more in _INSPECT_TOO.items():
        table[resource] = {verb: given | more for verb, given in table[resource].items()}
    keys = ("USER_APIKEY", "USER_AUTHTOKEN", "USER_SECRETKEY", "USER_UIPASS", "USER_OAUTH2", "SERVICE_ACCOUNT_KEY")
    credentials = frozenset(name for row in table.values() for name in row["manage"] if name.startswith(keys))
    reads = frozenset(("USER_INSPECT", "USER_READ"))
    table["credentials"] = {"inspect": frozenset(("USER_INSPECT",)), "read": reads, "use": reads, "manage": reads | credentials | {"USER_UPDATE"}}
    seen = frozenset(("GROUP_INSPECT", "USER_INSPECT"))
    changed = seen | {"GROUP_UPDATE", "USER_UPDATE"}
    table["group-memberships"] = {"inspect": seen, "read": seen, "use": changed, "manage": changed}
    for family in ("object-family", "all-resources"):
        table[family] = {verb: frozenset().union(*(table[member][verb] for member in _FAMILIES[family])) for verb in table["buckets"]}
    return table


VERBS: dict[str, dict[str, frozenset[str]]] = _verbs()
"""Resource type, verb: the permissions that a statement with these two gives. Verbs are cumulative."""
RESOURCES = tuple(sorted(VERBS))
PERMISSIONS: frozenset[str] = VERBS["all-resources"]["manage"]
"""Every permission there is."""
OPERATOR = frozenset(("TENANCY_CREATE", "TENANCY_DELETE", "STORE_INSPECT", "STORE_READ", "STORE_MANAGE"))
"""What only the tenancy that runs the store can give."""

_WRITE = ("OBJECT_CREATE", "OBJECT_OVERWRITE")
_SHARE = ("BUCKET_UPDATE", "OBJECT_INSPECT", "OBJECT_READ", "OBJECT_CREATE", "OBJECT_OVERWRITE", "OBJECT_DELETE")
"""To hand rights on one must have them, as OCI asks for lifecycle policies and pre-authenticated requests."""
_REPLICATE = ("OBJECT_READ", *_WRITE, "OBJECT_INSPECT", "OBJECT_DELETE", "OBJECT_RESTORE", "BUCKET_READ", "BUCKET_UPDATE")

_NAMED = {
    "s3:ListAllMyBuckets": ("BUCKET_INSPECT",),
    "s3:ListAllMyDirectoryBuckets": ("BUCKET_INSPECT",),
    "s3:CreateBucket": ("BUCKET_CREATE",),
    "s3:CreateSession": ("OBJECT_READ", *_WRITE),
    "s3:DeleteBucket": ("BUCKET_DELETE",),
    "s3:GetBucketLocation": ("BUCKET_INSPECT|BUCKET_READ",),
    "s3:ListBucket": ("OBJECT_INSPECT",),
    "s3:ListBucketVersions": ("OBJECT_INSPECT",),
    "s3:ListBucketMultipartUploads": ("BUCKET_READ",),
    "s3:ListMultipartUploadParts": ("OBJECT_INSPECT",),
    "s3:ListObjectAnnotations": ("OBJECT_READ",),
    "s3:GetObjectTorrent": ("OBJECT_READ",),
    "s3:WriteGetObjectResponse": ("OBJECT_READ",),
    "s3:PutObject": _WRITE,
    "s3:PutObjectAcl": ("BUCKET_UPDATE", "OBJECT_READ", "OBJECT_OVERWRITE"),
    "s3:PutObjectVersionAcl": ("BUCKET_UPDATE", "OBJECT_READ", "OBJECT_OVERWRITE"),
    "s3:PutObjectRetention": ("OBJECT_OVERWRITE", "RETENTION_RULE_MANAGE"),
    "s3:PutObjectLegalHold": ("OBJECT_OVERWRITE", "RETENTION_RULE_MANAGE"),
    "s3:BypassGovernanceRetention": ("OBJECT_VERSION_DELETE", "RETENTION_RULE_MANAGE"),
    "s3:DeleteObject": ("OBJECT_DELETE",),
    "s3:DeleteObjectVersion": ("OBJECT_VERSION_DELETE",),
    "s3:AbortMultipartUpload": ("OBJECT_DELETE",),
    "s3:RestoreObject": ("OBJECT_RESTORE",),
    "s3:PutBucketAcl": _SHARE,
    "s3:PutBucketPolicy": _SHARE,
    "s3:DeleteBucketPolicy": _SHARE,
    "s3:PutLifecycleConfiguration": ("BUCKET_UPDATE", "OBJECT_CREATE", "OBJECT_DELETE"),
    "s3:PutReplicationConfiguration": _REPLICATE,
    "s3:PutBucketObjectLockConfiguration": ("BUCKET_UPDATE", "RETENTION_RULE_MANAGE"),
}


def _of_action(action: str) -> tuple[str, ...]:
    """By name where the table does not say: objects are read or overwritten, configurations of buckets read or updated."""
    if action in _NAMED:
        return _NAMED[action]
    name = action.removeprefix("s3:")
    if "Object" in name and "Bucket" not in name:
        return ("OBJECT_READ",) if name.startswith("Get") else ("OBJECT_OVERWRITE",)
    return ("BUCKET_READ",) if name.startswith("Get") else ("BUCKET_UPDATE",)


OF_ACTION: dict[str, tuple[str, ...]] = {action: _of_action(action) for action in sorted(KNOWN)}
"""S3 action: what it needs."""
OF_S3_OPERATION: dict[str, dict[str, tuple[str, ...]]] = {
    "HeadBucket": {"s3:ListBucket": ("BUCKET_INSPECT",)},
    "HeadObject": dict.fromkeys(("s3:GetObject", "s3:GetObjectVersion"), ("OBJECT_READ|OBJECT_INSPECT",)),
    "DeleteBucketLifecycle": {"s3:PutLifecycleConfiguration": ("BUCKET_UPDATE",)},
    **{upload: {"s3:PutObjectTagging": ("OBJECT_CREATE|OBJECT_OVERWRITE",)} for upload in sorted(UPLOADS)},
}
"""S3 operation, action: where an operation needs something else than its action alone says."""

_OBJECT_STORAGE = {
    "GetNamespace": (),
    "GetNamespaceMetadata": ("OBJECTSTORAGE_NAMESPACE_READ",),
    "UpdateNamespaceMetadata": ("OBJECTSTORAGE_NAMESPACE_UPDATE",),
    "CreateBucket": ("BUCKET_CREATE",),
    "DeleteBucket": ("BUCKET_DELETE",),
    "UpdateBucket": ("BUCKET_UPDATE",),
    "MakeBucketWritable": ("OBJECT_READ", *_WRITE, "OBJECT_INSPECT", "OBJECT_DELETE", "BUCKET_READ", "BUCKET_UPDATE"),
    "PutObject": _WRITE,
    "GetObject": ("OBJECT_READ",),
    "HeadObject": ("OBJECT_READ|OBJECT_INSPECT",),
    "CopyObject": ("OBJECT_READ", *_WRITE, "OBJECT_INSPECT"),
    "DeleteObjectVersion": ("OBJECT_VERSION_DELETE",),
    "GetObjectVersion": ("OBJECT_READ",),
    "HeadObjectVersion": ("OBJECT_READ|OBJECT_INSPECT",),
    "ReencryptObject": ("OBJECT_READ", "OBJECT_OVERWRITE"),
    "RestoreObjects": ("OBJECT_RESTORE",),
    "UpdateObjectStorageTier": ("OBJECT_UPDATE_TIER",),
    "PutObjectLifecyclePolicy": ("BUCKET_UPDATE", "OBJECT_CREATE", "OBJECT_DELETE"),
    "GetWorkRequest": ("OBJECT_READ",),
    "ListWorkRequests": ("OBJECT_INSPECT",),
    "ListWorkRequestErrors": ("OBJECT_READ",),
    "ListWorkRequestLogs": ("OBJECT_READ",),
    "CancelWorkRequest": ("OBJECT_DELETE",),
}
_ALIKE = (
    ("BUCKET_INSPECT", "ListBuckets HeadBucket ListPrivateEndpoints"),
    ("BUCKET_READ", "GetBucket ListMultipartUploads GetObjectLifecyclePolicy GetRetentionRule ListRetentionRules GetReplicationPolicy"
                    " ListReplicationPolicies ListReplicationSources GetPrivateEndpoint"),
    ("BUCKET_UPDATE", "ReencryptBucket DeleteObjectLifecyclePolicy CreatePrivateEndpoint UpdatePrivateEndpoint DeletePrivateEndpoint"),
    ("BUCKET_UPDATE RETENTION_RULE_MANAGE", "CreateRetentionRule UpdateRetentionRule DeleteRetentionRule"),
    (" ".join(_REPLICATE), "CreateReplicationPolicy DeleteReplicationPolicy"),
    ("OBJECT_INSPECT", "ListObjects ListObjectVersions ListMultipartUploadParts"),
    ("OBJECT_DELETE", "DeleteObject AbortMultipartUpload BatchDeleteObjects"),
    (" ".join(_WRITE), "RenameObject CreateMultipartUpload UploadPart CommitMultipartUpload"),
    ("PAR_MANAGE", "CreatePreauthenticatedRequest DeletePreauthenticatedRequest"),
    ("PAR_MANAGE|BUCKET_READ", "GetPreauthenticatedRequest ListPreauthenticatedRequests"),
)  # fmt: skip
_IDENTITY = (
    ("USER_INSPECT", "ListUsers GetUser"),
    ("USER_UPDATE", "UpdateUser UpdateUserState UpdateUserCapabilities"),
    ("USER_CREATE", "CreateUser"),
    ("USER_DELETE", "DeleteUser"),
    ("USER_READ", "ListApiKeys ListAuthTokens ListCustomerSecretKeys ListSmtpCredentials ListMfaTotpDevices HoldfastListTokens HoldfastListKeys"),
    ("USER_READ", "HoldfastListOwnOrganisations"),
    ("USER_UPDATE", "HoldfastRequestEnrolment HoldfastWithdrawEnrolment"),
    ("USER_UPDATE USER_APIKEY_ADD", "UploadApiKey"),
    ("USER_UPDATE USER_APIKEY_REMOVE", "DeleteApiKey"),
    ("USER_UPDATE USER_SECRETKEY_ADD", "CreateCustomerSecretKey HoldfastRotateKey"),
    ("USER_UPDATE USER_SECRETKEY_UPDATE", "UpdateCustomerSecretKey HoldfastUpdateKey"),
    ("USER_UPDATE USER_SECRETKEY_REMOVE", "DeleteCustomerSecretKey"),
    ("USER_UPDATE USER_AUTHTOKEN_SET", "CreateAuthToken HoldfastCreateToken"),
    ("USER_UPDATE USER_AUTHTOKEN_RESET", "UpdateAuthToken"),
    ("USER_UPDATE USER_AUTHTOKEN_REMOVE", "DeleteAuthToken HoldfastRevokeToken"),
    ("USER_UPDATE USER_UIPASS_SET", "CreateOrResetUIPassword HoldfastSetPassword HoldfastClearPassword"),
    ("GROUP_INSPECT", "ListGroups GetGroup"),
    ("GROUP_UPDATE", "UpdateGroup"),
    ("GROUP_CREATE", "CreateGroup"),
    ("GROUP_DELETE", "DeleteGroup"),
    ("GROUP_INSPECT USER_INSPECT", "ListUserGroupMemberships GetUserGroupMembership"),
    ("GROUP_UPDATE USER_UPDATE", "AddUserToGroup RemoveUserFromGroup"),
    ("DYNAMIC_GROUP_INSPECT", "ListDynamicGroups GetDynamicGroup"),
    ("DYNAMIC_GROUP_UPDATE", "UpdateDynamicGroup"),
    ("DYNAMIC_GROUP_CREATE", "CreateDynamicGroup"),
    ("DYNAMIC_GROUP_DELETE", "DeleteDynamicGroup"),
    ("POLICY_READ", "ListPolicies GetPolicy"),
    ("POLICY_UPDATE", "UpdatePolicy"),
    ("POLICY_CREATE", "CreatePolicy"),
    ("POLICY_DELETE", "DeletePolicy"),
    ("COMPARTMENT_INSPECT", "ListCompartments GetCompartment ListAvailabilityDomains ListFaultDomains"),
    ("COMPARTMENT_UPDATE", "UpdateCompartment MoveCompartment"),
    ("COMPARTMENT_CREATE", "CreateCompartment"),
    ("COMPARTMENT_DELETE", "DeleteCompartment"),
    ("COMPARTMENT_RECOVER", "RecoverCompartment"),
    ("TENANCY_INSPECT", "GetTenancy ListRegions ListRegionSubscriptions HoldfastListTenancies HoldfastGetTenancy"),
    ("TENANCY_UPDATE", "HoldfastUpdateTenancy"),
    ("TENANCY_CREATE", "HoldfastCreateTenancy"),
    ("TENANCY_DELETE", "HoldfastDeleteTenancy"),
    ("SERVICE_ACCOUNT_INSPECT", "HoldfastListServiceAccounts HoldfastGetServiceAccount"),
    ("SERVICE_ACCOUNT_READ", "HoldfastListServiceAccountKeys"),
    ("SERVICE_ACCOUNT_UPDATE", "HoldfastUpdateServiceAccount"),
    ("SERVICE_ACCOUNT_CREATE", "HoldfastCreateServiceAccount"),
    ("SERVICE_ACCOUNT_DELETE", "HoldfastDeleteServiceAccount"),
    ("SERVICE_ACCOUNT_KEY_ADD", "HoldfastCreateServiceAccountKey HoldfastRotateServiceAccountKey"),
    ("SERVICE_ACCOUNT_KEY_UPDATE", "HoldfastUpdateServiceAccountKey"),
    ("SERVICE_ACCOUNT_KEY_REMOVE", "HoldfastDeleteServiceAccountKey"),
    ("ROLE_INSPECT", "HoldfastListRoles HoldfastListRoleBindings"),
    ("ROLE_BIND", "HoldfastBindRole"),
    ("ROLE_UNBIND", "HoldfastUnbindRole"),
    ("ORGANISATION_INSPECT", "HoldfastListOrganisations HoldfastGetOrganisation HoldfastListOrganisationMembers"),
    ("ORGANISATION_INSPECT USER_INSPECT", "HoldfastListEnrolmentRequests"),
    ("ORGANISATION_UPDATE USER_UPDATE", "HoldfastEnrol HoldfastLeave HoldfastApproveEnrolment HoldfastRefuseEnrolment HoldfastSetManager"),
    ("ORGANISATION_UPDATE", "HoldfastUpdateOrganisation"),
    ("ORGANISATION_CREATE", "HoldfastCreateOrganisation"),
    ("ORGANISATION_DELETE", "HoldfastDeleteOrganisation"),
    ("VOLUME_INSPECT", "HoldfastListVolumes"),
    ("VOLUME_READ", "HoldfastGetVolume"),
    ("VOLUME_UPDATE", "HoldfastUpdateVolume HoldfastCreateLink"),
    ("VOLUME_CREATE", "HoldfastCreateVolume"),
    ("VOLUME_DELETE", "HoldfastDeleteVolume"),
    ("AUDIT_EVENT_READ", "ListEvents HoldfastReadAudit HoldfastWhy"),
    ("POLICY_READ USER_INSPECT", "HoldfastExplain"),
    ("STORE_INSPECT", "HoldfastStatus"),
    ("STORE_READ", "HoldfastReadStore"),
    ("STORE_MANAGE", "HoldfastManageStore"),
)


def _rows(*tables: tuple[tuple[str, str], ...]) -> dict[str, tuple[str, ...]]:
    return {operation: tuple(needs.split()) for table in tables for needs, operations in table for operation in operations.split()}


_OF_EVERYBODY: dict[str, tuple[str, ...]] = {
    "HoldfastWhoAmI": (), "HoldfastEndSession": (), "GenerateUserSecurityToken": (), "RefreshUserSecurityToken": (),
}  # fmt: skip
IDENTITY_OPERATIONS: frozenset[str] = frozenset((*_rows(_IDENTITY), *_OF_EVERYBODY))
OF_OPERATION: dict[str, tuple[str, ...]] = _OBJECT_STORAGE | _rows(_ALIKE, _IDENTITY) | _OF_EVERYBODY
"""Operation of OCI (object storage, identity) or of the admin API: what it needs."""
_ITSELF = """
GetUser ListApiKeys UploadApiKey DeleteApiKey ListCustomerSecretKeys CreateCustomerSecretKey UpdateCustomerSecretKey DeleteCustomerSecretKey
ListAuthTokens CreateAuthToken UpdateAuthToken DeleteAuthToken CreateOrResetUIPassword HoldfastListKeys HoldfastRotateKey HoldfastUpdateKey
HoldfastListTokens HoldfastCreateToken HoldfastRevokeToken HoldfastSetPassword
HoldfastListOwnOrganisations HoldfastRequestEnrolment HoldfastWithdrawEnrolment
"""
SELF_SERVICE = frozenset(_ITSELF.split())
"""What every user may do to itself, without a policy (OCI IAM, "Managing User Credentials")."""
MANAGERS = frozenset((
    "HoldfastGetOrganisation", "HoldfastListOrganisationMembers", "HoldfastListEnrolmentRequests", "HoldfastApproveEnrolment",
    "HoldfastRefuseEnrolment", "HoldfastLeave",
))  # fmt: skip
"""What a manager of an organisation may do there, without a policy."""

_EQUIVALENT = {
    "HeadBucket": "s3:ListBucket",
    "ListBuckets": "s3:ListAllMyBuckets",
    "CreateBucket": "s3:CreateBucket",
    "DeleteBucket": "s3:DeleteBucket",
    "HeadObject": "s3:GetObject",
    "CopyObject": "s3:PutObject",
    "ListObjects": "s3:ListBucket",
    "ListObjectVersions": "s3:ListBucketVersions",
    "BatchDeleteObjects": "s3:DeleteObject",
    "DeleteObjectVersion": "s3:DeleteObjectVersion",
    "HeadObjectVersion": "s3:GetObjectVersion",
    "CreateMultipartUpload": "s3:PutObject",
    "UploadPart": "s3:PutObject",
    "CommitMultipartUpload": "s3:PutObject",
    "ListMultipartUploads": "s3:ListBucketMultipartUploads",
    "ListMultipartUploadParts": "s3:ListMultipartUploadParts",
    "PutObjectLifecyclePolicy": "s3:PutLifecycleConfiguration",
    "GetObjectLifecyclePolicy": "s3:GetLifecycleConfiguration",
    "DeleteObjectLifecyclePolicy": "s3:PutLifecycleConfiguration",
    "CreateReplicationPolicy": "s3:PutReplicationConfiguration",
    "DeleteReplicationPolicy": "s3:PutReplicationConfiguration",
    "GetReplicationPolicy": "s3:GetReplicationConfiguration",
    "ListReplicationPolicies": "s3:GetReplicationConfiguration",
    "RestoreObjects": "s3:RestoreObject",
}
S3_ACTION: dict[str, str] = {
    operation: _EQUIVALENT.get(operation) or ("s3:" + operation if "s3:" + operation in KNOWN else "s3:Native" + operation)
    for operation in OF_OPERATION
    if operation not in IDENTITY_OPERATIONS
}
"""OCI object storage operation: the S3 action of the same meaning, for bucket policies and access control lists. What S3 does not
know is "s3:Native..." and the operation: only s3:* speaks of it."""


OCI_OPERATION = {
    "GetObjectVersion": "GetObject",
    "HeadObjectVersion": "HeadObject",
    "CompleteMultipartUpload": "CommitMultipartUpload",
    "DeleteObjects": "DeleteObject",
    "ListObjectsV2": "ListObjects",
    "ListParts": "ListMultipartUploadParts",
    "UploadPartCopy": "UploadPart",
}
"""S3 operation: what OCI calls it, where it has another name; `request.operation` uses OCI's."""


def needed(action: str, operation: str = "") -> tuple[str, ...]:
    """The permissions that a question with this S3 action, asked by this S3 operation, needs. Errors: KeyError."""
    special = OF_S3_OPERATION.get(operation)
    return special[action] if special is not None and action in special else OF_ACTION[action]
