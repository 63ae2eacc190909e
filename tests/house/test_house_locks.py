"""The lock files hold all that pyproject.toml asks for, by hash, and say nothing of where from."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions, requires
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
RUNTIME, BUILD, DEV = "requirements.lock", "requirements-build.lock", "requirements-dev.lock"
# Declared, and found by name at run time rather than imported by us.
INDIRECT = {"email-validator", "httptools", "psycopg", "tzdata", "uvloop"}
ENTRY = re.compile(r"^(\S+)==(\S+)(?: ; [^\\]+)?((?: \\\n    --hash=sha256:[0-9a-f]{64})+)$", re.M)


def _pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def _locked(name: str) -> dict[str, set[str]]:
    """Versions by package name; several where they differ between versions of Python."""
    text = (ROOT / name).read_text()
    versions: dict[str, set[str]] = {}
    for package, version, _hashes in ENTRY.findall(text):
        versions.setdefault(canonicalize_name(package), set()).add(version)
    unread = ENTRY.sub("", text)
    assert [line for line in unread.splitlines() if line and not line.startswith("#")] == []
    return versions


def _declared() -> dict[str, list[Requirement]]:
    project = _pyproject()["project"]
    groups = _pyproject()["dependency-groups"]
    runtime = project["dependencies"] + project["optional-dependencies"]["postgres"]
    return {
        RUNTIME: [Requirement(line) for line in runtime],
        BUILD: [Requirement(line) for line in groups["build"]],
        DEV: [Requirement(line) for line in runtime + groups["build"] + groups["dev"]],
    }


@pytest.mark.parametrize("name", [RUNTIME, BUILD, DEV])
def test_a_lock_holds_every_declared_dependency(name: str) -> None:
    locked = _locked(name)
    missing = [
        str(wanted)
        for wanted in _declared()[name]
        if not any(
            wanted.specifier.contains(version, prereleases=True)
            for version in locked.get(canonicalize_name(wanted.name), ())
        )
    ]
    assert missing == [], "make lock"


@pytest.mark.parametrize("name", [RUNTIME, BUILD, DEV])
def test_a_lock_names_no_place(name: str) -> None:
    text = (ROOT / name).read_text()
    assert not re.search(r"://|index|find-links|@ |\.(org|com|io|net)\b", text)


@pytest.mark.parametrize("smaller", [RUNTIME, BUILD])
def test_tests_run_on_the_versions_that_are_shipped(smaller: str) -> None:
    tested = _locked(DEV)
    assert {name: tested.get(name) for name in _locked(smaller)} == _locked(smaller)


def _imported() -> set[str]:
    """Top-level names imported anywhere in the service and its migrations."""
    names = set()
    for folder in ("service", "migrations"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Import):
                    names |= {alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names) - {"service", "migrations"}


def test_imports_and_declared_dependencies_are_the_same() -> None:
    provided = packages_distributions()
    used = {
        canonicalize_name(distribution)
        for name in _imported()
        for distribution in provided.get(name, [f"{name} (not installed)"])
    }
    declared = {canonicalize_name(wanted.name) for wanted in _declared()[RUNTIME]}
    # What a declared package itself asks for may be imported by its own name too.
    brought = {
        canonicalize_name(Requirement(line).name)
        for name in declared & used
        for line in requires(name) or ()
        if "extra ==" not in line
    }
    assert used - declared - brought == set(), "imported, but not declared"
    assert declared - used - INDIRECT == set(), "declared, but never imported"
