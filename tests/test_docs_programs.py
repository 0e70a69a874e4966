"""The commands and the JavaScript of the documentation, run by what they're for."""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from django.db import connection

from browser import Tab
from pages import PAGES, ROOT, SITE, all_commands, blocks
from servers import HOST, Server, free_port, url_of

pytestmark = pytest.mark.django_db

SERVERS = "uvicorn", "hypercorn", "granian", "gunicorn", "daphne"
STARTS = [command for name in SERVERS for command, _ in all_commands(f"{name} ")]
SCRIPTS = [(page.stem, source) for page in PAGES for _, source, _ in blocks(page, "js")]
# Keeps what a script of a page shows.
LISTEN = "window.logged = []; console.log = (...all) => logged.push(all)"


def test_what_the_asgi_module_loads_is_left_out_of_collections():
    looks = (
        "import gc, sys, config.asgi; views = vars(sys.modules['flights.views']);"
        " print(any(each is views for each in gc.get_objects()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", looks],
        cwd=ROOT / "testproject",
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "False\n"


@pytest.mark.parametrize("command", STARTS, ids=lambda command: command.partition(" ")[0])
def test_a_server_is_started_as_shown(command: str, django_db_setup: None, tmp_path: Path):
    port = free_port()
    arguments = shlex.split(command.replace("8000", str(port)))
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=ROOT / "testproject",
            env={
                **os.environ,
                "DATABASE_URL": url_of(connection.settings_dict),
                "DJANGO_SETTINGS_MODULE": "config.settings",
            },
            stdout=log,
            stderr=log,
        )
    try:
        url = f"http://{HOST}:{port}/airports/?stream=ndjson&search=Newark"
        assert answer(url, process, tmp_path / "log").count("\n") == 2
        process.terminate()
        process.wait(timeout=30)
    finally:
        process.kill()
        process.wait()


def answer(url: str, process: "subprocess.Popen[bytes]", log: Path) -> str:
    deadline = time.monotonic() + 30
    while True:
        try:
            return httpx.get(url).raise_for_status().text
        except httpx.TransportError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)


@pytest.mark.parametrize(("command", "printed"), all_commands("python -m drf_streaming "))
def test_the_client_prints_what_is_shown(
    command: str, printed: str, servers: Callable[[str], Server], tmp_path: Path
):
    arguments = shlex.split(command.replace(SITE, servers("uvicorn").url))
    done = subprocess.run(
        [sys.executable, *arguments[1:]], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout + done.stderr == printed


@pytest.mark.parametrize(("page", "script"), SCRIPTS, ids=[page for page, _ in SCRIPTS])
def test_a_browser_runs_what_is_shown(
    page: str, script: str, tab: Tab, servers: Callable[[str], Server]
):
    tab.before_each_page(LISTEN)
    tab.open(f"{servers('uvicorn').url}/collect/")
    tab.run(f"async () => {{ {script} }}")
    tab.until("() => logged.length > 1")
