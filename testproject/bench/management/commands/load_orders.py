from argparse import ArgumentParser
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from bench import data
from bench.models import Order


class Command(BaseCommand):
    help = "Make the tables of the benchmark and fill them, unless enough orders are there already."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("rows", type=int)

    def handle(self, *args: Any, rows: int, **options: Any) -> None:
        call_command("migrate", run_syncdb=True, verbosity=0)
        if Order.objects.count() < rows:
            data.load(rows)
        data.index()
        data.tidy()
