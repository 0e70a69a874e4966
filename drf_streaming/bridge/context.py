"""What a request has set for whoever works for it, for each later step of its stream."""

import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.urls import get_script_prefix, get_urlconf, set_script_prefix, set_urlconf
from django.utils import timezone, translation

P = ParamSpec("P")
T = TypeVar("T")


class RequestContext:
    """Keep the context variables of whoever made the response, for every later step.

    Django holds language, time zone, URLconf and script prefix in variables that asgiref binds
    to a thread, so they are set anew wherever the stream moves to another one.
    """

    def __init__(self) -> None:
        self.variables = copy_context()
        self._thread = threading.get_ident()
        self._language = translation.get_language()
        self._timezone = timezone.get_current_timezone()
        self._urlconf = get_urlconf()
        self._script_prefix = get_script_prefix()

    def run(self, step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call one step inside the context."""
        if self._thread != threading.get_ident():
            self.variables.run(self._follow)
        return self.variables.run(step, *args, **kwargs)

    def _follow(self) -> None:
        self._thread = threading.get_ident()
        # What is set takes up memory for as long as the stream is open, so it is only where the
        # default is not right.
        if translation.get_language() != self._language:
            _activate(self._language)
        if timezone.get_current_timezone() != self._timezone:
            timezone.activate(self._timezone)
        if (get_urlconf() or settings.ROOT_URLCONF) != self._urlconf:
            set_urlconf(self._urlconf)
        if get_script_prefix() != self._script_prefix:
            set_script_prefix(self._script_prefix)


def _activate(language: str | None) -> None:
    if language is None:
        translation.deactivate_all()
    else:
        translation.activate(language)
