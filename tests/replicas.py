"""PostgreSQL's primary and replica as processes of their own, in a folder that is thrown away."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from django.db import connections

from programs import missing, program
from servers import HOST, free_port

# The least of a server: nothing here has to survive a crash.
SETTINGS = {
    "autovacuum": "off",
    "fsync": "off",
    "shared_buffers": "16MB",
    "unix_socket_directories": "''",
    # What VACUUM leaves to be replayed is otherwise sent up to 200 ms later.
    "wal_writer_delay": 10,
}
# What is replayed waits only this long, in milliseconds, for those who read.
REPLICA = {"max_standby_streaming_delay": 50, "wal_retrieve_retry_interval": 100}


class Cluster:
    """One server of PostgreSQL, with the database "postgres"."""

    def __init__(self, folder: Path, owner: dict[str, Any], settings: dict[str, Any]) -> None:
        self.folder = folder
        self.port = free_port()
        self._owner = owner
        self._settings = " ".join(f"-c {name}={value}" for name, value in settings.items())

    def run(self, name: str, *arguments: str) -> None:
        command = [program(name), *arguments, "-D", str(self.folder)]
        # Its server inherits what it writes to, so that a pipe would never end.
        with (self.folder.parent / "log").open("a") as log:
            subprocess.run(
                command,
                check=True,
                cwd=self.folder.parent,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **self._owner,
            )

    def start(self) -> None:
        options = f"-h {HOST} -p {self.port} {self._settings}"
        self.run("pg_ctl", "start", "--wait", "--silent", "--options", options)

    def stop(self) -> None:
        self.run("pg_ctl", "stop", "--mode=immediate", "--silent")

    @property
    def django(self) -> dict[str, Any]:
        """Return it as one of Django's DATABASES."""
        database = {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": "postgres",
            "USER": "postgres",
            "HOST": HOST,
            "PORT": self.port,
        }
        configured = connections.configure_settings({"default": {}, "this": database})
        return dict(configured["this"])

    def ask(self, query: str, *parameters: Any) -> Any:
        """Return the first value of a query, on a connection of its own."""
        url = f"postgresql://postgres@{HOST}:{self.port}/postgres"
        with psycopg.connect(url, autocommit=True) as connection:
            cursor = connection.execute(query, parameters)  # type: ignore[call-overload]
            return cursor.fetchone()[0] if cursor.description else None


def caught_up(primary: Cluster, replica: Cluster) -> None:
    """Wait until the replica has replayed all that the primary has done by now."""
    done = primary.ask("SELECT pg_current_wal_insert_lsn()::text")
    deadline = time.monotonic() + 20
    while not replica.ask("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", done):
        assert time.monotonic() < deadline
        time.sleep(0.02)


@contextmanager
def primary_and_replica() -> Iterator[tuple[Cluster, Cluster]]:
    """Start two servers, of which one replays what the other writes."""
    program("initdb")
    owner = _owner()
    # Not pytest's own folder: another user may not enter that one.
    folder = Path(tempfile.mkdtemp(prefix="replicas"))
    if owner:
        shutil.chown(folder, owner["user"], owner["group"])
    primary = Cluster(folder / "primary", owner, SETTINGS)
    replica = Cluster(folder / "replica", owner, SETTINGS | REPLICA)
    running: list[Cluster] = []
    try:
        primary.run(
            "initdb", "--auth=trust", "--no-sync", "--username=postgres", "--locale=C", "-EUTF8"
        )
        primary.start()
        running.append(primary)
        source = f"host={HOST} port={primary.port} user=postgres"
        replica.run("pg_basebackup", "-R", "--no-sync", "--checkpoint=fast", f"--dbname={source}")
        replica.start()
        running.append(replica)
        yield primary, replica
    finally:
        for cluster in reversed(running):
            cluster.stop()
        shutil.rmtree(folder)


def _owner() -> dict[str, Any]:
    """Return as whom to run it: PostgreSQL refuses to be root."""
    if os.geteuid() != 0:
        return {}
    try:
        user = pwd.getpwnam("postgres")
    except KeyError:
        missing("the user postgres")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
