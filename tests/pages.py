"""The pages of the documentation, as others see them: blocks, commands, tables."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
SITE = "http://127.0.0.1:8000"

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


def blocks(page: Path, language: str) -> Iterator[tuple[int, str, str]]:
    """Yield the number of lines above each fenced block, the block, and what its fence says."""
    text = page.read_text()
    fence = re.compile(rf"^```{language}( [^\n]*)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    for match in re.finditer(fence, text):
        yield text[: match.start(2)].count("\n"), match[2], match[1] or ""


def languages(page: Path) -> list[str]:
    return re.findall(r"^ *```([^`\n]*)\n.*?^ *```$", page.read_text(), re.MULTILINE | re.DOTALL)


def transcripts(page: Path) -> Iterator[tuple[str, str]]:
    """Yield each command of the console with what it printed."""
    for _, text, _ in blocks(page, "console"):
        for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            yield command, output


def all_commands(start: str) -> list[tuple[str, str]]:
    """Return the commands of all pages that start so, each with what it printed."""
    return [
        (command, output)
        for page in PAGES
        for command, output in transcripts(page)
        if command.startswith(start)
    ]


def without_blocks(page: Path) -> str:
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def first_column(page: Path, pattern: str) -> list[str]:
    """Return what is in code in the first cell of the rows of tables, where it is like this."""
    return re.findall(rf"^\| `({pattern})` \|", without_blocks(page), re.MULTILINE)
