"""One server process, and what it costs."""

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from bench.client import HOST, count, fetch
from bench.databases import environment
from bench.endpoints import Subject
from bench.measures import Measure

TESTPROJECT = Path(__file__).resolve().parent.parent
ASGI = "uvicorn --loop uvloop --http httptools --lifespan off --no-access-log --log-level error"
WSGI = "gunicorn bench.wsgi:application --log-level error"
WARM_UP_ROWS = 200
MB = 1024 * 1024


class Server:
    """A server with one working process, from `with` to its end.

    Under ASGI each request of Django's has a thread of its own, and with it a new connection to
    the database, so one is kept under WSGI.
    """

    def __init__(
        self, application: str, database_url: str, connection: str = "new", **variables: str
    ) -> None:
        self.port = free_port()
        self._environment = environment(database_url, connection) | variables
        if connection == "new":
            command = f"{ASGI} --port {self.port} {application}"
        else:
            command = f"{WSGI} --bind {HOST}:{self.port}"
        self._command = [sys.executable, "-m", *command.split()]

    def __enter__(self) -> "Server":
        self._log = tempfile.TemporaryFile()
        self._process = psutil.Popen(
            self._command,
            cwd=TESTPROJECT,
            env=self._environment,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        self._wait()
        return self

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(5)
        except psutil.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def _wait(self) -> None:
        deadline = time.monotonic() + 30
        while True:
            try:
                return socket.create_connection((HOST, self.port)).close()
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self._log.seek(0)
                    raise RuntimeError(self._log.read().decode()) from None
                time.sleep(0.02)

    @property
    def _worker(self) -> psutil.Process:
        return next(iter(self._process.children()), self._process)

    @property
    def cpu(self) -> float:
        """Seconds that it has used so far."""
        times = self._worker.cpu_times()
        return times.user + times.system

    @property
    def memory(self) -> int:
        return self._worker.memory_info().rss

    @property
    def threads(self) -> int:
        return self._worker.num_threads()

    def forget_peak(self) -> None:
        self._file("clear_refs").write_text("5")

    @property
    def peak_memory(self) -> int:
        """The most memory since the last peak was forgotten, in bytes."""
        (kilobytes,) = re.findall(r"VmHWM:\s+(\d+) kB", self._file("status").read_text())
        return int(kilobytes) * 1024

    def _file(self, name: str) -> Path:
        return Path("/proc", str(self._worker.pid), name)


def measure(subject: Subject, database_url: str) -> Measure:
    """Take one answer from a server that is warmed up."""
    endpoint, rows = subject.endpoint, subject.rows
    with Server(endpoint.application, database_url, subject.connection) as server:
        for _ in range(2):
            fetch(server.port, endpoint.path(WARM_UP_ROWS))
        server.forget_peak()
        memory, cpu = server.memory, server.cpu
        answer = fetch(server.port, endpoint.path(rows))
        cpu, memory = server.cpu - cpu, server.peak_memory - memory
    if (found := count(answer.body, endpoint.format)) != rows:
        raise RuntimeError(f"{subject} gave {found} rows")
    return Measure(
        subject,
        seconds=answer.seconds,
        first_byte_ms=answer.first_byte * 1e3,
        cpu_us_per_row=cpu / rows * 1e6,
        memory_mb=memory / MB,
        load=os.getloadavg()[0],
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
