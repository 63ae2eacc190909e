"""A file and a function stay short enough to be read at one sitting."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILE_LINES = 400
FUNCTION_LINES = 60
SUFFIXES = {".py", ".sql", ".js", ".css", ".html"}
# Written by others, kept as published.
EXEMPT = {"vendor"}


def _files() -> list[Path]:
    return sorted(
        path
        for folder in ("service", "migrations", "tests")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in SUFFIXES and not EXEMPT & set(path.relative_to(ROOT).parts)
    )


def _lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from `def` to the end, without the docstring: a well told function is not a long one."""
    assert node.end_lineno is not None
    told = node.body[0] if ast.get_docstring(node) is not None else None
    docstring = told.end_lineno - told.lineno + 1 if told and told.end_lineno else 0
    return node.end_lineno - node.lineno + 1 - docstring


def _functions(source: str) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, _lines(node)


def test_files_stay_within_their_budget() -> None:
    files = _files()
    assert ROOT / "service" / "settings.py" in files
    sizes = {path.relative_to(ROOT): len(path.read_text().splitlines()) for path in files}
    assert {str(path): size for path, size in sizes.items() if size > FILE_LINES} == {}


def test_functions_stay_within_their_budget() -> None:
    # A migration is a list of tables, read once: only its file counts.
    long = {
        f"{path.relative_to(ROOT)}:{name}": lines
        for path in _files()
        if path.suffix == ".py" and "migrations" not in path.parts
        for name, lines in _functions(path.read_text())
        if lines > FUNCTION_LINES
    }
    assert long == {}


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        pytest.param("def f():\n    return 1\n", 2, id="plain"),
        pytest.param('def f():\n    """One\n    two."""\n    return 1\n', 2, id="docstring"),
        pytest.param("@cache\n@cache\nasync def f(\n    a,\n):\n    return a\n", 4, id="decorated"),
    ],
)
def test_what_counts_as_a_line(source: str, lines: int) -> None:
    assert list(_functions(source)) == [("f", lines)]
