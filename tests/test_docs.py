"""What the documentation says is so: its Python runs, its curl shows what is sent, nothing public
is left out."""

import re
import shlex
import unittest
from collections.abc import Iterator
from http import HTTPStatus
from importlib import import_module
from inspect import getmembers, isclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.core.checks import run_checks
from django.urls import include, path
from django.utils.module_loading import import_string
from rest_framework.test import APIClient

from drf_streaming import checks
from drf_streaming.explain import explain
from drf_streaming.mixins import StreamingListMixin
from drf_streaming.settings import DEFAULTS

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PUBLIC = [
    "events",
    "exceptions",
    "framing",
    "generics",
    "mixins",
    "renderers",
    "responses",
    "test",
    "viewsets",
]
SITE = "http://127.0.0.1:8000"
CUT = "curl: (18) transfer closed with outstanding read data remaining\n"

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


def blocks(page: Path, language: str) -> Iterator[tuple[int, str]]:
    """Yield each fenced block with the number of lines above it."""
    text = page.read_text()
    for match in re.finditer(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        yield text[: match.start(1)].count("\n"), match[1]


def run(page: Path, settings: Any) -> ModuleType:
    """Run the Python of a page as one module, which is also the URLconf.

    A page without `urlpatterns` has those of the test project.
    """
    module = ModuleType(f"docs_{page.stem}")
    module.urlpatterns = [path("", include("config.urls"))]  # type: ignore[attr-defined]
    settings.ROOT_URLCONF = module
    for line, source in blocks(page, "python"):
        # A traceback names the line of the page.
        exec(compile("\n" * line + source, page, "exec"), module.__dict__)
    return module


def transcripts(page: Path) -> Iterator[tuple[str, str]]:
    """Yield each command of the console with what it printed."""
    for _, text in blocks(page, "console"):
        for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            yield command, output


def as_curl_prints(command: str) -> str:
    """Return what a curl command of a page prints, without the headers that the server adds."""
    curl, _, pipe = command.partition(" | ")
    options = shlex.split(curl)[1:]
    (url,) = [each for each in options if each.startswith(SITE)]
    given = [options[n + 1].split(": ", 1) for n, each in enumerate(options) if each == "-H"]
    ask = APIClient().head if "-I" in options else APIClient().get
    response: Any = ask(url.removeprefix(SITE), headers=dict(given))
    parts: list[bytes] = []
    end = ""
    try:
        parts.extend(response)
    except Exception:
        end = CUT
    body = b"".join(parts).decode()
    if pipe == "cat -v":
        body = body.replace("\x1e", "^^").replace("\r", "^M")
    head = ""
    if {"-i", "-I"} & set(options):
        status = HTTPStatus(response.status_code)
        head = f"HTTP/1.1 {status.value} {status.phrase}\n"
        head += "".join(f"{name}: {value}\n" for name, value in response.headers.items()) + "\n"
    return head + body.replace("\r\n", "\n") + end


def without_other_headers(printed: str, shown: str) -> str:
    """Leave out the headers that a page does not show."""
    if not shown.startswith("HTTP/"):
        return printed
    head, _, body = printed.partition("\n\n")
    lines = [line for line in head.splitlines() if line in shown.splitlines()]
    return "\n".join(sorted(lines)) + "\n\n" + body


def with_sorted_headers(shown: str) -> str:
    if not shown.startswith("HTTP/"):
        return shown
    head, _, body = shown.partition("\n\n")
    return "\n".join(sorted(head.splitlines())) + "\n\n" + body


@pytest.mark.django_db(databases="__all__")
@every_page
def test_a_page_runs_and_prints_what_it_shows(page: Path, settings: Any):
    module = run(page, settings)
    assert run_checks() == []
    result = unittest.defaultTestLoader.loadTestsFromModule(module).run(unittest.TestResult())
    assert (result.errors, result.failures) == ([], [])
    settings.ROOT_URLCONF = (*module.urlpatterns, path("", include("config.urls")))
    for command, shown in transcripts(page):
        if command.startswith("python manage.py explain_stream "):
            view = getattr(module, command.rpartition(".")[2])
            assert explain(view).replace(module.__name__, "flights.views") == shown.rstrip("\n")
        if command.startswith("curl") and SITE in command:
            printed = without_other_headers(as_curl_prints(command), shown)
            assert printed.rstrip("\n") == with_sorted_headers(shown).rstrip("\n"), command


@pytest.mark.django_db(databases="__all__")
def test_the_settings_are_shown_with_their_defaults(settings: Any):
    assert run(ROOT / "docs" / "settings.md", settings).DRF_STREAMING == DEFAULTS


def public_classes() -> set[str]:
    modules = [import_module(f"drf_streaming.{name}") for name in PUBLIC]
    return {
        name
        for module in modules
        for name, found in getmembers(module, isclass)
        if found.__module__ == module.__name__ and not name.startswith("_")
    }


def names() -> list[str]:
    formats = [import_string(each).format for each in DEFAULTS["RENDERER_CLASSES"]]
    media_types = [import_string(each).media_type for each in DEFAULTS["RENDERER_CLASSES"]]
    check_ids = re.findall(r"drf_streaming\.[EW]\d{3}", Path(checks.__file__).read_text())
    of_views = [
        name for name in vars(StreamingListMixin) if not name.startswith("_") and "stream" in name
    ]
    return sorted({*DEFAULTS, *formats, *media_types, *check_ids, *of_views, *public_classes()})


@pytest.mark.parametrize("name", names())
def test_nothing_public_is_left_out(name: str):
    text = "\n".join(page.read_text() for page in PAGES)
    assert re.search(rf"`[^`\n]*{re.escape(name)}\b[^`\n]*`", text)


@every_page
def test_links_lead_somewhere(page: Path):
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for target, _, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(#([^)]*))?\)", text):
        linked = (page.parent / target) if target else page
        assert linked.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", linked.read_text(), re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in headings}
            assert anchor in slugs, f"{target}#{anchor}"
