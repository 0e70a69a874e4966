"""The servers that the tests run on: how each is started, and in what it differs."""

from dataclasses import dataclass, field

ASGI = "streamtests.asgi:application"
WSGI = "streamtests.wsgi:application"
GUNICORN = ("gunicorn", WSGI, "--workers=1", "--graceful-timeout=5", "--bind={host}:{port}")
GRANIAN = ("granian", "--workers=1", "--host={host}", "--port={port}")


@dataclass(frozen=True)
class Kind:
    """How one server is started, and in what it differs from the others."""

    command: tuple[str, ...]
    asgi: bool = False
    concurrency: int = 50
    """How many streams it accepts and sends at once."""
    keeps_alive: bool = True
    """Whether a connection goes on after a stream."""
    cuts: bool = True
    """Whether a client can see that a response was broken off."""
    env: dict[str, str] = field(default_factory=dict)


UVICORN = ("-m", "uvicorn", ASGI, "--no-access-log", "--host={host}", "--port={port}")
GTHREAD = ("-m", *GUNICORN, "--worker-class=gthread", "--threads=8")

KINDS = {
    "uvicorn": Kind(UVICORN, asgi=True),
    # With the static files of the test project, as its demo serves them.
    "demo": Kind((*UVICORN[:2], "config.asgi:application", *UVICORN[3:]), asgi=True),
    "hypercorn": Kind(("-m", "hypercorn", ASGI, "--bind={host}:{port}"), asgi=True),
    "hypercorn-alone": Kind(
        ("-m", "hypercorn", ASGI, "--workers=0", "--bind={host}:{port}"), asgi=True
    ),
    "granian-asgi": Kind(("-m", *GRANIAN, "--interface=asgi", ASGI), asgi=True),
    # Granian ends a WSGI response cleanly even where its iterator raised. A request that comes as
    # an idle thread ends waits for the next one, so let none end: 600 seconds are the most.
    "granian-wsgi": Kind(
        (
            *("-m", *GRANIAN, "--interface=wsgi"),
            *("--blocking-threads=8", "--blocking-threads-idle-timeout=600", WSGI),
        ),
        concurrency=8,
        cuts=False,
    ),
    "gunicorn-sync": Kind(("-m", *GUNICORN), concurrency=1, keeps_alive=False),
    "gunicorn-gthread": Kind(GTHREAD, concurrency=8),
    # Django's own server has no chunked encoding: the end of the connection is that of the body.
    "runserver": Kind(
        ("testproject/manage.py", "runserver", "--noreload", "{host}:{port}"),
        concurrency=8,
        keeps_alive=False,
        cuts=False,
    ),
    "uvicorn-pool": Kind(UVICORN, asgi=True, env={"STREAMTESTS_POOL": "4"}),
    "uvicorn-gzip": Kind(UVICORN, asgi=True, env={"STREAMTESTS_GZIP": "1"}),
    "gunicorn-gzip": Kind(GTHREAD, env={"STREAMTESTS_GZIP": "1"}),
    "uvicorn-sync-middleware": Kind(
        UVICORN, asgi=True, env={"STREAMTESTS_CONTEXT": "streamtests.middleware.sync_context"}
    ),
}
# Daphne isn't among them: it leaves the client of a response that was broken off hanging.
