"""`make` and `.ci/run`: what a person or a checking machine types after cloning."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROMISED = {
    "run", "test", "lint", "lock", "openapi", "bench", "clean", "help",
}  # fmt: skip


# An outer `make test ARGS=...` hands its variables down; they are not meant for these runs.
CLEAN = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}


def _make(*arguments: str) -> str:
    done = subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env=CLEAN,
    )
    return done.stdout


def test_help_tells_every_target() -> None:
    told = set(re.findall(r"^make (\S+) +\S", _make("help"), flags=re.M))
    declared = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), flags=re.M)
    assert declared is not None
    assert told == set(declared.group(1).split())
    assert told >= PROMISED


def test_run_serves_with_the_demo_world_if_empty() -> None:
    assert _make("--dry-run", "run").splitlines()[-1].endswith("throughline serve --demo-if-empty ")


def test_dependencies_come_from_the_locks_by_hash() -> None:
    plan = _make("--dry-run", "--always-make", "install-dev")
    installs = [line for line in plan.splitlines() if " install " in line]
    assert len(installs) == 3
    assert ["--require-hashes" in line for line in installs] == [True, False, True]
    assert "--no-deps --no-build-isolation --editable ." in installs[1]


def test_an_empty_run_is_a_failure(tmp_path: Path) -> None:
    # pytest ends with 5 when it found no test; make must not make a success of it.
    clone = _clone(tmp_path)
    for stamp in ("bin/python", ".runtime", ".dev"):
        path = clone / ".venv" / stamp
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\nexit 5\n")
        path.chmod(0o755)
    done = subprocess.run(
        ["make", "test"], cwd=clone, env=CLEAN, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "No test was found" in done.stderr


def _clone(tmp_path: Path) -> Path:
    """A folder with the files that the commands need, beside a folder of shared data."""
    clone = tmp_path / "clone"
    (clone / ".ci").mkdir(parents=True)
    (tmp_path / "shared").mkdir()
    shutil.copy(ROOT / ".ci" / "run", clone / ".ci" / "run")
    for name in ("Makefile", "pyproject.toml", "requirements.lock", "requirements-build.lock",
                 "requirements-dev.lock"):  # fmt: skip
        shutil.copy(ROOT / name, clone / name)
    shutil.copytree(ROOT / "tests" / "real" / "node", clone / "tests" / "real" / "node")
    return clone


def _check(tmp_path: Path, failing: str = "") -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run .ci/run with every program it calls replaced by one that only writes down its call."""
    clone = _clone(tmp_path)
    stand_ins = tmp_path / "bin"
    stand_ins.mkdir()
    log = tmp_path / "calls"
    for name in ("make", "git", "chromium", "node", "npm", "initdb", "apt-get", "sudo"):
        program = stand_ins / name
        program.write_text(
            f'#!/bin/sh\necho "{name} $*" >> "{log}"\n'
            f'if [ "{name} $*" = "make test" ]; then echo "data=$THROUGHLINE_TEST_DATA" >> "{log}"; fi\n'
            f'[ "{name} $*" != "{failing}" ]\n'
        )
        program.chmod(0o755)
    done = subprocess.run(
        [str(clone / ".ci" / "run")],
        env={"PATH": f"{stand_ins}:{os.environ['PATH']}", "HOME": str(tmp_path / "person")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    return done, log.read_text().splitlines()


def test_the_check_installs_lints_and_tests(tmp_path: Path) -> None:
    done, calls = _check(tmp_path)
    assert done.returncode == 0, done.stderr
    assert calls[0].startswith("npm ci ")
    assert calls[1:] == ["make lint", "make test", f"data={tmp_path / 'shared'}"]
    assert (tmp_path / "person" / ".cache").is_dir(), "packages for tests stay out of the tree"
    assert not (tmp_path / "clone" / "node_modules").exists()


@pytest.mark.parametrize("failing", ["make lint", "make test"])
def test_the_check_fails_with_either_but_always_runs_both(tmp_path: Path, failing: str) -> None:
    done, calls = _check(tmp_path, failing)
    assert done.returncode == 1
    assert calls[1:3] == ["make lint", "make test"]
