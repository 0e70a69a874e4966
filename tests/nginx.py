"""nginx as a process of its own, as whoever runs the tests."""

import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from programs import program
from servers import HOST, ROOT, Server, free_port

DEFAULT = "location / { proxy_pass http://127.0.0.1:8000; }"
READ_TIMEOUT = 2  # seconds

# What Debian's has beside it changes nothing here, save gzip.
CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/pid;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    gzip on;
    proxy_read_timeout {read_timeout}s;
    server {{
        listen {host}:{port};
        {location}
    }}
}}
"""


def documented() -> str:
    """Return the configuration that the docs give."""
    text = (ROOT / "docs" / "deployment.md").read_text()
    (found,) = re.findall(r"^```nginx\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return str(found)


LOCATIONS = {"default": DEFAULT, "documented": documented()}


@contextmanager
def nginx_before(server: Server, name: str, folder: Path) -> Iterator[str]:
    """Return the URL of an nginx that passes everything on to a server."""
    port = free_port()
    location = LOCATIONS[name].replace("127.0.0.1:8000", f"{HOST}:{server.port}")
    configuration = folder / "nginx.conf"
    configuration.write_text(
        CONFIGURATION.format(
            folder=folder, host=HOST, port=port, location=location, read_timeout=READ_TIMEOUT
        )
    )
    log = folder / "error.log"
    nginx = program("nginx")
    process = subprocess.Popen(
        [nginx, "-p", folder, "-e", log, "-c", configuration], stderr=subprocess.DEVNULL
    )
    try:
        _wait_for(port, process, log)
        yield f"http://{HOST}:{port}"
    finally:
        process.terminate()
        process.wait(timeout=10)


def _wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection((HOST, port)).close()
        except OSError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)
        else:
            return
