"""The operations of S3, one file each; a file registers its handler when it is imported."""

from __future__ import annotations

import pkgutil
from importlib import import_module


def load() -> None:
    """Imports every operation, so that `operation.OPERATIONS` is complete. Errors: TypeError for one that the model contradicts."""
    for module in pkgutil.iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
