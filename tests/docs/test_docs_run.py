"""What the documents tell a reader to type is typed here, and must answer what they say it does."""

import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.docs.conftest import wait_until
from tests.docs.pages import ANYTHING, ROOT, SET_UP, Block, blocks_of, expected_json, missing

WALKTHROUGHS = ROOT / "docs" / "walkthroughs"
SENDERS = sorted((ROOT / "docs" / "senders").glob("*.md"))
SECONDS = 300
# Pages that share a service are followed by one worker.
SHARED = pytest.mark.xdist_group("docs")


def follow(page: Path, environment: dict[str, str], folder: Path) -> int:
    """Do what a page says, block by block in one shell session; returns how many were run."""
    state = folder / ".session"
    state.write_text("")
    printed, run = "", 0
    previous: Block | None = None
    for block in blocks_of(page):
        if block.file:
            (folder / block.file).write_text(block.text)
        elif block.is_run:
            printed = _type(block, state, environment, folder)
            run += 1
        elif previous is not None and previous.is_run:
            _compare(block, printed)
        previous = block
    return run


def _type(block: Block, state: Path, environment: dict[str, str], folder: Path) -> str:
    """Run a block in a shell that knows what the blocks before exported. Nobody reads as fast as the
    mart follows: who asks for a report has waited until it took in what the blocks before brought."""
    if "--data" not in block.text:
        wait_until(environment["THROUGHLINE_URL"], lambda status: status["behind"] == 0)
    script = f'set -euo pipefail\nsource "{state}"\n{block.text}export -p > "{state}"\n'
    done = subprocess.run(
        ["bash", "-c", script],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, (
        f"{block.place} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        f"The service's last words:\n{_last_words(environment)}"
    )
    return done.stdout


def _last_words(environment: dict[str, str]) -> str:
    return (Path(environment["HOME"]) / "log").read_text(errors="replace")[-6000:]


def _compare(shown: Block, printed: str) -> None:
    if shown.language == "json":
        problems = missing(expected_json(shown.text), json.loads(printed))
        assert problems == [], f"{shown.place}: {problems}\n{printed[:4000]}"
    elif shown.language in ("csv", "text"):
        pattern = ".*".join(re.escape(part) for part in shown.text.split(ANYTHING))
        assert re.fullmatch(pattern, printed.replace("\r\n", "\n")), f"{shown.place}:\n{printed}"


@SHARED
def test_readme(reader: dict[str, str], clone: Path) -> None:
    assert follow(ROOT / "README.md", reader, clone) > 0
    assert (clone / "roi.csv").read_text().startswith('"channel","campaign","spend"')
    assert (clone / "roi.parquet").read_bytes()[:4] == b"PAR1"


@SHARED
def test_api_guide(reader: dict[str, str], clone: Path) -> None:
    assert follow(ROOT / "docs" / "api.md", reader, clone) > 0


@SHARED
def test_python_walkthrough(reader: dict[str, str], clone: Path) -> None:
    assert follow(WALKTHROUGHS / "segment-python.md", reader, clone) > 0


@SHARED
@pytest.mark.parametrize("page", SENDERS, ids=lambda page: page.stem)
def test_sender_pages(reader: dict[str, str], clone: Path, page: Path) -> None:
    assert follow(page, reader, clone) > 0


def test_touchpoints_walkthrough(newcomer: dict[str, str], clone: Path, test_data: Path) -> None:
    shutil.copy(test_data / "data" / "touchpoints.csv.gz", clone)
    assert follow(WALKTHROUGHS / "touchpoints-csv.md", newcomer, clone) > 0


@SHARED
def test_olist_walkthrough(reader: dict[str, str], clone: Path, test_data: Path) -> None:
    for name in ("leads.csv", "deals.csv"):
        shutil.copy(test_data / "data" / "olist" / name, clone)
    assert follow(WALKTHROUGHS / "olist.md", reader, clone) > 0


@SHARED
def test_node_walkthrough(reader: dict[str, str], clone: Path) -> None:
    modules = os.environ.get("THROUGHLINE_TEST_NODE_MODULES")
    if not modules or not (Path(modules) / "@segment" / "analytics-node").is_dir():
        pytest.skip("THROUGHLINE_TEST_NODE_MODULES names no folder with @segment/analytics-node")
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    (clone / "node_modules").symlink_to(modules)
    assert follow(WALKTHROUGHS / "segment-node.md", reader, clone) > 0


def test_every_page_with_commands_is_followed() -> None:
    followed = {"README.md", "docs/api.md"} | {
        str(page.relative_to(ROOT)) for page in WALKTHROUGHS.glob("*.md")
    }
    assert {Path(name).name for name in followed} == {
        "README.md", "api.md", "touchpoints-csv.md", "olist.md", "segment-python.md",
        "segment-node.md",
    }  # fmt: skip
    for name in followed:
        asked = [
            b.place for b in blocks_of(ROOT / name) if b.language in ("bash", "console", "http")
        ]
        assert asked == [], "commands are written in blocks of `sh`, which are run"


def test_what_is_not_run_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.M))
    clients = json.loads((ROOT / "tests" / "real" / "node" / "package.json").read_text())
    named = set()
    for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")):
        for block in blocks_of(page):
            if block.language != "sh" or block.is_run:
                continue
            for line in block.lines:
                words = shlex.split(line, comments=True)
                named.add(words[0])
                if words[0] == "make":
                    assert {w for w in words[1:] if "=" not in w} <= targets, block.place
                if words[0] == "npm":
                    name, _, version = words[2].rpartition("@")
                    assert clients["dependencies"][name] == version, block.place
    assert named <= {prefix.split()[0] for prefix in SET_UP}
    assert {"make", "npm", "pip"} <= named


@pytest.mark.parametrize(
    ("expected", "found", "problems"),
    [
        ('{"a": 1}', {"a": 1, "b": 2}, 0),
        ('{"a": …}', {"a": 7}, 0),
        ('{"a": 1}', {"b": 1}, 1),
        ('{"a": [1, 2]}', {"a": [1]}, 1),
        ('{"a": [{"b": null}]}', {"a": [{"b": 0}]}, 1),
    ],
)
def test_what_counts_as_the_expected_answer(expected: str, found: object, problems: int) -> None:
    assert len(missing(expected_json(expected), found)) == problems
