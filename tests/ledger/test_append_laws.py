"""Whatever is sent, in whatever batches: the ledger is a dictionary in which the first word stays,
and every item is accepted, a duplicate or refused."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from service.ledger.append import Batch
from tests.ledger.samples import NOW, Ledger, contents, empty, outcome

# An item is (source, id, content); no content: refused at the door.
items = st.tuples(
    st.sampled_from(("web", "crm")),
    st.sampled_from(("e1", "e2", "e3")),
    st.sampled_from(("x", "x", "y", None)),
)
requests = st.lists(items, max_size=6)
transactions = st.lists(st.lists(requests, max_size=4), max_size=5)

Item = tuple[str, str, str | None]


class Expected:
    """The ledger as a dictionary."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.counts: Counter[tuple[str, str]] = Counter()

    def take(self, request: list[Item]) -> tuple[int, int, list[str]]:
        accepted, duplicates, refused = 0, 0, []
        for source, fact_id, content in request:
            if content is None:
                refused.insert(0, "bad_url")
            elif (kept := self.kept.setdefault((source, fact_id), "")) == "":
                self.kept[source, fact_id] = content
                accepted += 1
            elif kept == content:
                duplicates += 1
            else:
                refused.append("conflict")
        return accepted, duplicates, refused


def _check(engine: Engine, sent: list[list[list[Item]]]) -> None:
    empty(engine)
    ledger, expected = Ledger(engine, NOW), Expected()
    received: Counter[int] = Counter()
    for transaction in sent:
        # One request has one sender.
        told = [[(r[0][0], i, c) for _, i, c in r] for r in transaction if r]
        receipts = ledger.append(*(_batch(ledger, request) for request in told))
        assert [outcome(r) for r in receipts] == [expected.take(r) for r in told]
        for request in told:
            received[getattr(ledger, request[0][0])] += len(request)
    found = ledger.rows("fact_id, payload, source_id")
    names = {ledger.web: "web", ledger.crm: "crm"}
    said = [f"{names[row[2]]} {text}" for row, text in zip(found, contents(found), strict=True)]
    assert said == [f"{s} {i}={c}" for (s, i), c in expected.kept.items()]
    counted: Counter[int] = Counter()
    for (source, _), count in ledger.counts().items():
        counted[source] += count
    assert counted == received
    quarantined = Counter(ledger.rows("source_id, code", "quarantine"))
    assert quarantined == {
        k: n for k, n in ledger.counts().items() if k[1] in ("bad_url", "conflict")
    }


def _batch(ledger: Ledger, request: list[Item]) -> Batch:
    source = getattr(ledger, request[0][0])
    facts = [ledger.fact(f"{i}={c}", source) for _, i, c in request if c is not None]
    return Batch(facts, [ledger.refused("bad_url", source) for *_, c in request if c is None])


@pytest.mark.parametrize(
    ("database", "examples"),
    [
        pytest.param("sqlite_ledger", 60, id="sqlite"),
        pytest.param("postgres_ledger", 20, id="postgres", marks=pytest.mark.postgres),
    ],
)
def test_first_wins_and_everything_is_counted(
    request: pytest.FixtureRequest, database: str, examples: int
) -> None:
    engine = request.getfixturevalue(database)

    @settings(max_examples=examples)
    @given(transactions)
    def law(sent: list[list[list[Item]]]) -> None:
        _check(engine, sent)

    law()
