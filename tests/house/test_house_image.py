"""The container image: pinned, small in rights, watched, and built from the locks alone."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

ROOT = Path(__file__).parents[2]


def _statements() -> list[tuple[str, str]]:
    """(instruction, rest) of the Dockerfile, comments dropped and continued lines joined."""
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    text = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", "", text)
    return [
        (word.upper(), rest) for word, rest in re.findall(r"^(\w+)\s+(.*?)\s*$", joined, flags=re.M)
    ]


def _final_stage() -> dict[str, list[str]]:
    """What the shipped stage says, by instruction."""
    stages: list[dict[str, list[str]]] = []
    for word, rest in _statements():
        if word == "FROM":
            stages.append({})
        stages[-1].setdefault(word, []).append(rest)
    return stages[-1]


def _health_command() -> list[str]:
    (check,) = _final_stage()["HEALTHCHECK"]
    command: list[str] = json.loads(check.partition(" CMD ")[2])
    return command


def test_every_base_is_pinned_to_a_release() -> None:
    bases = [rest.split(" AS ")[0] for word, rest in _statements() if word == "FROM"]
    assert len(bases) == 2
    assert len(set(bases)) == 1, "the environment is copied between stages: one Python for both"
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", bases[0])


def test_the_service_is_not_root_and_starts_without_a_shell() -> None:
    stage = _final_stage()
    assert stage["USER"] == ["10001:10001"]
    assert json.loads(stage["ENTRYPOINT"][0]) == ["throughline"]
    assert json.loads(stage["CMD"][0]) == ["serve"]
    assert "--uid 10001" in stage["RUN"][0]
    words = [word for word, _ in _statements()]
    assert words.index("USER") > max(i for i, word in enumerate(words) if word in {"RUN", "COPY"})


def test_data_lives_in_one_volume() -> None:
    stage = _final_stage()
    assert json.loads(stage["VOLUME"][0]) == ["/data"]
    settings = dict(pair.split("=", 1) for rest in stage["ENV"] for pair in rest.split())
    assert settings["THROUGHLINE_DATA_DIR"] == "/data"
    assert settings["THROUGHLINE_HOST"] == "0.0.0.0"
    assert stage["EXPOSE"] == [settings["THROUGHLINE_PORT"]]
    assert re.search(r"install .*--owner 10001 .*/data", stage["RUN"][0])


def test_only_locked_packages_are_installed() -> None:
    installs = [
        part
        for word, rest in _statements()
        if word == "RUN"
        for part in rest.split("&&")
        if re.search(r"pip (install|wheel|download)", part)
    ]
    assert len(installs) == 4
    for part in installs:
        assert re.search(r"--require-hashes|--no-index|--no-build-isolation", part), part
    assert "--no-deps" in installs[2]
    assert "--no-deps" in installs[3]


def test_no_secret_and_no_download_is_in_the_image() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert not re.search(r"\b(curl|wget|ADD|git clone|apt-get)\b", text)
    assert not re.search(r"(?i)(password|secret|token)\s*=", text)
    assert not [rest for word, rest in _statements() if word == "ARG"]


def test_all_that_is_copied_exists_and_nothing_else_is_sent() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*", "what is not named stays out"
    kept = {line[1:] for line in rules if line.startswith("!")}
    copied = {
        name
        for word, rest in _statements()
        if word == "COPY" and "--from" not in rest
        for name in rest.split()[:-1]
    }
    assert copied == kept
    assert {name for name in copied if not (ROOT / name).exists()} == set()
    left_out = [line for line in rules[1:] if not line.startswith("!")]
    assert any(fnmatch("service/kit/__pycache__", line) for line in left_out)


class _Answer(BaseHTTPRequestHandler):
    status = 200
    paths: list[str] = []

    def do_GET(self) -> None:
        self.paths.append(self.path)
        self.send_response(self.status)
        self.end_headers()

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Say nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    """Of a service that answers with `_Answer.status`, and remembers what it was asked."""
    _Answer.paths = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answer)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False), (404, False)])
def test_health_is_what_readyz_says(
    port: int, status: int, healthy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Answer, "status", status)
    command = _health_command()
    assert command[0] == "python"
    done = subprocess.run(
        [sys.executable, *command[1:]],
        env={"PATH": os.environ["PATH"], "THROUGHLINE_PORT": str(port)},
        capture_output=True,
        check=False,
    )
    assert (done.returncode == 0) is healthy
    assert _Answer.paths == ["/readyz"]
