"""The roles of an object store, each a set of S3 actions and of OCI permissions, bound to a principal on a tenancy, a compartment or a bucket.

Source: Yandex Object Storage, "Roles". `storage.admin` has `editor` and `configurer`, `editor` has `uploader`, that one `viewer`, and
`configurer` has `configViewer`. Only `storage.admin` may say who else may: lists, bucket policies, public access, roles.
"""

from __future__ import annotations

import msgspec

from holdfast.authz.actions import KNOWN
from holdfast.authz.decide import Effect, Question
from holdfast.authz.permissions import OF_S3_OPERATION, VERBS, needed
from holdfast.authz.variables import compartment_of
from holdfast.model.buckets import tenancy_namespace
from holdfast.model.identity import Binding, Group, User, World


class Role(msgspec.Struct, frozen=True):
    """What a role lets its holder do."""

    name: str
    actions: frozenset[str]
    permissions: frozenset[str]

    def allows(self, question: Question) -> bool:
        """By its S3 action, or by all the permissions that it needs."""
        permissions = question.permissions
        if not permissions and question.operation in OF_S3_OPERATION and question.action in OF_S3_OPERATION[question.operation]:
            permissions = needed(question.action, question.operation)
        if question.action in self.actions:
            return True
        return bool(permissions) and all(not self.permissions.isdisjoint(entry.split("|")) for entry in permissions)


_DATA = """s3:GetObject s3:GetObjectVersion s3:GetObjectAttributes s3:GetObjectVersionAttributes s3:GetObjectTorrent s3:GetObjectAnnotation
s3:ListBucket s3:ListBucketVersions s3:ListBucketMultipartUploads s3:ListMultipartUploadParts s3:ListObjectAnnotations"""
_LIST_OF_BUCKETS = frozenset(("s3:ListAllMyBuckets", "s3:ListAllMyDirectoryBuckets"))
_READS_DATA = frozenset(_DATA.split())
_READS_SETTINGS = frozenset(action for action in KNOWN if action.startswith("s3:Get")) - _READS_DATA | _LIST_OF_BUCKETS
_SETTINGS = "s3:PutLifecycleConfiguration s3:PutBucketWebsite s3:DeleteBucketWebsite s3:PutBucketPolicy s3:DeleteBucketPolicy s3:PutBucketCORS"
_CONFIGURES = frozenset(_SETTINGS.split())
_UPLOADS = frozenset(("s3:PutObject", "s3:PutObjectTagging"))
_OF_ADMIN = """s3:PutBucketAcl s3:PutObjectAcl s3:PutObjectVersionAcl s3:PutBucketPolicy s3:DeleteBucketPolicy s3:PutBucketPublicAccessBlock
s3:PutBucketOwnershipControls s3:BypassGovernanceRetention"""
_SHARES = frozenset(_OF_ADMIN.split())
_SEES = frozenset(("BUCKET_INSPECT", "BUCKET_READ"))
_READS = _SEES | {"OBJECT_INSPECT", "OBJECT_READ", "OBJECTSTORAGE_NAMESPACE_READ"}
_ROLES = (
    Role("storage.viewer", _READS_DATA | _READS_SETTINGS, _READS),
    Role("storage.configViewer", _READS_SETTINGS, _SEES),
    Role("storage.configurer", _READS_SETTINGS | _CONFIGURES, _SEES),
    Role("storage.uploader", _READS_DATA | _READS_SETTINGS | _UPLOADS, _READS | {"OBJECT_CREATE", "OBJECT_OVERWRITE"}),
    Role("storage.editor", KNOWN - _SHARES, VERBS["object-family"]["manage"] - {"RETENTION_RULE_LOCK", "OBJECTSTORAGE_NAMESPACE_UPDATE"}),
    Role("storage.admin", KNOWN, VERBS["object-family"]["manage"] | VERBS["roles"]["manage"]),
)
ROLES: dict[str, Role] = {role.name: role for role in _ROLES}
"""By full name."""


def role_named(name: str) -> Role | None:
    """A role by its name, with or without "storage."."""
    return ROLES.get(name) or ROLES.get("storage." + name)


class _Bound(msgspec.Struct, frozen=True):
    """A binding ready to be asked. `compartments` None means the whole tenancy; `bucket` is the engine's id, as text."""

    name: str
    role: Role
    compartments: frozenset[str] | None = None
    bucket: str = ""

    def reaches(self, question: Question, world: World, home: str) -> bool:
        if self.bucket:
            return question.bucket is not None and str(question.bucket.id) == self.bucket
        if self.compartments is None:
            return True
        made = question.bucket is None and question.action == "s3:CreateBucket" and not question.compartment
        return (home if made else compartment_of(question, world)) in self.compartments


class Roles:
    """Everything that the roles of one principal allow in its tenancy."""

    __slots__ = ("_bound", "_everywhere", "_home", "_last", "_namespace", "_reach", "_world")

    def __init__(self, bound: tuple[_Bound, ...], world: World, home: str) -> None:
        self._bound = bound
        self._home = home
        self._world = world
        self._namespace = world.tenancy.namespace
        self._reach = frozenset((*world.compartments, world.tenancy.id, ""))
        self._everywhere: dict[str, _Bound] = {}
        for each in bound:
            for action in each.role.actions if not each.bucket and each.compartments is None else ():
                self._everywhere.setdefault(action, each)
        self._last: _Bound | None = None

    @property
    def name(self) -> str:
        return self._last.name if self._last is not None else "roles"

    @property
    def lists_buckets(self) -> str:
        """As `holdfast.authz.grants.Statements.lists_buckets`; every role shows buckets."""
        return "all" if self._everywhere else "some"

    def says(self, question: Question) -> Effect:
        bucket = question.bucket
        self._last = None
        if bucket is None:
            if question.compartment not in self._reach:
                return ""
        elif bucket.namespace != self._namespace and tenancy_namespace(bucket.namespace) != self._namespace:
            return ""
        elif question.action in self._everywhere and not question.permissions:
            self._last = self._everywhere[question.action]
            return "allow"
        return self._ask(question)

    def _ask(self, question: Question) -> Effect:
        somewhere = question.action == "s3:ListAllMyBuckets" and question.bucket is None and not question.compartment
        for each in self._bound:
            if (somewhere or each.reaches(question, self._world, self._home)) and each.role.allows(question):
                self._last = each
                return "allow"
        return ""

    def consider(self, question: Question) -> list[tuple[str, Effect, str]]:
        """Each role, what it says to a question, and why it says nothing."""
        said = self.says(question)
        found: list[tuple[str, Effect, str]] = []
        for each in self._bound:
            reaches = each.reaches(question, self._world, self._home)
            allows = bool(said) and reaches and each.role.allows(question)
            found.append((each.name, "allow" if allows else "", "" if allows else "does not allow it" if reaches else "is bound elsewhere"))
        return found


def compile_roles(user: User, groups: list[Group], world: World, below: dict[str, frozenset[str]], home: str) -> Roles | None:
    """The roles of a user and of its groups; `below` gives each compartment's subtree, itself in it; buckets that the user
    makes go to `home`. A binding on what is not there, or of a role that is not known, gives nothing."""
    bound: list[_Bound] = []
    for binding in user.roles:
        bound += _bind(binding, "", world, below)
    for group in groups:
        for binding in group.roles:
            bound += _bind(binding, f" of group {group.name}", world, below)
    return Roles(tuple(bound), world, home) if bound else None


def _bind(binding: Binding, whose: str, world: World, below: dict[str, frozenset[str]]) -> list[_Bound]:
    role = role_named(binding.role)
    if role is None:
        return []
    name = f"role {role.name} on {binding.scope} {binding.target}{whose}"
    if binding.scope == "bucket":
        return [_Bound(name, role, bucket=binding.target)] if binding.target else []
    if binding.scope == "tenancy" or binding.target == world.tenancy.id:
        return [_Bound(name, role)] if binding.target in ("", world.tenancy.id) else []
    if binding.scope != "compartment" or binding.target not in below:
        return []
    return [_Bound(name, role, below[binding.target])]
