"""Importing the service does nothing but define things, whatever the environment."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

# Imports every module below one package, and writes as JSON what happened besides.
PROBE = """
import importlib, io, json, os, pkgutil, sys, threading, traceback

sys.dont_write_bytecode = True
root, name = sys.argv[1:]
sys.path.insert(0, root)
WATCHED = {"os.mkdir", "os.remove", "os.rename", "os.system", "os.exec", "os.posix_spawn", "os.fork",
           "subprocess.Popen", "socket.connect", "socket.bind", "socket.getaddrinfo",
           "sqlite3.connect"}
happened, modules, current = [], [], [name]

def writes(event, arguments):
    path, mode, flags = (*arguments, None, None)[:3]
    if event != "open" or path == os.devnull:
        return False
    if isinstance(mode, str):
        return any(letter in mode for letter in "wax+")
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))

def watch(event, arguments):
    if event in WATCHED or writes(event, arguments):
        happened.append(f"{current[0]}: {event} {arguments!r:.200}")

sys.addaudithook(watch)
out, err = sys.stdout, sys.stderr
sys.stdout = sys.stderr = said = io.StringIO()
environment = dict(os.environ)

def load(module):
    current[0] = module
    modules.append(module)
    try:
        return importlib.import_module(module)
    except BaseException:
        traceback.print_exc(file=err)
        sys.exit(f"{module} cannot be imported")

package = load(name)
for found in pkgutil.walk_packages(package.__path__, name + "."):
    if not found.name.endswith("__main__"):
        load(found.name)
if dict(os.environ) != environment:
    happened.append("the environment was changed")
sys.stdout, sys.stderr = out, err
print(json.dumps({
    "modules": modules,
    "happened": happened,
    "said": said.getvalue(),
    "threads": [t.name for t in threading.enumerate() if t is not threading.main_thread()],
}))
"""


def _import_all(root: Path, package: str, folder: Path) -> dict[str, Any]:
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:service", "-c", PROBE, root, package],
        capture_output=True,
        text=True,
        env={},
        cwd=folder,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert list(folder.iterdir()) == []
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_every_module_imports_without_side_effects(tmp_path: Path) -> None:
    result = _import_all(ROOT, "service", tmp_path / "empty")
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in (ROOT / "service").rglob("*.py")
        if path.name != "__main__.py"
    }
    assert set(result.pop("modules")) == modules
    assert result == {"happened": [], "said": "", "threads": []}


@pytest.mark.parametrize(
    ("line", "told"),
    [
        pytest.param("open('left', 'w').close(); import os; os.remove('left')", "open", id="file"),
        pytest.param("import sqlite3; sqlite3.connect(':memory:').close()", "sqlite3", id="engine"),
        pytest.param("import os; os.environ['A'] = '1'", "environment", id="environment"),
        pytest.param("print('Welcome!')", "Welcome!", id="advertisement"),
        pytest.param(
            "import threading as t\n"
            "t.Thread(target=t.Event().wait, name='left', daemon=True).start()",
            "left",
            id="thread",
        ),
    ],
)
def test_a_side_effect_is_noticed(tmp_path: Path, line: str, told: str) -> None:
    (tmp_path / "busy").mkdir()
    (tmp_path / "busy" / "__init__.py").write_text(line + "\n")
    assert told in json.dumps(_import_all(tmp_path, "busy", tmp_path / "empty"))
