"""Ends the journal that a migration left when it was killed, a day after it was last heard of."""

from __future__ import annotations

import logging

from holdfast.engine.api import Engine
from holdfast.moving import changes

log = logging.getLogger(__name__)


async def end(engine: Engine, now_s: float) -> None:
    """Safe beside a migration: one that is at work says so, and one that lost its journal notices. Errors: Unavailable."""
    if await changes.end_abandoned(engine, now_s):
        log.warning("the journal of a migration that was not gone on with was ended; the same command begins another")
