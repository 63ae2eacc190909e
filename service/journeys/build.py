"""From facts to the mart: the one derivation, for a single new fact and for ten million alike."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from hashlib import blake2b

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from service.identity.run import resolve_people
from service.journeys.dimensions import RULES_VERSION, classify_new
from service.journeys.visits import build_visits
from service.kit.duck import Columns, fetch_columns, run_file, statements

PACKAGE = "service.journeys"
# Raised whenever the derivation changes: an older mart is then rebuilt, not followed.
DERIVATION_VERSION = 5
PAGE_VIEWS_AT_ONCE = 2_000_000
MICROSECONDS = timedelta(microseconds=1)


@dataclass(frozen=True)
class Configuration:
    """All that the mart depends on besides the facts."""

    own_hosts: frozenset[str]
    visit_gap: timedelta
    shared_limit: int
    timezone: str
    with_bots: bool = False

    @property
    def version(self) -> str:
        """Short text that differs whenever the same facts could give another mart."""
        parts = (
            DERIVATION_VERSION,
            RULES_VERSION,
            sorted(self.own_hosts),
            self.visit_gap // MICROSECONDS,
            self.shared_limit,
            self.timezone,
            *(("with_bots",) if self.with_bots else ()),
        )
        return f"{RULES_VERSION}-{blake2b(repr(parts).encode(), digest_size=4).hexdigest()}"


def create_mart(
    mart: duckdb.DuckDBPyConnection, configuration: Configuration, erasure: int
) -> None:
    """The tables of an empty mart. Args: erasure: the number of the ledger's last one so far."""
    run_file(mart, PACKAGE, "schema")
    mart.execute("INSERT INTO state VALUES (0, ?, NULL, ?)", [configuration.version, erasure])


def advance(
    mart: duckdb.DuckDBPyConnection,
    chunks: Iterable[pa.Table],
    sources: pa.Table,
    watermark: int,
    configuration: Configuration,
) -> None:
    """Take facts in and bring all that follows from them up to date.

    Args: chunks of facts in the order of seq (columns of `ledger.read.Tail.facts`), beginning
    right after the mart's watermark and ending at `watermark`. The caller holds a transaction
    where readers look on.
    """
    after = mart.execute("SELECT watermark FROM state").fetchall()[0][0]
    mart.register("ledger_sources", sources)
    mart.execute("DELETE FROM sources")
    mart.execute("INSERT INTO sources SELECT source_id, name FROM ledger_sources")
    mart.unregister("ledger_sources")
    mart.execute("CREATE OR REPLACE TEMP TABLE batch_sets (set_id INTEGER)")
    for chunk in chunks:
        _extract(mart, chunk, configuration)
    resolve_people(mart, configuration.shared_limit)
    _build_touchpoints(mart, configuration.visit_gap // MICROSECONDS)
    parameters = {"after": after, "zone": configuration.timezone}
    run_file(mart, PACKAGE, "conversions", parameters)
    # Journeys lie one after another in their order, as reports read them.
    mart.execute("SET preserve_insertion_order = true")
    run_file(mart, PACKAGE, "journeys")
    if _has_news(mart, "spend_facts", after) or _has_news(mart, "rate_facts", after):
        run_file(mart, PACKAGE, "spend")
    mart.execute("UPDATE state SET watermark = ?", [watermark])


def _has_news(mart: duckdb.DuckDBPyConnection, table: str, after: int) -> bool:
    newest = mart.execute(f"SELECT COALESCE(MAX(seq), 0) FROM {table}").fetchall()[0][0]
    return bool(newest > after)


def _extract(
    mart: duckdb.DuckDBPyConnection, chunk: pa.Table, configuration: Configuration
) -> None:
    if chunk.num_rows == 0:  # without rows the driver cannot tell the columns' types
        return
    mart.register("new_facts", chunk)
    run_file(mart, PACKAGE, "extract", {"with_bots": configuration.with_bots})
    mart.execute(
        "UPDATE state SET fresh_to = GREATEST(COALESCE(fresh_to, 0), "
        "(SELECT MAX(received_at) FROM new_facts))"
    )
    mart.unregister("new_facts")
    classify_new(mart, configuration.own_hosts)


def _build_touchpoints(mart: duckdb.DuckDBPyConnection, gap: int) -> None:
    """Visits and sent touches of the affected people, a share of the people at a time."""
    mart.execute(
        "DELETE FROM touchpoints WHERE person_id IN (SELECT person_id FROM affected_people)"
    )
    dimensions = fetch_columns(
        mart,
        "SELECT dimension_id, COALESCE(entry_key, 0) AS entry_key, is_internal FROM dimensions",
    )
    width = int(dimensions["dimension_id"].max(initial=0)) + 1
    entry_key = np.zeros(width, np.int32)
    is_internal = np.zeros(width, bool)
    entry_key[dimensions["dimension_id"]] = dimensions["entry_key"]
    is_internal[dimensions["dimension_id"]] = dimensions["is_internal"]
    for part in _parts(mart):
        mart.execute(
            "CREATE OR REPLACE TEMP TABLE part_people AS "
            "SELECT person_id FROM affected_people WHERE person_id % ? = ?",
            part,
        )
        views = fetch_columns(mart, statements(PACKAGE, "views")[0])
        _insert_visits(
            mart, views, entry_key[views["dimension_id"]], is_internal[views["dimension_id"]], gap
        )
    run_file(mart, PACKAGE, "touchpoints")


def _parts(mart: duckdb.DuckDBPyConnection) -> list[tuple[int, int]]:
    """(modulus, remainder) of the shares of affected people, so that each fits in memory."""
    views = mart.execute(
        "SELECT COUNT(*) FROM page_views SEMI JOIN "
        "(SELECT set_id FROM set_people WHERE person_id IN (SELECT person_id FROM affected_people)) "
        "AS affected USING (set_id)"
    ).fetchall()[0][0]
    count = 1 + views // PAGE_VIEWS_AT_ONCE
    return [(count, remainder) for remainder in range(count)]


def _insert_visits(
    mart: duckdb.DuckDBPyConnection,
    views: Columns,
    entry_key: NDArray[np.int32],
    is_internal: NDArray[np.bool_],
    gap: int,
) -> None:
    person, occurred_at = views["person_id"], views["occurred_at"]
    visits = build_visits(person, occurred_at, entry_key, is_internal, gap)
    if not len(visits.first):
        return
    # At one instant visits follow each other in their order, after the clicks (negative ties).
    started = occurred_at[visits.first]
    again = np.zeros(len(started), np.int64)
    again[1:] = (started[1:] == started[:-1]) & (
        person[visits.first][1:] == person[visits.first][:-1]
    )
    run_start = np.maximum.accumulate(np.where(again == 0, np.arange(len(started)), 0))
    mart.register(
        "visits",
        pa.table(
            {
                "person_id": person[visits.first],
                "occurred_at": started,
                "tie": (np.arange(len(started)) - run_start).astype(np.int32),
                "seq": views["seq"][visits.first],
                "dimension_id": views["dimension_id"][visits.first],
                "page_id": pa.array(views["page_id"][visits.first]),
                "ended_at": occurred_at[visits.last],
                "page_views": visits.page_views.astype(np.int32),
            }
        ),
    )
    mart.execute("INSERT INTO touchpoints SELECT * FROM visits")
    mart.unregister("visits")
