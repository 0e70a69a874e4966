"""`python -m drf_streaming URL`: write a streamed list to a file, whole or not at all."""

import argparse
import os
import shutil
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

try:
    import httpx
    from tqdm import tqdm
    from tqdm.contrib.logging import logging_redirect_tqdm

    from drf_streaming.client import Export, Incomplete, Refused
except ModuleNotFoundError as missing:
    sys.stderr.write(f"{missing}; to install it: pip install 'drf-streaming[client]'\n")
    sys.exit(2)


def main(arguments: Sequence[str] | None = None) -> int:
    """Export the list that the arguments name, and return the exit code."""
    parser = argparse.ArgumentParser("python -m drf_streaming", fromfile_prefix_chars="@")
    add = parser.add_argument
    add("url", help="a list that can be had as NDJSON or as server-sent events")
    add("-o", "--output", type=Path, help="the file to write (default: standard output)")
    add("-H", "--header", type=header, action="append", help="'Name: value'; can be repeated")
    add("--timeout", type=float, default=60, help="silence that is a cut, in seconds (60)")
    add("--attempts", type=int, default=10, help="in a row that may bring nothing new (10)")
    options = parser.parse_args(arguments)
    try:
        with (
            logging_redirect_tqdm(),
            httpx.Client(headers=options.header, timeout=options.timeout) as client,
            _output(options.output) as file,
            # None: a bar on a terminal only; but not among the rows.
            tqdm(disable=file.isatty() or None, unit=" rows", unit_scale=True) as bar,
        ):
            export = Export(client, options.url, attempts=options.attempts)
            for record in export:
                file.write(record + b"\n")
                bar.total = export.total
                bar.update()
    except KeyboardInterrupt:
        return 130
    except (Refused, Incomplete, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return {Refused: 3, Incomplete: 4}.get(type(error), 1)
    return 0


@contextmanager
def _output(path: Path | None) -> Iterator[BinaryIO]:
    """Open what is written to; a file gets its name when all of it is there."""
    if path is None:
        with os.fdopen(sys.stdout.fileno(), "wb", closefd=False) as file:
            return (yield file)
    path = path.resolve()
    if path.exists() and not path.is_file():
        raise OSError(f"Not a regular file: {path}")
    partial = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        with partial.open("xb") as file:
            if path.exists():
                shutil.copymode(path, partial)
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def header(text: str) -> tuple[bytes, bytes]:
    """Read one header; argparse names this function in its message."""
    name, value = text.encode("ascii").split(b":", 1)
    return name, value.strip()


if __name__ == "__main__":
    # Whoever stops a script with SIGTERM wants no half file either.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
