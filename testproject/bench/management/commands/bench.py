import random
import re
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from tqdm import tqdm

from bench import chart, databases, equality, report
from bench.endpoints import Subject, subjects
from bench.measures import Measure, summarize
from bench.server import measure

# What takes longer, in seconds, is a mean over much already, and not measured again.
PATIENCE = 15


class Command(BaseCommand):
    help = "Measure this package side by side with what would be used in its place."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--rounds", type=int, default=3)
        parser.add_argument("--rows", type=int, default=100_000, help="for everybody")
        parser.add_argument(
            "--sizes",
            type=int,
            nargs="*",
            default=[100, 10_000, 1_000_000],
            help="rows of further lists, for some",
        )
        parser.add_argument(
            "--only",
            default="",
            metavar="REGEXP",
            help="measure what matches, of names such as postgresql/flat/columns/ndjson/100000/new",
        )
        parser.add_argument("--docs", action="store_true", help="put the results into docs/")

    def handle(self, *, rounds: int, rows: int, docs: bool, **options: Any) -> None:
        urls = self.databases()
        work = [
            subject
            for database in urls
            for subject in subjects(database, rows, options["sizes"])
            if re.search(options["only"], str(subject))
        ]
        self.prepare(work, urls)
        measures: list[Measure] = []
        # Ctrl-C ends it with what is measured by then.
        with suppress(KeyboardInterrupt):
            measures.extend(self.measure(work, urls, rounds))
        results = summarize(measures)
        tables = report.tables(results, rows)
        self.stdout.write(tables)
        root = Path(settings.BASE_DIR).parent
        directory = root / "docs" if docs else root / "testproject"
        report.write(measures, directory / "performance.json")
        chart.draw(results, rows, directory / "performance.svg")
        if docs:
            report.insert(tables, directory / "performance.md")
        self.stdout.write(f"Wrote performance.json and performance.svg into {directory}")

    def databases(self) -> dict[str, str]:
        urls = {"sqlite": databases.sqlite()}
        try:
            urls["postgresql"] = databases.postgresql()
        except databases.NoPostgreSQLError as error:
            self.stderr.write(f"No PostgreSQL, so only SQLite is measured: {error}")
        return urls

    def prepare(self, work: list[Subject], urls: dict[str, str]) -> None:
        """Fill the databases, and see that everybody gives the same rows."""
        equality.check_grades()
        for database, url in urls.items():
            subjects = [subject for subject in work if subject.database == database]
            if subjects:
                rows = max(subject.rows for subject in subjects)
                databases.load(url, rows)
                equality.check_rows({subject.endpoint for subject in subjects}, url, rows)
        self.stdout.write("Everybody gives the same rows.")

    def measure(self, work: list[Subject], urls: dict[str, str], rounds: int) -> Iterator[Measure]:
        """Measure everything once in each round, in another order each time."""
        chance = random.Random(rounds)
        with tqdm(total=rounds * len(work), unit=" measures") as bar:
            for _ in range(rounds):
                for subject in chance.sample(work, len(work)):
                    bar.set_description(str(subject))
                    measured = measure(subject, urls[subject.database])
                    yield measured
                    bar.update()
                    if measured.seconds > PATIENCE:
                        work.remove(subject)
