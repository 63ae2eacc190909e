"""Facts of a stretch of the ledger by the cause of change they stand for, and a mart taken through
them cause by cause.

The mart is a function of the set of facts, whatever their order: so the facts of a stretch may be
taken in cause by cause, and what a report differs by from one to the next adds up to the whole
difference. What two causes do together belongs to the later of them.
"""

from collections.abc import Iterator

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from service.journeys.build import Configuration, advance
from service.journeys.mart import CHUNK_FACTS
from service.kit.duck import fetch_columns, run_file
from service.ledger.read import Tail

CAUSES = (
    "spend_restated",
    "exchange_rates",
    "identity",
    "deals_changed",
    "erasure",
    "late_facts",
    "new_facts",
)
"""In the order in which they are applied."""

Causes = dict[str, NDArray[np.int64]]
"""Of each cause the seqs of its facts, ascending."""

_COLUMNS = "seq, source_id, fact_id, type, occurred_at, received_at, payload, subject"


def classify(
    mart: duckdb.DuckDBPyConnection, tail: Tail, after: int, up_to: int, moment: int
) -> Causes:
    """Leave the temporary table `stretch` with the facts of (after, up_to], each with its one cause.

    Args: mart: as of `after`; moment: microseconds, what occurred before it and came later is late.
    """
    mart.execute(
        "CREATE OR REPLACE TEMP TABLE stretch (seq BIGINT, source_id BIGINT, fact_id VARCHAR, "
        "type VARCHAR, occurred_at BIGINT, received_at BIGINT, payload VARCHAR, subject VARCHAR, "
        "cause VARCHAR)"
    )
    last = after
    while last < up_to and (chunk := tail.facts(last, up_to, CHUNK_FACTS)).num_rows:
        last = chunk.column("seq")[-1].as_py()
        mart.register("coming", chunk)
        run_file(mart, "service.journeys", "causes", {"moment": moment})
        mart.unregister("coming")
    found = fetch_columns(mart, "SELECT seq, cause FROM stretch ORDER BY seq")
    cause = np.asarray(found["cause"], dtype=object)
    return {name: found["seq"][cause == name].astype(np.int64) for name in CAUSES}


def take_in(
    mart: duckdb.DuckDBPyConnection,
    tail: Tail,
    cause: str,
    watermark: int,
    configuration: Configuration,
) -> None:
    """Take the facts of one cause in. The mart's watermark stays at `watermark`, where the stretch
    begins: all of its facts are news until the last is in."""
    advance(mart, _facts_of(mart, cause), tail.sources(), watermark, configuration)


def _facts_of(mart: duckdb.DuckDBPyConnection, cause: str) -> Iterator[pa.Table]:
    after = 0
    while True:
        chunk = mart.sql(
            f"SELECT {_COLUMNS} FROM stretch WHERE cause = ? AND seq > ? ORDER BY seq LIMIT ?",
            params=[cause, after, CHUNK_FACTS],
        ).to_arrow_table()
        if not chunk.num_rows:
            return
        after = chunk.column("seq")[-1].as_py()
        yield chunk
