"""What the pages say is so: their Python runs, curl shows what they show, their links lead on."""

import re
import shlex
import tomllib
import unittest
from http import HTTPStatus
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import pytest
from django.core.checks import run_checks
from django.db import connection
from django.urls import include, path
from rest_framework.test import APIClient

from drf_streaming.explain import explain
from drf_streaming.settings import DEFAULTS
from pages import (
    DOCS,
    ROOT,
    SITE,
    blocks,
    every_page,
    languages,
    transcripts,
    without_blocks,
)

CUT = "curl: (18) transfer closed with outstanding read data remaining\n"


def run(page: Path, settings: Any) -> ModuleType:
    """Run the Python of a page as one module, which is also the URLconf.

    A page without `urlpatterns` has those of the test project.
    """
    module = ModuleType(f"docs_{page.stem}")
    module.urlpatterns = [path("", include("config.urls"))]  # type: ignore[attr-defined]
    settings.ROOT_URLCONF = module
    for line, source, title in blocks(page, "python"):
        # A traceback names the line of the page.
        code = compile("\n" * line + source, page, "exec")
        if "before" in title:
            vars(module).update(defined_by(code))
        else:
            exec(code, module.__dict__)
    return module


def defined_by(code: CodeType) -> dict[str, Any]:
    """Run what stands beside its successor, which takes other things by the same names."""
    module = ModuleType("before")
    exec(code, module.__dict__)
    return {
        name: each
        for name, each in vars(module).items()
        if getattr(each, "__module__", "") == module.__name__
    }


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
            found = explain(view).replace(module.__name__, "flights.views")
            assert without_source(found) == without_source(shown.rstrip("\n"))
        if command.startswith("curl"):
            printed = without_other_headers(as_curl_prints(command), shown)
            assert printed.rstrip("\n") == with_sorted_headers(shown).rstrip("\n"), command


def without_source(explained: str) -> str:
    """Leave out what MySQL does otherwise than the databases that the pages are about."""
    if connection.vendor != "mysql":
        return explained
    return re.sub(r"^  read .*\n", "", explained, flags=re.MULTILINE)


@pytest.mark.django_db(databases="__all__")
def test_the_settings_are_shown_with_their_defaults(settings: Any):
    assert run(DOCS / "settings.md", settings).DRF_STREAMING == DEFAULTS


@every_page
def test_links_lead_somewhere(page: Path):
    text = without_blocks(page)
    for target, _, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(#([^)]*))?\)", text):
        linked = (page.parent / target) if target else page
        assert linked.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", linked.read_text(), re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in headings}
            assert anchor in slugs, f"{target}#{anchor}"


# nginx is run by test_nginx.py, JavaScript and what isn't curl by test_docs_programs.py.
LANGUAGES = {"console", "http", "js", "nginx", "python"}
COMMANDS = re.compile(
    rf"curl .*{SITE}.*|python manage\.py explain_stream .*|python -m drf_streaming .*"
    r"|(\w+=\S+ )*python -m tox run.*|python -m (pip install|mkdocs) .*"
    r"|(uvicorn|hypercorn|granian|gunicorn|daphne) .*"
)


@every_page
def test_something_runs_every_block(page: Path):
    assert {each.partition(" ")[0] for each in languages(page)} <= LANGUAGES
    assert [command for command, _ in transcripts(page) if not COMMANDS.fullmatch(command)] == []
    assert page.name == "deployment.md" or not list(blocks(page, "nginx"))


@pytest.mark.django_db
@every_page
def test_requests_get_the_stream_that_they_ask_for(page: Path, settings: Any):
    settings.ROOT_URLCONF = "config.urls"
    for _, text, _ in blocks(page, "http"):
        for request in text.splitlines():
            method, url, *header = request.split(maxsplit=2)
            headers = dict(each.split(": ", 1) for each in header)
            response = APIClient().generic(method, url, headers=headers)
            b"".join(response)
            assert response.headers["Content-Type"] == "application/x-ndjson"


@every_page
def test_what_is_to_be_run_is_there(page: Path):
    text = page.read_text()
    for file in re.findall(r"\b(?:tests|testproject|docs)/[\w/]+\.\w+", text):
        assert (ROOT / file).exists(), file
    tox = (ROOT / "tox.ini").read_text()
    environments = {*re.findall(r"^\[testenv:(.*)\]", tox, re.MULTILINE)}
    for found in re.findall(r"\btox run -e ([\w,-]+)", text):
        for name in found.split(","):
            assert name in environments or re.fullmatch(r"py31[123]-django(52|60|61)", name), name
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    for extra in re.findall(r"pip install '\.\[(.*)\]'", text):
        assert extra in project["project"]["optional-dependencies"]
    bench = (ROOT / "testproject/bench/management/commands/bench.py").read_text()
    for arguments in re.findall(r"tox run -e bench -- (.*)", text):
        for option in re.findall(r"--[a-z]+", arguments):
            assert f'"{option}"' in bench
