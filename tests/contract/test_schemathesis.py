"""schemathesis asks the test project what its schema allows and what it forbids, all checks on."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from programs import module
from servers import Server
from streamtests.urls import OPENAPI_VERSIONS

pytestmark = pytest.mark.django_db
HERE = Path(__file__).parent


@pytest.mark.parametrize("version", OPENAPI_VERSIONS)
def test_schemathesis_finds_no_failure(
    servers: Callable[[str], Server], tmp_path: Path, version: str
):
    server = servers("uvicorn")
    log = server.logged_from_now()
    program = [sys.executable, "-m", module("schemathesis.cli").__name__]
    options = [f"--config-file={HERE / 'schemathesis.toml'}", "run", "--no-color"]
    result = subprocess.run(
        [*program, *options, f"{server.url}/schema/{version}/?format=json"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(HERE), "OPENAPI_VERSION": version},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert "No issues found" in result.stdout, result.stdout + result.stderr
    assert result.returncode == 0
    assert [line for line in log.lines() if re.match("ERROR|Traceback", line)] == []
