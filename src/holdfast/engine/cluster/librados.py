"""Where librados' Python module comes from: the distribution's package, and nothing else of the distribution's Python."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
import threading
from pathlib import Path
from typing import Any

from holdfast.engine.api import Unavailable

PLACES = (Path("/usr/lib/python3/dist-packages"), Path("/usr/lib/python3/site-packages"), Path("/usr/lib64/python3/site-packages"))
_loading = threading.Lock()


def load(places: tuple[Path, ...] = PLACES) -> Any:
    """The module `rados`: the installed one, or else the shared object alone of the distribution's python3-rados, so that its other modules
    stay out of this interpreter. Errors: Unavailable, saying what to install."""
    with _loading:
        if "rados" in sys.modules:
            return sys.modules["rados"]
        return _load(places)


def _load(places: tuple[Path, ...]) -> Any:
    found = importlib.util.find_spec("rados")
    others: list[Path] = []
    if found is None:
        for place in places:
            for suffix in importlib.machinery.EXTENSION_SUFFIXES:
                path = place / f"rados{suffix}"
                if found is None and suffix.startswith(".cpython-") and path.is_file():
                    found = importlib.util.spec_from_file_location("rados", path)
            others.extend(sorted(place.glob("rados.cpython-*.so")))
    if found is None or found.loader is None:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        if others:
            raise Unavailable(f"{others[0]} is for another Python than this one ({version}): run Holdfast with the distribution's python3")
        raise Unavailable(f"librados for Python {version} is not installed: apt install python3-rados")
    module = importlib.util.module_from_spec(found)
    try:
        found.loader.exec_module(module)
    except ImportError as error:
        raise Unavailable(f"librados cannot be loaded: {error}") from error
    sys.modules["rados"] = module
    return module
