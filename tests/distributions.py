"""Check what a directory of distributions holds, and unpack the sdist beside it.

python tests/distributions.py DIRECTORY
"""

import re
import sys
import tarfile
import zipfile
from email.parser import BytesParser
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NEEDED = ["LICENSE", "README.md", "docs", "drf_streaming", "pyproject.toml", "testproject", "tests"]


def check(directory: Path) -> None:
    (wheel,) = directory.glob("*.whl")
    (sdist,) = directory.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (metadata,) = (archive.read(each) for each in names if each.endswith("/METADATA"))
    package = {name for name in names if not re.match(r"[^/]+\.dist-info/", name)}
    assert package == sources(), package ^ sources()
    assert [name for name in names if name.endswith("/licenses/LICENSE")]
    # A page of an index shows the README, where links into the repository lead nowhere.
    description = str(BytesParser().parsebytes(metadata).get_payload())
    assert re.findall(r"\]\((?!https?:)", description) == []

    with tarfile.open(sdist) as archive:
        archive.extractall(directory, filter="data")
    (unpacked,) = (path for path in directory.iterdir() if path.is_dir())
    unpacked = unpacked.rename(directory.parent / "sdist")
    assert [name for name in NEEDED if not (unpacked / name).exists()] == []


def sources() -> set[str]:
    """Return the files of the package in this tree."""
    files = (path for path in (ROOT / "drf_streaming").rglob("*") if path.is_file())
    return {str(path.relative_to(ROOT)) for path in files if path.suffix != ".pyc"}


check(Path(sys.argv[1]))
