"""The description of the API is committed, true, and shows an example of everything."""

import io
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from service.main import create_app
from service.settings import Settings

COMMITTED = Path(__file__).parents[2] / "openapi" / "openapi.json"
METHODS = ("get", "post", "put", "patch", "delete")


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    found: dict[str, Any] = create_app(Settings()).openapi()
    return found


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, item[method])
        for path, item in document["paths"].items()
        for method in METHODS
        if method in item
    ]


def test_the_committed_description_is_that_of_the_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # `make openapi` writes it; this test only compares.
    from service import cli

    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, write_through=True))
    cli.openapi()
    assert out.getvalue() == COMMITTED.read_bytes(), "run `make openapi` and commit the result"


def test_it_is_openapi_3_1_and_names_every_operation_once(described: dict[str, Any]) -> None:
    assert described["openapi"].startswith("3.1")
    names = [operation["operationId"] for _, _, operation in operations(described)]
    assert len(names) == len(set(names))
    assert all(operation["summary"] for _, _, operation in operations(described))


def test_every_operation_has_an_example_of_its_answer(described: dict[str, Any]) -> None:
    bare = []
    for method, path, operation in operations(described):
        good = [a for status, a in operation["responses"].items() if status.startswith("2")]
        if "204" in operation["responses"]:
            continue
        contents = [content for answer in good for content in answer.get("content", {}).values()]
        if not contents or not any("example" in c or "examples" in c for c in contents):
            bare.append((method, path))
    assert bare == []


def test_every_body_and_parameter_has_an_example(described: dict[str, Any]) -> None:
    bare = []
    for method, path, operation in operations(described):
        body = operation.get("requestBody")
        for kind, content in (body or {}).get("content", {}).items():
            named = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
            schema = described["components"]["schemas"].get(named, {})
            if not {"example", "examples"} & (content.keys() | schema.keys()):
                bare.append((method, path, kind))
    assert bare == []


def test_it_is_json_that_any_reader_takes() -> None:
    assert orjson.loads(COMMITTED.read_bytes())["info"]["title"] == "Throughline"
