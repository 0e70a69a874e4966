"""`manage.py explain_stream`: how lists are streamed, and what would make them faster."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.utils.module_loading import import_string

from drf_streaming.checks.urls import streaming_views
from drf_streaming.explain import explain
from drf_streaming.mixins import StreamingListMixin


class Command(BaseCommand):
    """Print for each field of a list where a stream takes it from, and why it is not faster."""

    help = "Tell for each field of a list where its stream takes it from, and how to be faster."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the views as dotted paths."""
        parser.add_argument(
            "views",
            nargs="*",
            metavar="app.views.ViewSet",
            help="Views with StreamingListMixin; without one, all that the URLconf has.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Print what was found about each view."""
        views = [*map(_view, options["views"])] or [*streaming_views()]
        if not views:
            raise CommandError("The URLconf has no view with StreamingListMixin.")
        self.stdout.write("\n\n".join(map(_explained, views)))


def _view(path: str) -> type[StreamingListMixin]:
    try:
        found = import_string(path)
    except ImportError as error:
        raise CommandError(f"{path} cannot be imported: {error}.") from error
    if not (isinstance(found, type) and issubclass(found, StreamingListMixin)):
        raise CommandError(f"{path} is no class with StreamingListMixin.")
    return found


def _explained(view: type[StreamingListMixin]) -> str:
    name = f"{view.__module__}.{view.__qualname__}"
    try:
        return explain(view)
    except ImproperlyConfigured as error:
        return f"{name}: wrongly configured: {error}"
    except Exception as error:
        # A view may need what only its own requests have.
        return f"{name}: not known without a real request ({type(error).__name__}: {error})"
