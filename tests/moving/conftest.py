"""Coroutine tests run to their end."""

from __future__ import annotations

from tests.engine.conftest import pytest_pyfunc_call as pytest_pyfunc_call
