"""Bucket policies of one statement or more, and the questions that they are asked without a server."""

from __future__ import annotations

import json
from typing import Any

from holdfast.authz.bucket_policy import BucketPolicy
from holdfast.authz.decide import Question
from holdfast.http.body import EMPTY
from holdfast.model.buckets import Bucket
from holdfast.model.identity import Caller, User
from holdfast.model.messages import Request

BUCKET = Bucket(id=7, namespace="default", name="photos", region="r", owner="c-ann")
ALL = "arn:aws:s3:::photos/*"


def person(name: str, namespace: str = "default", rights: str = "none") -> Caller:
    user = User(
        id=f"ocid1.user.oc1..{name}", name=name, canonical_id=f"c-{name}", display_name=name, rights=rights, namespace=namespace,
        tenancy=f"ocid1.tenancy.oc1..{namespace}",
    )  # fmt: skip
    return Caller(how="v4-header", user=user, access_key="K")


ANN, BEN, EVE = person("ann", rights="own-buckets"), person("ben"), person("eve", "elsewhere", "all")


def statement(**given: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": ALL, **given}


def document(*statements: dict[str, Any], **given: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements), **given})


def request(target: str = "/photos/k", peer: str = "192.0.2.7", secure: bool = False, at: float = 1_800_000_000.0, **headers: str) -> Request:
    sent = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    return Request("GET", target.encode(), sent, EMPTY, peer=peer, secure=secure, received_at=at)


def question(caller: Caller = BEN, action: str = "GetObject", key: str = "k", **given: Any) -> Question:
    return Question(caller, "s3:" + action, given.pop("bucket", BUCKET), key, given.pop("target", None), given.pop("request", request()), **given)


def says(*statements: dict[str, Any], **given: Any) -> str:
    """What a policy of these statements says; `given` as for `question`."""
    return BucketPolicy(document(*statements), BUCKET).says(question(**given))


def under(condition: dict[str, Any], effect: str = "Allow", **given: Any) -> str:
    """What one conditional statement about everything says."""
    row = statement(Effect=effect, Action="s3:*", Resource=["arn:aws:s3:::photos", ALL], Condition=condition)
    return says(row, **given)
