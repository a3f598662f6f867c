"""The committed table of who may do what is what the decision says, and every route asks it something."""

from __future__ import annotations

from pathlib import Path

from holdfast.authz.actions import ACTIONS, is_action
from holdfast.authz.permissions import OF_ACTION, S3_ACTION
from holdfast.authz.table import page
from holdfast.s3 import ops
from holdfast.s3.operation import OPERATIONS

TABLE = Path(__file__).with_name("table.txt")
ASKS_KEY_BY_KEY = {"DeleteObjects"}


def test_the_table_is_what_is_decided() -> None:
    """After a change that is meant: make docs, and look at the difference."""
    assert TABLE.read_text() == page()


def test_every_s3_operation_declares_an_action_that_the_policy_language_can_give() -> None:
    ops.load()
    assert OPERATIONS
    for name, operation in OPERATIONS.items():
        actions = operation.of_keys if name in ASKS_KEY_BY_KEY else operation.needs
        assert actions and all(is_action(action) and OF_ACTION[action] for action in actions), name
    assert set(OF_ACTION) >= set(ACTIONS.values())
    assert all(action.startswith(("s3:Native", "s3:")) and (action in OF_ACTION or action.startswith("s3:Native")) for action in S3_ACTION.values())
