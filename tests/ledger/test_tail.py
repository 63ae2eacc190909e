"""A reader of the ledger gets every fact once, in the order of seq, however many write."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from sqlalchemy import Engine, event, text

from service.kit.db import make_engine
from service.ledger.append import Batch, append
from service.ledger.migrate import migrate
from service.ledger.read import SLICE_FACTS, Tail, last_seq, seq_received_by
from tests.ledger.samples import AT, NOW, PATIENCE_SECONDS, Ledger, until

ROOT = Path(__file__).parents[2]
COLUMNS = {
    "seq": "number",
    "source_id": "number",
    "fact_id": "text",
    "type": "text",
    "occurred_at": "number",
    "received_at": "number",
    "payload": "text",
    "subject": "text",
}


@pytest.fixture
def tail(ledger: Ledger) -> Iterator[Tail]:
    with Tail(url_of(ledger.engine)) as opened:
        yield opened


def url_of(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=False)


def test_facts_come_in_columns(ledger: Ledger, tail: Tail) -> None:
    words = ["plain", "", "a,b", 'qu"ote', "two\nlines", "naïve 🙂", "\x1e", "-1"]
    facts = [
        ledger.fact(f"e{n}=", payload=word, type="page", at=-n, received_at=AT + n)
        for n, word in enumerate(words)
    ]
    subject = ledger.line("10", ledger.crm)
    ledger.append(Batch([*facts, subject]))
    last = last_seq(ledger.engine)
    table = tail.facts(0, last, 100)
    assert table.column("payload").to_pylist() == [*words, subject.payload]
    assert table.column("fact_id").to_pylist()[:2] == ["e0", "e1"]
    assert table.column("subject").to_pylist() == [*([""] * len(words)), "day:line"]
    assert table.column("source_id").to_pylist() == [*([ledger.web] * len(words)), ledger.crm]
    assert table.column("occurred_at").to_pylist() == [*(-n for n in range(len(words))), AT]
    assert table.column("received_at").to_pylist()[:2] == [AT, AT + 1]
    assert table.column("seq").to_pylist() == [seq for (seq,) in ledger.rows("seq")]
    assert set(table.column("type").to_pylist()) == {"page", "spend"}


def test_columns_have_their_types_even_without_facts(ledger: Ledger, tail: Tail) -> None:
    empty = tail.facts(0, 10**9, 5)
    ledger.append(ledger.facts("e1=x"))
    for table in (empty, tail.facts(0, 10**9, 5)):
        # Drivers differ in how wide they take a whole number.
        assert {field.name: _kind(field.type) for field in table.schema} == COLUMNS
    assert empty.num_rows == 0


def test_chunks_follow_one_another(ledger: Ledger, tail: Tail) -> None:
    ledger.append(ledger.facts(*(f"e{n}=x" for n in range(7))))
    last = last_seq(ledger.engine)
    first = last - 6
    assert _seqs(tail.facts(first - 1, last, 3)) == [first, first + 1, first + 2]
    assert _seqs(tail.facts(first + 2, first + 4, 3)) == [first + 3, first + 4]
    assert _seqs(tail.facts(last, last + 5, 3)) == []
    assert _seqs(tail.facts(first - 1, last, 7)) == list(range(first, last + 1))


def test_many_facts_come_whole(ledger: Ledger, tail: Tail) -> None:
    count = 2 * SLICE_FACTS + 1
    ledger.append(ledger.facts(*(f"e{n}=x" for n in range(count))))
    table = tail.facts(0, last_seq(ledger.engine), count)
    assert table.column("fact_id").to_pylist() == [f"e{n}" for n in range(count)]
    assert tail.facts(0, last_seq(ledger.engine), count - 1).num_rows == count - 1


def test_a_tail_that_stays_open_sees_what_comes(ledger: Ledger, tail: Tail) -> None:
    assert tail.facts(0, 10**9, 5).num_rows == 0
    ledger.append(ledger.facts("e1=x"))
    assert tail.facts(0, 10**9, 5).num_rows == 1


def test_sources_come_by_their_numbers(ledger: Ledger, tail: Tail) -> None:
    assert tail.sources().to_pylist() == [
        {"source_id": ledger.web, "name": "web"},
        {"source_id": ledger.crm, "name": "crm"},
    ]


def test_as_of_a_moment_is_what_had_arrived_by_then(ledger: Ledger) -> None:
    assert (last_seq(ledger.engine), seq_received_by(ledger.engine, NOW)) == (0, 0)
    for second in (0, 1, 2):
        ledger.append(Batch([ledger.fact(f"e{second}=x", received_at=AT + second * 1_000_000)]))
    last = last_seq(ledger.engine)
    assert seq_received_by(ledger.engine, NOW + timedelta(seconds=1)) == last - 1
    assert seq_received_by(ledger.engine, NOW - timedelta(microseconds=1)) == 0
    assert seq_received_by(ledger.engine, NOW + timedelta(days=1)) == last


def test_no_reader_passes_a_fact_whose_transaction_is_still_open(
    ledger: Ledger, tail: Tail
) -> None:
    """One append has its seqs and has not committed; a later one must not overtake it."""
    slow = make_engine(url_of(ledger.engine))
    written, go_on = threading.Event(), threading.Event()

    def hold(_: object) -> None:
        written.set()
        assert go_on.wait(PATIENCE_SECONDS)

    event.listen(slow, "commit", hold)
    with ThreadPoolExecutor(2) as pool:
        early = pool.submit(append, slow, [ledger.facts("early=x")])
        assert written.wait(PATIENCE_SECONDS)
        late = pool.submit(ledger.append, ledger.facts("late=x"))
        if ledger.engine.dialect.name == "postgresql":
            until(lambda: late.done() or _waits_for_the_lock(ledger.engine))
        assert not late.done()
        assert last_seq(ledger.engine) == 0
        assert tail.facts(0, 10**9, 5).num_rows == 0
        go_on.set()
        assert early.result(PATIENCE_SECONDS)[0].accepted == 1
        assert late.result(PATIENCE_SECONDS)[0].accepted == 1
    slow.dispose()
    assert [fact_id for (fact_id,) in ledger.rows("fact_id")] == ["early", "late"]


def _waits_for_the_lock(engine: Engine) -> bool:
    with engine.connect() as connection:
        found = connection.execute(
            text("SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        )
        return bool(found.scalar())


def test_many_writers_and_a_reader_that_never_looks_back(ledger: Ledger, tail: Tail) -> None:
    writers, rounds = 4, 12
    finished = threading.Event()

    def write(name: int) -> None:
        for n in range(rounds):
            ledger.append(ledger.facts(f"{name}-{n}-a=x", f"{name}-{n}-b=x"))

    def read() -> list[str]:
        seen: list[str] = []
        after = 0
        while True:
            over = finished.is_set()
            chunk = tail.facts(after, last_seq(ledger.engine), 5)
            seen += chunk.column("fact_id").to_pylist()
            if chunk.num_rows:
                after = chunk.column("seq")[-1].as_py()
            elif over:
                return seen

    with ThreadPoolExecutor(writers + 1) as pool:
        reader = pool.submit(read)
        for done in [pool.submit(write, name) for name in range(writers)]:
            done.result(PATIENCE_SECONDS)
        finished.set()
        seen = reader.result(PATIENCE_SECONDS)
    assert seen == [fact_id for (fact_id,) in ledger.rows("fact_id")]
    assert len(seen) == 2 * writers * rounds


# Appends, reads what it has, appends again, and is killed with the ledger open.
CHILD = """
import os, signal, sys
from service.kit.db import make_engine
from service.ledger.append import append
from service.ledger.read import Tail
from tests.ledger.samples import NOW, Ledger
engine = make_engine(sys.argv[1])
ledger = Ledger(engine, NOW)
ledger.append(ledger.facts("e1=x"))
with Tail(sys.argv[1]) as tail:
    assert tail.facts(0, 9, 9).num_rows == 1
ledger.append(ledger.facts("e2=x"))
with Tail(sys.argv[1]) as tail:
    assert tail.facts(0, 9, 9).num_rows == 2, "the reader no longer sees what is written"
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_reading_takes_nothing_from_the_writer_in_the_same_process(tmp_path: Path) -> None:
    # A reader with an SQLite library of its own once deleted the log under the writer: every later
    # fact was acknowledged, seen by nobody, and gone with the process.
    url = f"sqlite:///{tmp_path / 'ledger.sqlite3'}"
    engine = make_engine(url)
    migrate(engine)
    engine.dispose()
    child = subprocess.run(
        [sys.executable, "-c", CHILD, url], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert (child.stderr, child.returncode) == ("", -signal.SIGKILL)
    with Tail(url) as tail:
        assert tail.facts(0, 9, 9).column("fact_id").to_pylist() == ["e1", "e2"]


def _kind(found: pa.DataType) -> str:
    if pa.types.is_integer(found):
        return "number"
    return "text" if found == pa.string() else str(found)


def _seqs(table: pa.Table) -> list[int]:
    found: list[int] = table.column("seq").to_pylist()
    return found
