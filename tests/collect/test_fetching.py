"""Errands: kept before the answer, run once, again after failures, and never lost."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from service.collect import fetching
from service.collect.fetching import KIND, REMEMBERED, SWEEP_EVERY, Fetcher, Reading, keep_errands
from service.collect.hooks import Errand
from service.kit.db import make_engine, reading
from service.kit.outbound import outbound_client
from service.ledger.hooks import create_hook, end_hook, set_options
from service.ledger.keys import Caller
from service.ledger.migrate import migrate
from service.ledger.quarantine import list_quarantine
from service.ledger.tables import TABLES
from service.ledger.tasks import LEASE, LONGEST_WAIT, MAX_ATTEMPTS, claim, count_tasks
from service.ledger.writer import Writer
from tests.collect.portal import DEAL, SECRET, TOKEN, Portal, running_portal
from tests.collect.sending import READER, ROOM

BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture(scope="module")
def _server() -> Iterator[Portal]:
    with running_portal() as portal:
        yield portal


class Office:
    """A ledger, a hook to the portal, and processes that run its errands; time stands still until
    a test moves it."""

    def __init__(self, url: str, portal: Portal) -> None:
        self.url = url
        self.now = BEGIN
        self.engine = make_engine(url)
        migrate(self.engine)
        self.options = {"application_token": TOKEN, "portal": portal.address}
        self.hook = create_hook(self.engine, "bitrix24", "crm", self.options, BEGIN)[1]
        self._open: list[Callable[[], None]] = [self.engine.dispose]

    def process(self, allow_private: bool = True) -> Fetcher:
        """A process of its own on the same ledger; nothing runs until it is asked to."""
        engine = make_engine(self.url)
        writer = Writer(engine, 1_000, 1_000)
        writer.start()
        fetcher = Fetcher(
            engine,
            writer,
            Reading(READER, "EUR", ROOM),
            lambda: self.now,
            lambda: outbound_client(allow_private),
        )
        self._open += [fetcher.stop, writer.stop, engine.dispose]
        return fetcher

    def ask(self, *names: str, hook: int | None = None) -> None:
        errands = [
            Errand(name, dict(zip(("entity", "id"), name.split(":"), strict=True)))
            for name in names
        ]
        caller = Caller(1, 1, "crm", frozenset({"facts"}))
        keep_errands(self.engine, hook or self.hook, caller, errands, self.now)

    def facts(self) -> list[str]:
        facts = TABLES["facts"]
        with reading(self.engine).connect() as connection:
            return [r.fact_id for r in connection.execute(select(facts).order_by(facts.c.seq))]

    def quarantine(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = list_quarantine(self.engine, 100)["items"]
        return items

    def counts(self) -> dict[str, int]:
        return {state: count for (_, state), count in count_tasks(self.engine).items()}

    def close(self) -> None:
        for close in self._open[1:]:
            close()
        self._open[0]()


@pytest.fixture
def portal(_server: Portal) -> Portal:
    _server.__dict__.update({**Portal().__dict__, "address": _server.address})
    return _server


@pytest.fixture
def office(tmp_path: Path, portal: Portal) -> Iterator[Office]:
    made = Office(f"sqlite:///{tmp_path / 'ledger.sqlite3'}", portal)
    yield made
    made.close()


@pytest.fixture
def either(database_url: str, portal: Portal) -> Iterator[Office]:
    """On SQLite and again on PostgreSQL."""
    made = Office(database_url, portal)
    yield made
    made.close()


def test_an_errand_becomes_facts(office: Office) -> None:
    fetcher = office.process()
    assert not fetcher.step()
    office.ask("deal:410")
    assert fetcher.step()
    assert not fetcher.step()
    assert [f.rpartition(":")[0].partition(":2026")[0] for f in office.facts()] == [
        "deal:410:moved", "deal:410", "deal:410:touch",
    ]  # fmt: skip
    assert office.counts() == {"done": 1}
    assert office.quarantine() == []


def test_named_again_it_is_asked_for_again_and_nothing_doubles(
    office: Office, portal: Portal
) -> None:
    fetcher = office.process()
    office.ask("deal:410")
    office.ask("deal:410", "deal:410")
    assert (fetcher.step(), fetcher.step()) == (True, False)
    before = office.facts()
    office.ask("deal:410")
    assert (fetcher.step(), office.facts()) == (True, before)
    portal.objects["crm.deal.get", 410] = {
        **DEAL, "OPPORTUNITY": "7", "DATE_MODIFY": "2026-03-01T11:59:00+00:00",
    }  # fmt: skip
    office.ask("deal:410")
    assert fetcher.step()
    assert len(office.facts()) == len(before) + 1


def test_a_restart_in_the_middle_loses_nothing(either: Office, portal: Portal) -> None:
    """Whoever claimed the errand died before it was stored; the next process runs it."""
    either.ask("deal:410")
    assert claim(either.engine, [KIND], either.now) is not None  # and then nothing more
    after = either.process()
    assert not after.step()
    assert portal.asked == []
    either.now += LEASE
    assert after.step()
    assert len(either.facts()) == 3
    assert either.counts() == {"done": 1}


def test_two_processes_run_each_errand_once(either: Office, portal: Portal) -> None:
    numbers = range(1, 21)
    portal.objects |= {
        ("crm.deal.get", n): {**DEAL, "ID": str(n), "CONTACT_ID": None} for n in numbers
    }
    either.ask(*[f"deal:{n}" for n in numbers])
    processes = [either.process() for _ in range(2)]
    start = threading.Barrier(2)

    def work(fetcher: Fetcher) -> None:
        start.wait()
        while fetcher.step():
            pass

    workers = [threading.Thread(target=work, args=(fetcher,)) for fetcher in processes]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for fetcher in processes:  # one that found the other busy may have stopped looking early
        work_left = fetcher.step()
        assert not work_left
    assert len(portal.asked) == len(numbers)
    assert either.counts() == {"done": len(numbers)}


def test_a_failure_comes_back_later(office: Office, portal: Portal) -> None:
    fetcher = office.process()
    portal.next = [(500, {"error": "INTERNAL_SERVER_ERROR"}), (200, None), (200, b"{")]
    office.ask("deal:410")
    for _ in range(3):
        assert fetcher.step()
        assert not fetcher.step()
        assert office.facts() == []
        office.now += LONGEST_WAIT
    assert fetcher.step()
    assert len(office.facts()) == 3


def test_a_portal_that_is_busy_is_left_alone_by_all_errands(office: Office, portal: Portal) -> None:
    fetcher = office.process()
    portal.next, portal.wait = [(429, {"error": "OPERATION_TIME_LIMIT"})], "60"
    office.ask("deal:410")
    office.now += SECOND
    office.ask("lead:123")
    assert (fetcher.step(), fetcher.step()) == (True, False)
    office.now += 59 * SECOND
    assert not fetcher.step()
    office.now += SECOND
    portal.wait = ""
    assert fetcher.step()
    assert fetcher.step()
    assert office.counts() == {"done": 2}
    assert portal.asked[:3] == ["crm.deal.get", "crm.lead.get", "crm.deal.get"]


def test_given_up_at_last_it_is_quarantined(office: Office, portal: Portal) -> None:
    fetcher = office.process()
    portal.next = [(401, {"error": "INVALID_CREDENTIALS"})] * MAX_ATTEMPTS
    office.ask("deal:410")
    for _ in range(MAX_ATTEMPTS):
        assert office.quarantine() == []
        assert fetcher.step()
        office.now += LONGEST_WAIT
    assert not fetcher.step()
    (item,) = office.quarantine()
    assert (item["code"], item["source"], item["fact_id"]) == (
        "fetch_failed", "crm", f"{office.hook}:deal:410",
    )  # fmt: skip
    assert item["detail"] == "given up at last: crm.deal.get: 401 INVALID_CREDENTIALS"
    assert item["raw"] == '{"entity":"deal","id":"410"}'
    assert office.counts() == {"failed": 1}
    office.ask("deal:410")  # the next change tries again from the beginning
    assert fetcher.step()
    assert len(office.facts()) == 3


def test_what_is_not_there_is_quarantined_at_once(office: Office) -> None:
    fetcher = office.process()
    office.ask("deal:7")
    assert fetcher.step()
    (item,) = office.quarantine()
    assert item["detail"] == "crm.deal.get answered 400: Not found"
    assert office.counts() == {"failed": 1}


def test_an_address_within_the_own_network_is_not_asked(office: Office, portal: Portal) -> None:
    fetcher = office.process(allow_private=False)
    office.ask("deal:410")
    assert fetcher.step()
    (item,) = office.quarantine()
    assert (item["code"], item["field"]) == ("fetch_failed", "portal")
    assert SECRET not in str(item)
    assert portal.asked == []


def test_nobody_there(office: Office) -> None:
    set_options(
        office.engine, office.hook, {**office.options, "portal": "http://127.0.0.1:1/x/"}, BEGIN
    )
    fetcher = office.process()
    office.ask("deal:410")
    assert fetcher.step()
    assert office.counts() == {"waiting": 1}
    office.now += LONGEST_WAIT
    set_options(office.engine, office.hook, office.options, BEGIN)
    assert fetcher.step()
    assert office.counts() == {"done": 1}


def test_a_stage_without_meaning_is_quarantined_with_what_was_fetched(
    office: Office, portal: Portal
) -> None:
    portal.objects["crm.deal.get", 410] = {**DEAL, "STAGE_SEMANTIC_ID": None}
    fetcher = office.process()
    office.ask("deal:410")
    assert fetcher.step()
    (item,) = office.quarantine()
    assert item["code"] == "unmapped_stage"
    assert '"OPPORTUNITY":"1000.50"' in item["raw"]
    assert office.counts() == {"done": 1}


def test_an_answer_that_nobody_thought_of_does_not_come_back_for_ever(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(fetching, "collect_messages", broken)
    fetcher = office.process()
    office.ask("deal:410")
    for _ in range(MAX_ATTEMPTS - 1):
        assert fetcher.step()
        assert office.counts() == {"waiting": 1}
        office.now += LONGEST_WAIT
    monkeypatch.undo()
    assert fetcher.step()
    assert office.counts() == {"done": 1}


def test_the_hook_was_ended_or_never_was(office: Office, portal: Portal) -> None:
    fetcher = office.process()
    office.ask("deal:410")
    office.ask("deal:410", hook=999)
    end_hook(office.engine, office.hook, BEGIN)
    assert (fetcher.step(), fetcher.step(), fetcher.step()) == (True, True, False)
    assert office.counts() == {"failed": 2}
    (item,) = office.quarantine()
    assert item["detail"] == "the hook was ended before this could be asked for"
    assert portal.asked == []


def test_the_ledger_cannot_be_written(office: Office) -> None:
    """The answer is asked for again, rather than lost."""
    fetcher = office.process()
    office.ask("deal:410")
    fetcher._writer.stop()
    assert fetcher.step()
    assert office.counts() == {"waiting": 1}
    office.now += LONGEST_WAIT
    assert office.process().step()
    assert len(office.facts()) == 3


def test_done_errands_are_forgotten_after_a_while(office: Office) -> None:
    fetcher = office.process()
    office.ask("deal:410", "deal:7")
    assert (fetcher.step(), fetcher.step(), fetcher.step()) == (True, True, False)
    office.now += REMEMBERED
    assert not fetcher.step()
    assert office.counts() == {"done": 1, "failed": 1}
    office.now += SWEEP_EVERY
    assert not fetcher.step()
    assert office.counts() == {"failed": 1}


def test_the_thread_runs_what_it_is_hinted_at(office: Office) -> None:
    fetcher = office.process()
    done = threading.Event()
    fetcher._stored = done.set
    fetcher.start()
    office.ask("deal:410")
    fetcher.hint()
    assert done.wait(30)
    fetcher.stop()
    assert len(office.facts()) == 3


def test_the_thread_outlives_a_ledger_that_fails(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = iter([RuntimeError("no ledger")])
    real = fetching.tasks.claim

    def claim_or_fail(engine: Engine, *args: Any) -> Any:
        for failure in failures:
            raise failure
        return real(engine, *args)

    monkeypatch.setattr(fetching, "WAIT_AFTER_FAILURE_SECONDS", 0)
    monkeypatch.setattr(fetching.tasks, "claim", claim_or_fail)
    fetcher = office.process()
    done = threading.Event()
    fetcher._stored = done.set
    office.ask("deal:410")
    fetcher.start()
    assert done.wait(30)
    fetcher.stop()
