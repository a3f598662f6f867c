"""Why: how a question would be decided, and why a request that was answered got the answer that it got."""

from __future__ import annotations

import asyncio
import difflib

from holdfast.admin import find, shown
from holdfast.admin.api import OPERATOR
from holdfast.admin.faults import Fault, invalid, missing
from holdfast.admin.route import Call, Found, Route
from holdfast.authz.acl import OF_VERSION
from holdfast.authz.actions import ACTIONS, is_action
from holdfast.authz.decide import Question
from holdfast.authz.explain import explain
from holdfast.authz.gather import permits_operation, question_of
from holdfast.authz.permissions import IDENTITY_OPERATIONS, OF_OPERATION, S3_ACTION
from holdfast.buckets.links import source_of
from holdfast.identities.tokens import identity_in
from holdfast.model.buckets import Bucket
from holdfast.model.errors import Refusal
from holdfast.model.identity import ANONYMOUS, Caller, User
from holdfast.model.objects import Version
from holdfast.observe.records import Record

_ARN, _URL = "arn:aws:s3:::", "s3://"


async def caller_named(call: Call, name: str) -> Caller:
    """Whom a question is asked for: a user or service account, an S3 identity `user_organisation`, an access key, or "anonymous". Errors: Fault."""
    if name == "anonymous":
        return ANONYMOUS
    directory = call.directory
    user = await find.user_of(call, name)
    if user is None:
        user = await directory.users.by_canonical_id(name)
        enrolled = None if user is None else next((each for each in user.enrolments if each.canonical_id == name), None)
        if user is not None and enrolled is not None:
            user = identity_in(user, enrolled.organisation)
    if user is None:
        key = await directory.keys.get(name)
        user = None if key is None else await directory.users.user(key.user_id)
    if user is None or user.tenancy != call.tenancy.id:
        raise missing(f"There is no user, service account, S3 identity or access key {name!r}.")
    return await _as(call, user)


async def _as(call: Call, user: User) -> Caller:
    return await call.services.keys.caller_of(user, "explain")


async def question(call: Call, who: Caller, action: str, resource: str) -> Question:
    """The question that an S3 action ("s3:GetObject"), or an operation of S3, OCI or this API, asks about a resource. Errors: Fault."""
    if action.startswith("s3:"):
        if not is_action(action):
            raise invalid(f"There is no S3 action {action!r}.{_near(action, [*ACTIONS.values()])}")
        bucket, key = await _place(call, resource, action)
        return Question(who, action, bucket, key, await _version(call, action, bucket, key), request=call.request)
    if action in IDENTITY_OPERATIONS:
        found = await _identity(call, resource)
        return question_of(who, action, target=found.target, compartment=found.compartment, request=call.request)
    if action in ACTIONS:
        bucket, key = await _place(call, resource, ACTIONS[action])
        version = await _version(call, ACTIONS[action], bucket, key)
        return Question(who, ACTIONS[action], bucket, key, version, request=call.request, operation=action)
    if action in OF_OPERATION:
        bucket, key = await _place(call, resource, S3_ACTION[action])
        version = await _version(call, S3_ACTION[action], bucket, key)
        return question_of(who, action, bucket=bucket, key=key, target=version, request=call.request)
    raise invalid(f"There is no action or operation {action!r}.{_near(action, [*ACTIONS, *OF_OPERATION])}")


def _near(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name[:100], known, n=1)
    return f" Did you mean {close[0]}?" if close else ""


async def _place(call: Call, resource: str, action: str) -> tuple[Bucket | None, str]:
    """The bucket and key of "bucket/key", "s3://bucket/key" or an ARN; "" is no bucket, and neither is there one before it is made."""
    name, _, key = resource.removeprefix(_ARN).removeprefix(_URL).partition("/")
    if not name or action == "s3:CreateBucket":
        return None, ""
    bucket = await find.bucket_of(call, name)
    if bucket is None:
        raise missing(f"There is no bucket {name!r}.")
    if action == "s3:DeleteBucket":  # of a link, not of its source
        return bucket, key
    try:
        return await source_of(call.services.engine, bucket), key
    except Refusal as refusal:
        raise missing(refusal.message) from None


async def _version(call: Call, action: str, bucket: Bucket | None, key: str) -> Version | None:
    """The latest version of a key, for an action that whoever owns it has a say in."""
    if bucket is None or not key or action not in OF_VERSION:
        return None
    found = await call.services.engine.catalog.version(bucket.id, key)
    return None if found is None or found.is_delete_marker else found


async def _identity(call: Call, resource: str) -> Found:
    """ "user/ann", "group/writers", "policy/p", or a compartment's path; "" is the tenancy."""
    kind, slash, name = resource.partition("/")
    finders = {"user": find.user_of, "service-account": find.user_of, "group": find.group_of, "policy": find.policy_of}
    if slash and kind in finders:
        target = await finders[kind](call, name)  # type: ignore[operator]
        if target is None:
            raise missing(f"There is no {kind} {name!r}.")
        return Found(target=target, compartment=getattr(target, "compartment", "") or call.tenancy.id)
    where = await find.compartment_of(call, resource)
    if where is None:
        raise missing(f"There is no compartment {resource!r}.")
    return Found(target=where, compartment=where.id)


async def explained(call: Call, who: Caller, action: str, resource: str) -> shown.Explained:
    found = explain(await question(call, who, action, resource), await call.world())
    return shown.Explained(
        who=found.who,
        principal=found.principal,
        action=found.operation or found.action,
        resource=found.resource,
        allowed=found.allowed,
        because=found.because,
        permissions=list(found.permissions),
        said=[{"part": said.part, "name": said.name, "effect": said.effect or "nothing", "why": said.why} for said in found.said],
        suggestion=found.suggestion,
    )


async def explain_question(call: Call) -> shown.Explained:
    query = call.query
    if not query.get("as") or not query.get("action"):
        raise invalid("The query must say as whom and which action.")
    return await explained(call, await caller_named(call, query["as"]), query["action"], query.get("resource", ""))


async def why(call: Call) -> shown.Recorded:
    """A request is shown to the tenancy whose caller sent it, and to who runs the store. Its id may stand behind a region, as in opc-request-id."""
    id = call.path["request"].rpartition(":")[2].upper()
    nothing = missing(f"No log knows the request {id!r} (any more).")
    try:
        record = await asyncio.to_thread(call.services.record, id)
    except ValueError as error:
        raise invalid(f"{error}.") from None
    if record is None:
        raise nothing
    user = await _whose(call, record)
    if (user is None or user.tenancy != call.tenancy.id) and not permits_operation(call.caller, OPERATOR).allowed:
        raise nothing
    return shown.Recorded(request_id=record.request_id, access=record.access, audit=record.audit, explained=await _now(call, record, user))


async def _whose(call: Call, record: Record) -> User | None:
    """The caller as it is now, by the credential that it came with or by what the audit log says; None for an anonymous one, and one that is gone."""
    directory = call.directory
    access_key = str(record.access.get("access_key", ""))
    if access_key.startswith("token:"):
        credential = await directory.tokens.credential_of(access_key.removeprefix("token:"))
        if credential is not None:
            return credential.user
    key = await directory.keys.get(access_key) if access_key else None
    found = [str(line["principal"]) for line in record.audit if line.get("principal")] or ([key.user_id] if key is not None else [])
    return await directory.users.user(found[0]) if found else None


async def _now(call: Call, record: Record, user: User | None) -> shown.Explained | None:
    """None for what cannot be asked again: the caller, the bucket or the operation is not there (any more)."""
    action = str(record.access.get("operation", ""))
    bucket, key = str(record.access.get("bucket", "")), str(record.access.get("key", ""))
    if action not in ACTIONS or (user is None and record.access.get("access_key")):
        return None
    try:
        who = ANONYMOUS if user is None else await _as(call, user)
        return await explained(call, who, action, f"{bucket}/{key}" if key else bucket)
    except Fault:
        return None


ROUTES = (
    Route(method="GET", path="/explain", operation="HoldfastExplain", says="Says how a question would be decided, why, and what would allow it",
          does=explain_question, about=find.in_tenancy, query=("as", "action", "resource"), shows=shown.Explained),
    Route(method="GET", path="/requests/{request}", operation="HoldfastWhy", says="Says what the logs know of a request, and why it was so decided",
          does=why, about=find.in_tenancy, shows=shown.Recorded),
)  # fmt: skip
