"""The databases of the benchmark, each with the same orders."""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

TESTPROJECT = Path(__file__).resolve().parent.parent
NAME = "drf_streaming_bench"
DEFAULT_POSTGRESQL = "postgres://postgres@127.0.0.1:5432/postgres"


class NoPostgreSQLError(Exception):
    """There is no PostgreSQL server to measure with."""


def sqlite() -> str:
    return f"sqlite:///{TESTPROJECT / NAME}.sqlite3"


def postgresql() -> str:
    """Make a database of our own on the server that the environment names; return its URL."""
    server = (
        os.environ.get("BENCH_POSTGRES_URL") or os.environ.get("POSTGRES_URL") or DEFAULT_POSTGRESQL
    )
    try:
        with psycopg.connect(server, autocommit=True, connect_timeout=5) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME])
            if known.fetchone() is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(NAME)))
    except psycopg.OperationalError as error:
        raise NoPostgreSQLError(str(error)) from error
    return urlsplit(server)._replace(path=f"/{NAME}").geturl()


def environment(database_url: str, connection: str = "new") -> dict[str, str]:
    """Return the environment of a process that works on this database."""
    return {
        **os.environ,
        "BENCH_CONNECTION": connection,
        "DATABASE_URL": database_url,
        "DJANGO_SETTINGS_MODULE": "bench.settings",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(TESTPROJECT), os.getenv("PYTHONPATH")])),
    }


def load(database_url: str, rows: int) -> None:
    command = [sys.executable, "manage.py", "load_orders", str(rows)]
    subprocess.run(command, cwd=TESTPROJECT, env=environment(database_url), check=True)
