"""A service of its own for the commands in the documents, in a process as a reader would run it."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import pytest

from tests.docs.pages import ROOT

WAIT_SECONDS = 300


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serving(folder: Path) -> Iterator[dict[str, str]]:
    """Run `throughline serve` in a folder; gives the environment of somebody who reads beside it."""
    port = _free_port()
    environment = {
        # The commands of the documents are those of this very installation.
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(folder),
        "THROUGHLINE_DATA_DIR": str(folder / "data"),
        "THROUGHLINE_PORT": str(port),
        "THROUGHLINE_URL": f"http://127.0.0.1:{port}",
        "THROUGHLINE_MART_MEMORY": "512MB",
        "THROUGHLINE_MART_THREADS": "1",
    }
    with (folder / "log").open("wb") as log:
        service = subprocess.Popen(
            ["throughline", "serve"], env=environment, cwd=folder, stdout=log, stderr=log
        )
    try:
        wait_until(environment["THROUGHLINE_URL"], lambda _: True, service)
        yield environment
    finally:
        service.terminate()
        service.wait(30)


@pytest.fixture(scope="session")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A reader of pages whose facts lie in years of their own and have ids of their own."""
    with serving(tmp_path_factory.mktemp("documents")) as environment:
        yield environment


@pytest.fixture
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A reader who has done nothing yet."""
    with serving(tmp_path_factory.mktemp("newcomer")) as environment:
        yield environment


def wait_until(
    url: str,
    holds: Callable[[dict[str, Any]], bool],
    service: "subprocess.Popen[bytes] | None" = None,
) -> None:
    """Return once the service is ready and its state as wanted; fails where it ended or takes long."""
    until = monotonic() + WAIT_SECONDS
    while monotonic() < until and (service is None or service.poll() is None):
        try:
            answer = httpx.get(f"{url}/readyz", timeout=10)
        except httpx.TransportError:
            continue
        if answer.status_code == 200 and holds(answer.json()):
            return
    pytest.fail(f"the service at {url} did not become ready")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A working folder in which the documents' relative paths lead to the documents."""
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    return tmp_path
