"""DuckDB, little more than itself: open a file, run a SQL file of a package, fetch columns."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
from numpy.typing import NDArray

Columns = dict[str, NDArray[Any]]


def open_duck(path: Path | str, memory: str, threads: int) -> duckdb.DuckDBPyConnection:
    """Open or create; raises duckdb.IOException where another process holds the file."""
    config: dict[str, Any] = {"memory_limit": memory, "preserve_insertion_order": "true"}
    if threads:
        config["threads"] = threads
    connection = duckdb.connect(str(path), config=config)
    connection.execute("SET TimeZone = 'UTC'")
    return connection


@cache
def statements(package: str, name: str) -> tuple[str, ...]:
    """The statements of `sql/{name}.sql` in a package, split with DuckDB's own parser."""
    text = files(package).joinpath("sql", f"{name}.sql").read_text()
    return tuple(s.query for s in duckdb.extract_statements(text))


def run_file(
    connection: duckdb.DuckDBPyConnection,
    package: str,
    name: str,
    parameters: Mapping[str, Any] | None = None,
) -> None:
    """Execute the file's statements in order, each with those `$name` parameters it mentions."""
    for statement in statements(package, name):
        mentioned = {k: v for k, v in (parameters or {}).items() if f"${k}" in statement}
        connection.execute(statement, mentioned or None)


def fetch_columns(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: Any = None
) -> Columns:
    """The result as one NumPy array a column; a NULL of a numeric column is masked."""
    return connection.execute(sql, parameters).fetchnumpy()
