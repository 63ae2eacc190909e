"""Group commit: senders share a transaction, hear only of what is on disk, and are never forgotten."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, event, text
from structlog.testing import capture_logs

from service.kit.errors import Overloaded, Unavailable
from service.ledger.append import APPEND_LOCK, Batch
from service.ledger.read import last_seq
from service.ledger.writer import Writer
from tests.ledger.samples import PATIENCE_SECONDS, Ledger, contents, outcome, until


@contextmanager
def busy(engine: Engine) -> Iterator[None]:
    """While it lasts, another process writes to the ledger and nobody else can."""
    with engine.begin() as connection:  # on SQLite this alone keeps writers out
        if engine.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({APPEND_LOCK})"))
        yield


@contextmanager
def commits(engine: Engine) -> Iterator[list[int]]:
    """Facts in the ledger at each commit of the writer's thread."""
    seen: list[int] = []

    def count(connection: object) -> None:
        if threading.current_thread().name == "ledger-writer":
            seen.append(connection.exec_driver_sql("SELECT COUNT(*) FROM facts").scalar())  # type: ignore[attr-defined]

    event.listen(engine, "commit", count)
    yield seen
    event.remove(engine, "commit", count)


@pytest.fixture
def writer(engine: Engine) -> Iterator[Writer]:
    made = Writer(engine, queue_facts=10, commit_facts=5)
    made.start()
    yield made
    made.stop()


def test_the_answer_comes_after_the_commit(ledger: Ledger, writer: Writer) -> None:
    with busy(ledger.engine):
        future = writer.submit(ledger.facts("e1=x"))
        until(lambda: writer.queued == 0)
        assert not future.done()
        assert last_seq(ledger.engine) == 0
    receipt = future.result(PATIENCE_SECONDS)
    assert outcome(receipt) == (1, 0, [])
    assert receipt.watermark == writer.watermark == last_seq(ledger.engine)
    assert contents(ledger.rows()) == ["e1=x"]


def test_what_gathers_meanwhile_shares_transactions(ledger: Ledger, writer: Writer) -> None:
    with commits(ledger.engine) as seen:
        with busy(ledger.engine):
            futures = [writer.submit(ledger.facts("e0=x"))]
            until(lambda: writer.queued == 0)
            futures += [writer.submit(ledger.facts(f"e{n}=x", f"f{n}=x")) for n in range(1, 6)]
        receipts = [f.result(PATIENCE_SECONDS) for f in futures]
    assert [outcome(r) for r in receipts] == [(1, 0, [])] + 5 * [(2, 0, [])]
    # Alone, then three batches (the third passes the bound of five facts), then the rest.
    assert seen == [1, 7, 11]


def test_receipts_belong_to_their_senders(ledger: Ledger, writer: Writer) -> None:
    with busy(ledger.engine):
        sent = [["e1=x"], ["e1=x", "e2=x"], ["e1=y"]]
        futures = [writer.submit(ledger.facts(*said)) for said in sent]
    receipts = [outcome(f.result(PATIENCE_SECONDS)) for f in futures]
    assert receipts == [(1, 0, []), (1, 1, []), (0, 0, ["conflict"])]


def test_a_full_queue_says_so_at_once(ledger: Ledger, writer: Writer) -> None:
    with busy(ledger.engine):
        first = writer.submit(ledger.facts("e0=x"))
        until(lambda: writer.queued == 0)
        waiting = writer.submit(ledger.facts(*(f"e{n}=x" for n in range(1, 9))))
        assert writer.queued == 8
        with pytest.raises(Overloaded) as refused:
            writer.submit(Batch(ledger.facts("e9=x", "e10=x").facts, [ledger.refused("bad_url")]))
        assert refused.value.retry_after >= 1
        also = writer.submit(ledger.facts("e11=x", "e12=x"))
    for future in (first, waiting, also):
        assert future.result(PATIENCE_SECONDS).refused == []
    assert len(ledger.rows()) == 11
    assert writer.queued == 0


def test_a_batch_larger_than_the_queue_passes_when_it_is_alone(
    ledger: Ledger, writer: Writer
) -> None:
    names = [f"e{n}=x" for n in range(25)]
    assert outcome(writer.submit(ledger.facts(*names)).result(PATIENCE_SECONDS)) == (25, 0, [])


def test_stopping_writes_what_waits_and_takes_no_more(ledger: Ledger, writer: Writer) -> None:
    with busy(ledger.engine):
        futures = [writer.submit(ledger.facts(f"e{n}=x")) for n in range(8)]
        stopping = threading.Thread(target=writer.stop)
        stopping.start()
    stopping.join(PATIENCE_SECONDS)
    assert [outcome(f.result(0)) for f in futures] == 8 * [(1, 0, [])]
    with pytest.raises(Unavailable) as refused:
        writer.submit(ledger.facts("e9=x"))
    assert refused.value.code == "stopping"
    assert len(ledger.rows()) == 8


def test_a_ledger_that_cannot_be_written_is_said_and_overcome(
    ledger: Ledger, writer: Writer
) -> None:
    with ledger.engine.begin() as connection:
        connection.execute(text("ALTER TABLE quarantine RENAME TO elsewhere"))
    batch = Batch(ledger.facts("e1=x").facts, [ledger.refused("bad_url")])
    try:
        with capture_logs() as logged:
            future = writer.submit(batch)
            with pytest.raises(Unavailable) as refused:
                future.result(PATIENCE_SECONDS)
    finally:
        with ledger.engine.begin() as connection:
            connection.execute(text("ALTER TABLE elsewhere RENAME TO quarantine"))
    assert (refused.value.code, refused.value.retry_after) == ("ledger_unavailable", 2)
    assert [line["event"] for line in logged] == ["append_failed"]
    assert ledger.rows() == []
    assert ledger.counts() == {}
    assert outcome(writer.submit(batch).result(PATIENCE_SECONDS)) == (1, 0, ["bad_url"])


def test_a_sender_who_gives_up_stops_nobody(ledger: Ledger, writer: Writer) -> None:
    # A request that is cancelled cancels its future; an answer to it once ended the writer.
    with busy(ledger.engine):
        given_up = writer.submit(ledger.facts("e1=x"))
        until(lambda: writer.queued == 0)
        given_up.cancel()
        waiting = writer.submit(ledger.facts("e2=x"))
        waiting.cancel()
        last = writer.submit(ledger.facts("e3=x"))
    assert outcome(last.result(PATIENCE_SECONDS)) == (1, 0, [])
    assert contents(ledger.rows()) == ["e1=x", "e2=x", "e3=x"]
