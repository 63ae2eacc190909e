"""Tasks are done once, again until they succeed, and by whoever is there."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select

from service.kit.db import make_engine, reading
from service.ledger import tasks
from service.ledger.keys import ensure_source_id
from service.ledger.migrate import migrate
from service.ledger.tasks import (
    LEASE,
    LONGEST_WAIT,
    MAX_ATTEMPTS,
    TASKS,
    Claimed,
    NewTask,
    claim,
    count_tasks,
    enqueue,
    finish,
    forget_done,
    give_up,
    postpone,
    wait_after,
)
from tests.ledger.samples import NOW

SECOND = timedelta(seconds=1)
KINDS = ["fetch"]


@pytest.fixture
def source(engine: Engine) -> int:
    return ensure_source_id(engine, "crm", NOW)


def task(name: str, source: int, kind: str = "fetch", **payload: Any) -> NewTask:
    return NewTask(kind, name, source, payload)


def row(engine: Engine, name: str) -> Any:
    with reading(engine).connect() as connection:
        return connection.execute(select(TASKS).where(TASKS.c.name == name)).one()


def taken(engine: Engine, now: Any = NOW, **more: Any) -> Claimed:
    found = claim(engine, KINDS, now, **more)
    assert found is not None
    return found


def test_a_task_is_kept_once_by_its_name(engine: Engine, source: int) -> None:
    assert enqueue(engine, [task("a", source, n=1), task("b", source)], NOW) == 2
    assert enqueue(engine, [task("a", source, n=2), task("c", source)], NOW) == 1
    assert enqueue(engine, [task("a", source, kind="other")], NOW) == 1
    assert enqueue(engine, [], NOW) == 0
    assert taken(engine).payload == {"n": 1}
    assert count_tasks(engine) == {("fetch", "waiting"): 3, ("other", "waiting"): 1}


def test_the_one_that_waits_longest_is_next(engine: Engine, source: int) -> None:
    enqueue(engine, [task("later", source)], NOW + SECOND)
    enqueue(engine, [task("first", source), task("second", source)], NOW)
    now = NOW + SECOND
    assert [taken(engine, now).name for _ in range(3)] == ["first", "second", "later"]
    assert claim(engine, KINDS, now) is None


def test_what_is_not_due_or_not_asked_for_waits(engine: Engine, source: int) -> None:
    enqueue(engine, [task("a", source)], NOW + SECOND)
    assert claim(engine, KINDS, NOW) is None
    assert claim(engine, ["other"], NOW + SECOND) is None
    assert claim(engine, KINDS, NOW + SECOND, resting=[source]) is None
    assert claim(engine, KINDS, NOW + SECOND, resting=[source + 1]) is not None


def test_what_is_done_is_never_done_again(engine: Engine, source: int) -> None:
    enqueue(engine, [task("a", source)], NOW)
    first = taken(engine)
    assert (first.attempt, first.source_id, first.is_last) == (1, source, False)
    assert finish(engine, first, NOW)
    assert claim(engine, KINDS, NOW + LEASE * 10) is None
    assert enqueue(engine, [task("a", source)], NOW) == 0
    assert (row(engine, "a").state, row(engine, "a").ended_at) == ("done", NOW)


def test_the_lease_of_one_who_died_passes_on(engine: Engine, source: int) -> None:
    """And if he was not dead, what he says afterwards counts no more."""
    enqueue(engine, [task("a", source)], NOW)
    first = taken(engine)
    assert claim(engine, KINDS, NOW + LEASE - SECOND) is None
    second = taken(engine, NOW + LEASE)
    assert second.attempt == 2
    assert not finish(engine, first, NOW)
    assert not postpone(engine, first, NOW, "late")
    assert not give_up(engine, first, NOW, "late")
    assert row(engine, "a").state == "waiting"
    assert finish(engine, second, NOW)
    assert not finish(engine, second, NOW)


def test_a_restart_loses_nothing(database_url: str) -> None:
    """The process that claimed is gone with all it knew; the next one finds the task."""
    before = make_engine(database_url)
    migrate(before)
    enqueue(before, [task("a", ensure_source_id(before, "crm", NOW), deal=7)], NOW)
    taken(before)
    before.dispose()
    after = make_engine(database_url)
    assert claim(after, KINDS, NOW) is None
    again = taken(after, NOW + LEASE)
    assert (again.payload, again.attempt) == ({"deal": 7}, 2)
    after.dispose()


def test_a_failure_comes_back_later(engine: Engine, source: int) -> None:
    enqueue(engine, [task("a", source)], NOW)
    assert postpone(engine, taken(engine), NOW, "busy\0" * 300, timedelta(seconds=30))
    assert claim(engine, KINDS, NOW + timedelta(seconds=29)) is None
    again = taken(engine, NOW + timedelta(seconds=30))
    assert again.attempt == 2
    assert postpone(engine, again, NOW, "busy", SECOND)
    assert claim(engine, KINDS, NOW + timedelta(seconds=4)) is None
    assert taken(engine, NOW + timedelta(seconds=10)).attempt == 3
    assert len(row(engine, "a").last_error) <= tasks.MAX_ERROR


def test_a_task_asked_for_again_is_done_again(engine: Engine, source: int) -> None:
    """Also while it is being done: what began before does not count as done after."""
    enqueue(engine, [task("a", source, ts=1)], NOW)
    first = taken(engine)
    assert enqueue(engine, [task("a", source, ts=2)], NOW + SECOND, again=True) == 1
    second = taken(engine, NOW + SECOND)
    assert (second.payload, second.attempt) == ({"ts": 2}, 1)
    assert not finish(engine, first, NOW + SECOND)
    assert finish(engine, second, NOW + SECOND)
    assert enqueue(engine, [task("a", source, ts=3)], NOW + 2 * SECOND, again=True) == 1
    assert row(engine, "a").ended_at is None
    assert taken(engine, NOW + 2 * SECOND).payload == {"ts": 3}


def test_waits_grow_and_end(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    for chance, longest in ((0.0, 1.0), (1.0, 0.5)):
        monkeypatch.setattr(tasks.random, "random", lambda chance=chance: chance)
        waits = [wait_after(attempt) for attempt in range(1, MAX_ATTEMPTS)]
        assert waits[:4] == [timedelta(seconds=5 * n * longest) for n in (1, 2, 4, 8)]
        assert waits[-1] == LONGEST_WAIT * longest
        assert sum(waits, timedelta()) > timedelta(hours=5)
    assert wait_after(10**6) <= LONGEST_WAIT


def test_a_task_that_is_given_up_stays_to_be_seen(engine: Engine, source: int) -> None:
    enqueue(engine, [task("a", source), task("b", source)], NOW)
    assert give_up(engine, taken(engine), NOW, "not found")
    assert finish(engine, taken(engine), NOW)
    assert forget_done(engine, NOW) == 0
    assert forget_done(engine, NOW + SECOND) == 1
    assert count_tasks(engine) == {("fetch", "failed"): 1}
    assert (row(engine, "a").state, row(engine, "a").last_error) == ("failed", "not found")
    assert enqueue(engine, [task("b", source)], NOW) == 1


def test_the_last_attempt_knows_it(engine: Engine, source: int) -> None:
    enqueue(engine, [task("a", source)], NOW)
    now = NOW
    for attempt in range(1, MAX_ATTEMPTS + 1):
        claimed = taken(engine, now)
        assert claimed.is_last is (attempt == MAX_ATTEMPTS)
        now += LEASE


def test_two_workers_do_each_task_once(engine: Engine, source: int) -> None:
    names = [f"t{n:02}" for n in range(40)]
    enqueue(engine, [task(name, source) for name in names], NOW)
    done: list[str] = []
    start = threading.Barrier(4)

    def work() -> None:
        start.wait()
        while len(done) < len(names):
            if found := claim(engine, KINDS, NOW):
                done.append(found.name)
                finish(engine, found, NOW)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(done) == names
