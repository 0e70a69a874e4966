"""Whatever is public has its place in the documentation, and nothing else has."""

import re
from collections.abc import Iterable
from importlib import import_module
from inspect import getmembers, isclass, isfunction, signature
from pathlib import Path
from typing import Any

import pytest
from django.utils.module_loading import import_string

import drf_streaming
from drf_streaming import checks, renderers, responses
from drf_streaming.decorators import sse_stream
from drf_streaming.mixins import StreamingListMixin
from drf_streaming.settings import DEFAULTS
from pages import DOCS, PAGES, first_column, without_blocks

PACKAGE = Path(drf_streaming.__file__).parent
# The modules that users import from.
PUBLIC = [
    "client",
    "decorators",
    "events",
    "exceptions",
    "explain",
    "framing",
    "generics",
    "mixins",
    "renderers",
    "responses",
    "test",
    "throttling",
    "viewsets",
]
SETTINGS, FORMATS = DOCS / "settings.md", DOCS / "formats.md"
HOW_IT_WORKS = DOCS / "how-it-works.md"


def public(module_name: str) -> list[str]:
    module = import_module(f"drf_streaming.{module_name}")
    return [
        name
        for name, found in getmembers(module, lambda each: isclass(each) or isfunction(each))
        if found.__module__ == module.__name__ and not name.startswith("_")
    ]


def in_code(name: str, pages: Iterable[Path]) -> bool:
    """Tell whether a name stands in code, between words, on one of the pages."""
    code = re.compile(rf"`[^`\n]*(?<![\w-]){re.escape(name)}(?![\w-])[^`\n]*`")
    return any(code.search(without_blocks(page)) for page in pages)


def check_ids() -> set[str]:
    files = Path(checks.__file__).parent.glob("*.py")
    return set(re.findall(r"drf_streaming\.[EW]\d{3}", "".join(map(Path.read_text, files))))


def test_the_table_of_settings_has_each_and_no_other():
    assert first_column(SETTINGS, "[A-Z_]+") == [*DEFAULTS]


def test_the_table_of_checks_has_each_and_no_other():
    assert first_column(SETTINGS, r"drf_streaming\.[EW]\d+") == sorted(check_ids())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_pages_name_no_check_that_is_not_there(page: Path):
    assert {*re.findall(r"drf_streaming\.[EW]\d{3}", page.read_text())} <= check_ids()


@pytest.mark.parametrize("path", DEFAULTS["RENDERER_CLASSES"])
def test_formats_are_on_their_page(path: str):
    renderer = import_string(path)
    for name in (renderer.__name__, renderer.format, renderer.media_type, *renderer.aliases):
        assert in_code(name, [FORMATS]), name


def test_every_renderer_is_a_format_that_a_project_has():
    found = {
        f"{name}.{each}" for name in ["drf_streaming.renderers"] for each in public("renderers")
    }
    assert found == {*DEFAULTS["RENDERER_CLASSES"], "drf_streaming.renderers.BaseStreamingRenderer"}


@pytest.mark.parametrize("name", [n for n in vars(StreamingListMixin) if "stream" in n])
def test_attributes_and_methods_of_the_mixin_are_among_the_settings(name: str):
    assert name.startswith("_") or in_code(name, [SETTINGS])


@pytest.mark.parametrize(
    "name", [n for n in vars(renderers.BaseStreamingRenderer) if not n.startswith("_")]
)
def test_attributes_and_methods_of_a_renderer_are_among_the_settings(name: str):
    assert in_code(name, [SETTINGS])


@pytest.mark.parametrize("module", PUBLIC)
def test_public_names_are_on_some_page(module: str):
    assert [name for name in public(module) if not in_code(name, PAGES)] == []


def options() -> set[str]:
    taken: list[Any] = [sse_stream, *(getattr(responses, name) for name in public("responses"))]
    parameters = [each for one in taken for each in signature(one).parameters.values()]
    return {each.name for each in parameters if each.kind is each.KEYWORD_ONLY}


@pytest.mark.parametrize("name", sorted(options()))
def test_arguments_are_on_the_pages_of_responses_and_events(name: str):
    assert in_code(name, [DOCS / "responses.md", DOCS / "events.md"])


@pytest.mark.parametrize(
    "command", [each.stem for each in PACKAGE.glob("management/commands/[a-z]*.py")]
)
def test_commands_are_on_some_page(command: str):
    assert any(f"python manage.py {command}" in page.read_text() for page in PAGES)


def files() -> list[str]:
    return sorted(
        f"{each.name}/" if each.is_dir() else each.name
        for each in PACKAGE.iterdir()
        if each.suffix == ".py" or (each / "__init__.py").exists()
    )


@pytest.mark.parametrize("name", files())
def test_every_file_is_in_the_story_of_how_it_works(name: str):
    assert name in ("__init__.py", "management/") or in_code(name, [HOW_IT_WORKS])


@pytest.mark.parametrize("name", re.findall(r"`([\w/]+\.py|\w+/)`", HOW_IT_WORKS.read_text()))
def test_the_story_of_how_it_works_names_files_that_are_there(name: str):
    assert any(PACKAGE.rglob(name.rstrip("/")))
