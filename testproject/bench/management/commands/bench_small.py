from argparse import ArgumentParser
from collections.abc import Mapping
from contextlib import ExitStack
from statistics import median
from typing import Any, NamedTuple

from django.core.management.base import BaseCommand
from tqdm import tqdm

from bench import databases
from bench.client import fetch
from bench.endpoints import CASES, Endpoint
from bench.server import Server

LIST = "DRF's own list"
FORMATS = {LIST: ("list", "json"), "NDJSON": ("columns", "ndjson"), "JSON": ("columns", "json")}
WARM_UP = 200
ROW = "| {} | {} | {} | {} |"


class Figures(NamedTuple):
    milliseconds: float
    cpu: float


class Command(BaseCommand):
    help = (
        "Measure lists of a few rows beside DRF's own: each is asked of a server of its own, "
        "with a kept connection, in turns of many requests."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--rows", type=int, default=20)
        parser.add_argument("--rounds", type=int, default=12)
        parser.add_argument("--requests", type=int, default=150, help="of each in a round")

    def handle(self, *, rows: int, rounds: int, requests: int, **options: Any) -> None:
        urls = {"PostgreSQL": databases.postgresql(), "SQLite": databases.sqlite()}
        self.stdout.write(ROW.format("", *FORMATS))
        self.stdout.write(ROW.format("---", *["---:"] * len(FORMATS)))
        for database, url in urls.items():
            databases.load(url, 10_000)
            for case, label in CASES.items():
                figures = measure(url, case, rows, rounds, requests)
                cells = [cell(each, figures[LIST]) for each in figures.values()]
                self.stdout.write(ROW.format(f"{database}, {label}", *cells))


def measure(url: str, case: str, rows: int, rounds: int, requests: int) -> Mapping[str, Figures]:
    """Return the medians over all rounds of what an answer took, and what CPU, in milliseconds."""
    taken: dict[str, list[Figures]] = {name: [] for name in FORMATS}
    paths = {name: Endpoint(peer, case, form).path(rows) for name, (peer, form) in FORMATS.items()}
    with ExitStack() as servers:
        serving = {name: servers.enter_context(Server("", url, "kept")) for name in FORMATS}
        for name, server in serving.items():
            for _ in range(WARM_UP):
                fetch(server.port, paths[name])
        for _ in tqdm(range(rounds), desc=case):
            for name, server in serving.items():
                cpu = server.cpu
                seconds = [fetch(server.port, paths[name]).seconds for _ in range(requests)]
                each = (server.cpu - cpu) / requests
                taken[name].append(Figures(median(seconds) * 1e3, each * 1e3))
    return {name: Figures(*map(median, zip(*found, strict=True))) for name, found in taken.items()}


def cell(figures: Figures, to: Figures) -> str:
    found = f"{figures.milliseconds:.2f} ms, CPU {figures.cpu:.2f} ms"
    if figures is to:
        return found
    return f"{found} ({figures.milliseconds / to.milliseconds:.2f}, {figures.cpu / to.cpu:.2f})"
