"""A ledger to try worlds on, its marts, and their canonical dumps."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, text

from service.collect.identifiers import IdentifierReader
from service.collect.native import Sender, to_fact
from service.collect.rates import to_rate_fact
from service.collect.spend import to_spend_fact
from service.journeys.build import Configuration
from service.journeys.mart import Mart
from service.ledger.append import Batch, NewFact, Receipt, append
from service.ledger.keys import Caller, ensure_source_id
from service.ledger.read import last_seq
from tests.laws.worlds import SENDERS, Statement

READER = IdentifierReader(b"a secret of laws", None)
FIRST_ARRIVAL = datetime(2026, 12, 1, tzinfo=UTC)
CONFIGURATION = Configuration(
    own_hosts=frozenset({"site.example"}),
    visit_gap=timedelta(minutes=30),
    shared_limit=20,
    timezone="UTC",
)
RATE_DAYS = 7
READERS = {"spend": to_spend_fact, "rate": to_rate_fact}


class Ledger:
    """One migrated database that is emptied between worlds; arrivals are a second apart."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.sources = {name: ensure_source_id(engine, name, FIRST_ARRIVAL) for name in SENDERS}
        self.arrivals = 0

    def empty(self) -> "Ledger":
        """Forget every fact and setting; the seqs go on rising."""
        with self.engine.begin() as connection:
            for table in (
                *("facts", "quarantine", "intake_counts", "configurations"),
                *("erasures", "tombstones"),
            ):
                connection.execute(text(f"DELETE FROM {table}"))
        self.arrivals = 0
        return self

    def cut_after(self, seq: int) -> None:
        """Make a ledger that ended with this seq."""
        with self.engine.begin() as connection:
            connection.execute(text("DELETE FROM facts WHERE seq > :seq"), {"seq": seq})

    def send(self, statements: Iterable[Statement]) -> list[Receipt]:
        """Append them in their order, each a request of its own, in one transaction."""
        self.arrivals += 1
        batches = [Batch([self._fact(s)]) for s in statements]
        receipts = append(self.engine, batches) if batches else []
        refused = [r for receipt in receipts for r in receipt.refused]
        assert [r for r in refused if r.code != "erased"] == []
        return receipts

    def name_of(self, statement: Statement) -> str:
        """The id of the statement's fact."""
        return self._fact(statement).fact_id

    def first_seq(self) -> int:
        with self.engine.connect() as connection:
            return connection.execute(text("SELECT MIN(seq) FROM facts")).scalar() or 0

    def last_seq(self) -> int:
        return last_seq(self.engine)

    def mart(self, configuration: Configuration = CONFIGURATION) -> Mart:
        """An empty mart in memory, to follow or rebuild."""
        return Mart(None, self.engine, configuration, "512MB", 1)

    def rebuilt(self, configuration: Configuration = CONFIGURATION) -> Mart:
        mart = self.mart(configuration)
        mart.rebuild()
        return mart

    def _fact(self, statement: Statement) -> NewFact:
        sender = statement["sender"]
        caller = Caller(0, self.sources[sender], sender, frozenset({"facts"}))
        arrival = FIRST_ARRIVAL + timedelta(seconds=self.arrivals)
        said = {k: v for k, v in statement.items() if k not in ("kind", "sender")}
        if read := READERS.get(statement["kind"]):
            return read(said, 0, Sender(caller, arrival, READER))
        return to_fact(said | {"type": statement["kind"]}, 0, Sender(caller, arrival, READER))


Dump = dict[str, list[tuple[Any, ...]]]

_TOUCH = (
    "d.touch_kind, d.channel, d.channel_class, d.source, d.medium, d.campaign, d.campaign_id, "
    "d.content, d.term, g.host, g.path"
)
# Facts by the names their senders gave them; instants, money and public ids as they are.
_PUBLIC = {
    "people": "SELECT p.public_id, p.first_at, p.known, i.identifier, ip.shared FROM people AS p "
    "JOIN identifier_people AS ip ON ip.person_id = p.person_id "
    "JOIN identifiers AS i ON i.identifier_id = ip.identifier_id",
    "person_accounts": "SELECT p.public_id, a.account_key FROM person_accounts AS a "
    "JOIN people AS p ON p.person_id = a.person_id",
    "touchpoints": "SELECT p.public_id, ROW_NUMBER() OVER (PARTITION BY p.public_id ORDER BY "
    "t.occurred_at, t.tie) AS place, t.occurred_at, t.ended_at, t.page_views, "
    f"{_TOUCH}, n.name, n.fact_id FROM touchpoints AS t "
    "JOIN people AS p ON p.person_id = t.person_id "
    "JOIN dimensions AS d ON d.dimension_id = t.dimension_id "
    "LEFT JOIN pages AS g ON g.page_id = t.page_id JOIN names AS n ON n.seq = t.seq",
    "conversions": "SELECT c.* EXCLUDE (conversion_key, person_id), p.public_id "
    "FROM conversions AS c LEFT JOIN people AS p ON p.person_id = c.person_id",
    "conversion_people": "SELECT c.conversion_id, p.public_id FROM conversion_people AS x "
    "JOIN conversions AS c ON c.conversion_key = x.conversion_key "
    "JOIN people AS p ON p.person_id = x.person_id",
    "conversion_amounts": "SELECT c.conversion_id, x.* EXCLUDE (conversion_key) "
    "FROM conversion_amounts AS x JOIN conversions AS c ON c.conversion_key = x.conversion_key",
    "journeys": "SELECT c.conversion_id, j.position, j.stage, j.converted_at, j.occurred_at, "
    f"j.of_person, {_TOUCH}, n.name, n.fact_id FROM journeys AS j "
    "JOIN conversions AS c ON c.conversion_key = j.conversion_key "
    "JOIN dimensions AS d ON d.dimension_id = j.dimension_id "
    "LEFT JOIN pages AS g ON g.page_id = j.page_id JOIN names AS n ON n.seq = j.seq",
    "reach": "SELECT c.conversion_id, r.person_first_at, r.account_first_at FROM reach AS r "
    "JOIN conversions AS c ON c.conversion_key = r.conversion_key",
    "spend": "SELECT s.name, x.* EXCLUDE (source_id, dimension_id, seq), d.channel FROM spend AS x "
    "JOIN sources AS s ON s.source_id = x.source_id "
    "JOIN dimensions AS d ON d.dimension_id = x.dimension_id",
    "rates": "SELECT * FROM rates",
    "left_out": "SELECT reason, SUM(facts) FROM left_out GROUP BY reason",
}  # fmt: skip
_NAMES = (
    "CREATE OR REPLACE TEMP TABLE names AS SELECT f.seq, s.name, f.fact_id FROM "
    "(SELECT seq, source_id, fact_id FROM page_views UNION ALL "
    "SELECT seq, source_id, fact_id FROM touches) AS f JOIN sources AS s ON s.source_id = f.source_id"
)


def public_dump(mart: Mart) -> Dump:
    """What the mart says, in names that its readers know: no seq, no number of its own."""
    with mart.reading() as connection:
        connection.execute(_NAMES)
        return {
            name: connection.execute(f"{sql} ORDER BY ALL").fetchall()
            for name, sql in _PUBLIC.items()
        }


def whole_dump(mart: Mart) -> Dump:
    """Every table of the mart, internal numbers included. Of the two that keep a row for each time
    facts came in, what they amount to."""
    sums = {
        "set_seen": "SELECT set_id, MIN(first_at), MAX(last_at), MIN(first_seq), "
        "ARG_MAX(last_seq, ROW(last_at, -last_seq)) FROM set_seen GROUP BY set_id",
        "left_out": "SELECT reason, SUM(facts) FROM left_out GROUP BY reason",
    }
    with mart.reading() as connection:
        tables = connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE NOT temporary ORDER BY 1"
        ).fetchall()
        return {
            name: connection.execute(f"{sums.get(name, f'FROM {name}')} ORDER BY ALL").fetchall()
            for (name,) in tables
        }
