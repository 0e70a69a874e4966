"""Clients that others generate from the schema, built and used on a real server."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from flights.models import Flight
from programs import module, program
from servers import Server

pytestmark = [pytest.mark.django_db, pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])]
HERE = Path(__file__).parent
STRICT = ["--strict", "--target", "es2022", "--module", "nodenext", "--types", "node"]


@pytest.fixture
def server(servers: Callable[[str], Server]) -> Server:
    return servers("uvicorn")


@pytest.fixture
def schema(server: Server, tmp_path: Path, version: str) -> Path:
    """Return a file with the schema."""
    file = tmp_path / "schema.json"
    file.write_bytes(httpx.get(f"{server.url}/schema/{version}/?format=json").content)
    return file


@pytest.fixture(scope="module")
def node_modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with openapi-typescript, and what it takes to use what that makes."""
    folder = tmp_path_factory.mktemp("typescript")
    shutil.copytree(HERE / "typescript", folder, dirs_exist_ok=True)
    run(folder, program("npm"), "install", "--no-audit", "--no-fund", "--no-package-lock")
    return folder


def run(folder: Path, *command: str | Path, **environment: str) -> str:
    result = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def expected() -> dict[str, Any]:
    late = Flight.objects.filter(origin="JFK", departure_delay__gte=60).order_by("id")
    ids = [*late.values_list("id", flat=True)]
    carriers = late.order_by().values("carrier").distinct().count()
    return {"page": len(ids), "array": ids, "stream": ids, "carriers": carriers}


def test_a_typescript_client(server: Server, schema: Path, node_modules: Path):
    programs = node_modules / "node_modules" / ".bin"
    run(node_modules, programs / "openapi-typescript", schema, "-o", "schema.ts")
    run(node_modules, programs / "tsc", *STRICT, "use.ts")
    told = json.loads(run(node_modules, program("node"), "use.js", server.url))
    assert told == {**expected(), "unknown": "xml"}


def test_a_python_client(server: Server, schema: Path, tmp_path: Path):
    generator = module("openapi_python_client").__name__
    # It would ask ruff to tidy up.
    config = tmp_path / "config.yaml"
    config.write_text("post_hooks: []\nproject_name_override: generated\n")
    options = [f"--path={schema}", f"--config={config}", f"--output-path={tmp_path / 'client'}"]
    run(tmp_path, sys.executable, "-m", generator, "generate", "--fail-on-warning", *options)
    use = [HERE / "use_client.py", "generated", server.url]
    told = json.loads(run(tmp_path, sys.executable, *use, PYTHONPATH=str(tmp_path / "client")))
    assert told == expected()
