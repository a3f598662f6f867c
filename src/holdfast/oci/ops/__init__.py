"""The operations, one small file for each kind; importing a file registers what is in it."""

from __future__ import annotations

import importlib
import pkgutil


def load() -> None:
    """Imports every file of this package."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
