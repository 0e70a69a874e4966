"""Real servers as processes of their own, on the database of the tests."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote
from uuid import uuid4

import httpx
import psutil
from django.db import connection

from server_kinds import KINDS

T = TypeVar("T")
HOST = "127.0.0.1"
# How many times longer than on a quiet machine is waited for what should come to pass.
PATIENCE = 5 if os.environ.get("CI") else 1
ROOT = Path(__file__).resolve().parent.parent

TROUBLE = re.compile(
    r"(INFO|WARNING|ERROR|CRITICAL) (asyncio|concurrent|drf_streaming|django)\b"
    r"|Traceback|\bRuntimeError\b|Warning: |Exception ignored"
    r"|was destroyed|never (retrieved|awaited)"
)
# The development server tells of each request, and of each client that left. Django 5.2 leaves the
# empty body of a request to the garbage collector when the client leaves.
HARMLESS = re.compile(
    r"INFO django\.server: "
    r"|.*Unclosed file <tempfile\.SpooledTemporaryFile"
    r"|ResourceWarning: Enable tracemalloc to get"
)


class Server:
    """One running server."""

    def __init__(self, name: str, database_url: str, directory: Path) -> None:
        self.name = name
        self.kind = KINDS[name]
        self.directory = directory
        self.log = directory / "log"
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}"
        self._environment = self._environment_with(database_url)
        self.start()

    def start(self) -> None:
        command = [part.format(host=HOST, port=self.port) for part in self.kind.command]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, *command],
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._wait_for_an_answer()

    def _environment_with(self, database_url: str) -> dict[str, str]:
        return {
            **os.environ,
            "DATABASE_URL": database_url,
            "DEBUG": "0",
            "DJANGO_SETTINGS_MODULE": "streamtests.server_settings",
            "PYTHONPATH": os.pathsep.join(map(str, [ROOT / "testproject", ROOT / "tests"])),
            "PYTHONUNBUFFERED": "1",
            "PYTHONWARNINGS": "default",
            "STREAMTESTS_CONTEXT": "streamtests.middleware.context",
            "STREAMTESTS_MARKS": str(self.directory),
            **self.kind.env,
        }

    def _wait_for_an_answer(self) -> None:
        deadline = time.monotonic() + 30 * PATIENCE
        while True:
            try:
                answer = httpx.get(f"{self.url}/collect/").text
            except httpx.TransportError:
                answer = ""
            if answer == "collected":
                return
            if answer or self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise AssertionError(self.log.read_text())
            time.sleep(0.05)

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        """End it at once, if it runs; it can be started again at the same address."""
        if self._process.poll() is None:
            for process in self.processes:
                process.kill()
            self._process.wait()

    def ends(self, *, within: float) -> bool:
        """Tell whether the server ends by itself; it's killed if it doesn't."""
        try:
            self._process.wait(timeout=within * PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            return False
        return True

    @property
    def processes(self) -> list[psutil.Process]:
        main = psutil.Process(self._process.pid)
        return [main, *main.children(recursive=True)]

    @property
    def rss(self) -> int:
        """Return the memory of all its processes, in bytes."""
        return sum(process.memory_info().rss for process in self.processes)

    def forget_peak(self) -> None:
        for process in self.processes:
            Path(f"/proc/{process.pid}/clear_refs").write_text("5")

    @property
    def peak_rss(self) -> int:
        """Return the most memory of its processes since the last peak was forgotten, in bytes."""
        status = [Path(f"/proc/{process.pid}/status").read_text() for process in self.processes]
        return sum(int(re.findall(r"VmHWM:\s+(\d+) kB", text)[0]) * 1024 for text in status)

    @property
    def held(self) -> tuple[int, int]:
        """Return how many threads and file descriptors it has."""
        return (
            sum(process.num_threads() for process in self.processes),
            sum(process.num_fds() for process in self.processes),
        )

    def open_files(self) -> set[tuple[int, str, int]]:
        return {
            (process.pid, file.path, file.fd)
            for process in self.processes
            for file in process.open_files()
        }

    def logged_from_now(self) -> "LogPart":
        return LogPart(self)

    @contextmanager
    def connect(self, path: str, **headers: str) -> Iterator[socket.socket]:
        """Ask for a page on a connection that is closed at the end, however much was read."""
        lines = [f"GET {path} HTTP/1.1", f"Host: {HOST}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        with socket.create_connection((HOST, self.port), timeout=10) as client:
            client.sendall("\r\n".join([*lines, "", ""]).encode())
            yield client

    def mark(self) -> "Mark":
        return Mark(self.directory / uuid4().hex)


class LogPart:
    """What a server logs after a certain moment."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._start = server.log.stat().st_size

    def lines(self) -> list[str]:
        return self._server.log.read_bytes()[self._start :].decode().splitlines()

    def of(self, logger: str) -> list[str]:
        return [line for line in self.lines() if re.match(rf"[A-Z]+ {logger}: ", line)]

    def troubles(self) -> list[str]:
        """Return what nobody should have to read, garbage collection's complaints included."""
        httpx.get(f"{self._server.url}/collect/")
        return [line for line in self.lines() if TROUBLE.search(line) and not HARMLESS.match(line)]


class Mark:
    """Tells whether the source of one request was closed, and after how many rows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.query = f"mark={path.name}"

    @property
    def is_there(self) -> bool:
        return self._path.exists()

    @property
    def rows(self) -> int:
        return int(self._path.read_text())


def eventually(look: Callable[[], T], expected: T, *, within: float) -> T:
    """Return what is seen as soon as it is what was expected, or what is seen in the end."""
    deadline = time.monotonic() + within * PATIENCE
    while (seen := look()) != expected and time.monotonic() < deadline:
        time.sleep(0.01)
    return seen


def settled(look: Callable[[], T]) -> T:
    """Return what is seen as soon as it no longer changes."""
    seen = look()
    for _ in range(50):
        before = seen
        time.sleep(0.1)
        if (seen := look()) == before:
            break
    return seen


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def url_of(database: dict[str, Any]) -> str:
    """Return the DATABASE_URL of a database that Django is connected to."""
    scheme = database["ENGINE"].rpartition(".")[2]
    if scheme == "sqlite3":
        return f"sqlite:///{database['NAME']}"
    user, password = quote(database["USER"]), quote(database["PASSWORD"])
    place = f"{database['HOST']}:{database['PORT']}".rstrip(":")
    return f"{scheme}://{user}:{password}@{place}/{quote(database['NAME'])}"


def database_sessions(server: Server) -> set[Any]:
    """Return the connections to the test database: a server's, or all but this process's."""
    if connection.vendor == "sqlite":
        name = str(connection.settings_dict["NAME"])
        return {file for file in server.open_files() if file[1] == name}
    query = {
        "postgresql": "SELECT pid FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()",
        "mysql": "SELECT id FROM information_schema.processlist"
        " WHERE db = database() AND id <> connection_id()",
    }[connection.vendor]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # Within a transaction, as of a test, it would show the same again and again.
            cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(query)
        return set(cursor.fetchall())
