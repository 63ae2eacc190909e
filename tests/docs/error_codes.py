"""Every `code` that the service can give, read from its source text."""

import ast
from collections.abc import Iterator
from pathlib import Path

from service.kit import errors

SERVICE = Path(__file__).parents[2] / "service"
ERRORS = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.ThroughlineError)
}
# Calls that hand a code on which was written elsewhere, so that it is found there.
HANDED_ON = {
    "Refusal(error.code)",
    "Refusal(refusal.code)",
    "Refusal(code)",
    "BadRequest(refusal.code)",
    "failure(error.code)",
    "problem(error.status)",
    "problem(status)",
    "Refusal(f'bad_{name}')",
}


def written_codes() -> dict[str, set[int]]:
    """Each code with the HTTP statuses of its errors; none for a code of a receipt alone.

    Raises AssertionError for a code that is put together while running: it could not be listed.
    """
    found: dict[str, set[int]] = {}
    for path in sorted(SERVICE.rglob("*.py")):
        if path.name == "examples.py" or path.parent.name == "demo":
            continue
        for code, status in _codes(ast.parse(path.read_text()), path.name):
            found.setdefault(code, set()).update(status)
    return found


def _codes(tree: ast.AST, file: str) -> Iterator[tuple[str, set[int]]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from _of_call(node, file)
        elif isinstance(node, ast.Dict):
            yield from _of_note(node)
        elif isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Dict):
            yield from _of_table(node)


def _of_call(call: ast.Call, file: str) -> Iterator[tuple[str, set[int]]]:
    name = call.func.id if isinstance(call.func, ast.Name) else ""
    if name in ERRORS and call.args:
        yield from _text(call.args[0], name, {ERRORS[name].status}, file)
    elif name == "problem" and isinstance(call.args[0], ast.Constant):
        yield from _text(call.args[1], name, {int(str(call.args[0].value))}, file)
    elif name == "failure":  # the Segment protocol's own shape of an error
        assert isinstance(call.args[1], ast.Constant)
        yield from _text(call.args[2], name, {int(str(call.args[1].value))}, file)
    for word in call.keywords:
        if word.arg == "code" and isinstance(word.value, ast.Constant):
            yield str(word.value.value), set()


def _text(node: ast.expr, call: str, status: set[int], file: str) -> Iterator[tuple[str, set[int]]]:
    if isinstance(node, ast.Constant):
        yield str(node.value), status
    else:
        handed_on = f"{call}({ast.unparse(node)})"
        assert handed_on in HANDED_ON, f"{file}: {handed_on} gives a code that nobody can list"


def _of_note(note: ast.Dict) -> Iterator[tuple[str, set[int]]]:
    """A note of a receipt: {"index": …, "code": "clock_ahead", …}."""
    names = [key.value if isinstance(key, ast.Constant) else None for key in note.keys]
    for name, value in zip(names, note.values, strict=True):
        if name == "code" and "index" in names and isinstance(value, ast.Constant):
            yield str(value.value), set()


def _of_table(assigned: ast.Assign | ast.AnnAssign) -> Iterator[tuple[str, set[int]]]:
    """A table that translates another library's errors: pydantic's kinds, HTTP's statuses."""
    target = assigned.targets[0] if isinstance(assigned, ast.Assign) else assigned.target
    if not (isinstance(target, ast.Name) and target.id == "_CODES"):
        return
    assert isinstance(assigned.value, ast.Dict)
    for key, value in zip(assigned.value.keys, assigned.value.values, strict=True):
        assert isinstance(key, ast.Constant)
        assert isinstance(value, ast.Constant)
        yield str(value.value), {key.value} if isinstance(key.value, int) else {422}
