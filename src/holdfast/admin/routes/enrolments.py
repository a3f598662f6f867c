"""What people do about organisations themselves: see theirs and those that they may ask to join, ask; and what managers answer."""

from __future__ import annotations

from typing import Literal

from holdfast.admin import find, giving, shown
from holdfast.admin.faults import conflict, missing
from holdfast.admin.names import Reference, Text
from holdfast.admin.route import Call, Input, Route, Shown
from holdfast.admin.routes.organisations import the_organisation
from holdfast.authz.giving import own_buckets
from holdfast.identities.enrolment_requests import PENDING
from holdfast.model.identity import EnrolmentRequest, Organisation, Token, User

State = Literal["MEMBER", "PENDING", "REFUSED", "OPEN"]


class RequestEnrolment(Input):
    """`message` is read by who decides."""

    organisation: Reference
    message: Text = ""


class OwnOrganisation(Shown):
    """An organisation as one user sees it."""

    organisation_id: str
    name: str
    display_name: str
    description: str
    state: State
    manager: bool
    s3_user: str
    """The S3 identity that the user is there, or would be."""
    token: shown.Token | None
    """His token there, without its text."""


class ShownRequest(Shown):
    organisation_id: str
    organisation: str
    user_id: str
    user: str
    display_name: str
    email: str
    message: str
    lifecycle_state: str
    time_created: str | None


def _request(found: EnrolmentRequest, user: User, organisation: Organisation) -> ShownRequest:
    return ShownRequest(
        organisation_id=organisation.id, organisation=organisation.name, user_id=user.id, user=user.name, display_name=user.display_name,
        email=user.email, message=found.message, lifecycle_state=found.status, time_created=shown.moment(found.created_ms),
    )  # fmt: skip


async def list_own(call: Call) -> list[OwnOrganisation]:
    user: User = call.target
    enrolled = {enrolment.organisation: enrolment for enrolment in user.enrolments}
    asked = {request.organisation: request for request in await call.directory.enrolment_requests.of_user(user.id)}
    tokens = {token.organisation: token for token in await call.directory.tokens.of_user(user.id)}
    found = []
    for organisation in sorted(await call.directory.organisations.all(user.tenancy), key=lambda each: each.name):
        state: State = "OPEN"
        if organisation.id in enrolled:
            state = "MEMBER"
        elif organisation.id in asked:
            state = "PENDING" if asked[organisation.id].status == PENDING else "REFUSED"
        elif organisation.joining != "request":
            continue
        member = enrolled.get(organisation.id)
        s3_user = member.canonical_id if member else f"{user.name}_{organisation.name}".lower()
        found.append(OwnOrganisation(
            organisation_id=organisation.id, name=organisation.name, display_name=organisation.display_name, description=organisation.description,
            state=state, manager=member is not None and member.manager, s3_user=s3_user,
            token=_token(call, tokens.get(organisation.id), user, s3_user, organisation) if member else None,
        ))  # fmt: skip
    return found


def _token(call: Call, token: Token | None, user: User, s3_user: str, organisation: Organisation) -> shown.Token | None:
    return None if token is None else shown.token(token, s3_user, user.name, organisation, call.now_ms)


async def request_enrolment(call: Call) -> ShownRequest:
    body: RequestEnrolment = call.body
    user: User = call.target
    organisation = await find.organisation_of(call, body.organisation)
    if organisation is None or organisation.joining != "request":
        raise missing(f"There is no organisation {body.organisation!r} that one can ask to join.")
    made = await call.directory.enrolment_requests.ask(user.id, organisation.id, body.message, call.now_ms)
    return _request(made, user, organisation)


async def withdraw(call: Call) -> shown.Deleted:
    user: User = call.target
    organisation = await find.organisation_of(call, call.path["organisation"])
    found = None if organisation is None else await call.directory.enrolment_requests.get(user.id, organisation.id)
    if found is None or organisation is None:
        raise missing("There is no such request.")
    if found.status != PENDING and user.id == call.user.id:
        raise conflict("It was refused; who refused it can still approve it.")
    await call.directory.enrolment_requests.forget(user.id, organisation.id)
    return shown.Deleted(deleted=organisation.id)


async def list_requests(call: Call) -> list[ShownRequest]:
    organisation: Organisation = call.target
    found = []
    for request in await call.directory.enrolment_requests.of_organisation(organisation.id):
        user = await call.directory.users.user(request.user)
        if user is not None:
            found.append(_request(request, user, organisation))
    return found


async def _asking(call: Call) -> tuple[User, EnrolmentRequest]:
    """Who asked, and what. Errors: Fault."""
    user = await find.user_of(call, call.path["user"])
    found = None if user is None else await call.directory.enrolment_requests.get(user.id, call.target.id)
    if user is None or found is None:
        raise missing(f"There is no request of a user {call.path['user']!r}.")
    return user, found


def is_manager(call: Call, organisation: Organisation) -> bool:
    """Whether the caller decides on who belongs to an organisation: what goes with that, others gave him."""
    return any(each.manager and each.organisation == organisation.id for each in call.user.enrolments)


async def approve(call: Call) -> shown.Enrolment:
    user, _ = await _asking(call)
    if not is_manager(call, call.target):
        giving.require(call, own_buckets(await call.world()), "an identity with buckets of its own")
    return shown.enrolment(await call.directory.enrolment_requests.approve(user.id, call.target.id, call.now_ms), user.id)


async def refuse(call: Call) -> ShownRequest:
    user, _ = await _asking(call)
    return _request(await call.directory.enrolment_requests.refuse(user.id, call.target.id), user, call.target)


ROUTES = (
    Route(method="GET", path="/users/{user}/organisations", operation="HoldfastListOwnOrganisations",
          says="Lists the organisations that a user is in, has asked to join, or may ask to join", does=list_own, about=find.the_user,
          shows=list[OwnOrganisation]),
    Route(method="POST", path="/users/{user}/enrolment-requests", operation="HoldfastRequestEnrolment",
          says="Asks to be enrolled in an organisation that takes requests", does=request_enrolment, about=find.the_user, body=RequestEnrolment,
          shows=ShownRequest, status=201),
    Route(method="DELETE", path="/users/{user}/enrolment-requests/{organisation}", operation="HoldfastWithdrawEnrolment",
          says="Takes a request back", does=withdraw, about=find.the_user, shows=shown.Deleted),
    Route(method="GET", path="/organisations/{organisation}/requests", operation="HoldfastListEnrolmentRequests",
          says="Lists who asks to be enrolled, for administrators and the organisation's managers", does=list_requests, about=the_organisation,
          shows=list[ShownRequest]),
    Route(method="POST", path="/organisations/{organisation}/requests/{user}", operation="HoldfastApproveEnrolment",
          says="Enrols who asked for it", does=approve, about=the_organisation, shows=shown.Enrolment, status=201),
    Route(method="DELETE", path="/organisations/{organisation}/requests/{user}", operation="HoldfastRefuseEnrolment",
          says="Refuses who asked; it can be approved later still", does=refuse, about=the_organisation, shows=ShownRequest),
)  # fmt: skip
