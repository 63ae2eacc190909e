"""DuckDB, little more than itself: open a file, run a SQL file of a package, fetch columns."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
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
    """The result as one NumPy array a column, not to be written to; a NULL of a numeric column is
    masked, of a text None.

    By way of Arrow, which takes whole columns over: DuckDB's own NumPy output copies value by
    value, at three times the cost.
    """
    result = connection.sql(sql, params=parameters).to_arrow_table()
    return {name: _as_numpy(result.column(name)) for name in result.column_names}


def _as_numpy(column: pa.ChunkedArray) -> NDArray[Any]:
    if not column.null_count or pa.types.is_string(column.type):
        plain: NDArray[Any] = column.to_numpy()
        return plain
    filled = pc.fill_null(column, pa.scalar(0).cast(column.type)).to_numpy()
    return np.ma.array(filled, mask=column.is_null().to_numpy())
