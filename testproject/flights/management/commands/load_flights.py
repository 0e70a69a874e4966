from argparse import ArgumentParser, ArgumentTypeError
from time import monotonic
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from flights import loading
from flights.models import Flight


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


class Command(BaseCommand):
    help = (
        "Load the 336,776 flights that left New York City in 2013, with their airlines, "
        "airports, planes and weather."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--rows",
            type=positive,
            default=loading.FLIGHTS,
            help="load only so many flights, evenly spread over the year",
        )
        parser.add_argument(
            "--reload", action="store_true", help="replace the flights that are loaded already"
        )

    def handle(self, *args: Any, rows: int, reload: bool, **options: Any) -> None:
        loaded = Flight.objects.count()
        if loaded and not reload:
            self.stdout.write(f"{loaded:,} flights are loaded already (--reload replaces them).")
            return
        start = monotonic()
        try:
            loaded = loading.load(rows, progress=True)
        except loading.DataNotInstalledError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Loaded {loaded:,} flights in {monotonic() - start:.1f} s.")
