import socket
from argparse import ArgumentParser
from typing import Any

import uvicorn
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

INTRODUCTION = """
Stream all flights, in each format:

  curl -N '{site}/flights/?stream=ndjson'
  curl -N '{site}/flights/?stream=json'
  curl -N '{site}/flights/?stream=sse'
  curl -N '{site}/flights/?stream=csv'
  curl -N '{site}/flights/?stream=json-seq'

Only those from JFK that left two hours late or more, in order of time:

  curl -N '{site}/flights/?stream=ndjson&origin=JFK&min_delay=120&ordering=scheduled_departure'

Watch them arrive in a browser, and look around:

  {site}/live/
  {site}/

Read what the API is, formats of streams included:

  {site}/schema/swagger/
  {site}/schema/redoc/

Ctrl-C stops the server.
"""


def check_port_is_free(host: str, port: int) -> None:
    try:
        socket.create_server((host, port)).close()
    except (OSError, OverflowError) as error:
        raise CommandError(
            f"Cannot serve on {host}:{port} (--port and --host choose another): {error}"
        ) from error


class Command(BaseCommand):
    help = "Prepare the database, load the flights, and serve them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *args: Any, host: str, port: int, **options: Any) -> None:
        check_port_is_free(host, port)
        try:
            call_command("migrate", verbosity=0)
            call_command("load_flights")
            self.stdout.write(INTRODUCTION.format(site=f"http://{host}:{port}"))
            uvicorn.run(
                "config.asgi:application",
                host=host,
                port=port,
                lifespan="off",
                timeout_graceful_shutdown=3,
            )
        except KeyboardInterrupt:
            self.stdout.write("Stopped.")
