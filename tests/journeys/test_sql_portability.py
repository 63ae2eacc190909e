"""The derivation is written once: its SQL files, in DuckDB's dialect, are Spark's as well."""

from pathlib import Path

import pytest
import sqlglot
from sqlglot import ErrorLevel, exp

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "service").glob("*/sql/*.sql"))


def _parsed(text: str) -> list[exp.Expression]:
    trees = sqlglot.parse(text, read="duckdb", error_level=ErrorLevel.RAISE)
    return [tree for tree in trees if tree is not None]


def _check(tree: exp.Expression) -> None:
    """Raises where Spark would not understand; what sqlglot does not know it copies in silence."""
    assert not isinstance(tree, exp.Command), "sqlglot passes this on without having read it"
    text = tree.sql(dialect="spark", unsupported_level=ErrorLevel.RAISE)
    again = sqlglot.parse_one(text, read="spark", error_level=ErrorLevel.RAISE)
    assert not isinstance(again, exp.Command)
    assert [call.name for call in again.find_all(exp.Anonymous)] == []
    assert "JSON>" not in text, "Spark has no such type"
    assert list(tree.find_all(exp.OnConflict, exp.Slice)) == []


def test_the_files_of_the_derivation_are_found() -> None:
    names = {f"{file.parents[1].name}/{file.stem}" for file in FILES}
    assert names >= {"identity/people", "journeys/extract", "journeys/conversions"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parents[1].name}/{file.stem}")
def test_every_statement_is_spark_too(file: Path) -> None:
    statements = _parsed(file.read_text())
    assert statements
    for statement in statements:
        _check(statement)


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        pytest.param("SELECT TIMEZONE($zone, at) FROM t", AssertionError, id="function"),
        pytest.param("SELECT UNNEST(CAST(a AS JSON[])) FROM t", AssertionError, id="type"),
        pytest.param("SELECT a[1:2] FROM t", AssertionError, id="slice"),
        pytest.param(
            "INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING", AssertionError, id="clause"
        ),
        pytest.param("SELECT ARG_MAX(a, b, 3) FROM t", sqlglot.UnsupportedError, id="argument"),
        pytest.param("ATTACH 'file.db' AS other", sqlglot.ParseError, id="statement"),
    ],
)
def test_what_spark_has_not_is_noticed(sql: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        _check(_parsed(sql)[0])
