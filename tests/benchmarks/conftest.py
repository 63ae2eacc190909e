"""A service to measure."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.benchmarks.measuring import Served, free_port, wait_until_ready


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """serve(folder=…, **environment) starts `throughline serve` on a free loopback port."""
    running = []

    def start(folder: Path = tmp_path, **environment: str) -> Served:
        command = str(Path(sys.executable).with_name("throughline"))
        port = free_port()
        env = {
            **os.environ,
            "THROUGHLINE_DATA_DIR": str(folder),
            "THROUGHLINE_PORT": str(port),
            **environment,
        }
        subprocess.run([command, "migrate"], env=env, check=True, stderr=subprocess.DEVNULL)
        words = [command, "keys", "create", "--name", "bench"]
        for scope in ("collect", "facts", "read", "people", "admin"):
            words += ["--scope", scope]
        key = (
            subprocess.run(words, env=env, check=True, capture_output=True).stdout.decode().strip()
        )
        process = subprocess.Popen([command, "serve"], env=env, stderr=subprocess.DEVNULL)
        running.append(process)
        served = Served(f"http://127.0.0.1:{port}", key, process)
        wait_until_ready(served)
        return served

    yield start
    for process in running:
        process.terminate()
        process.wait(30)
