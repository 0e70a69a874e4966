"""Programs that some tests drive, and that a machine may lack."""

import os
import shutil
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import pytest


def program(*names: str) -> str:
    """Return the path of the first of these programs that is there."""
    # Where servers are, which not everybody has in the path.
    servers = ["/usr/sbin", "/usr/local/sbin", *map(str, Path("/usr/lib/postgresql").glob("*/bin"))]
    path = os.pathsep.join([os.environ.get("PATH", ""), *servers])
    found = next(filter(None, (shutil.which(name, path=path) for name in names)), None)
    return found or missing(names[0])


def module(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        missing(name)


def missing(name: str) -> NoReturn:
    """Skip the test; fail where all that tests need must be there."""
    reason = f"{name} isn't installed"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
