"""The salt of a day: one for all processes, random, and gone soon after its day."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from threading import Barrier

import pytest
from sqlalchemy import Engine, delete, select

from service.collect.visitors import Visitors
from service.kit.db import make_engine
from service.ledger.salts import SALTS, salt_of

DAY = date(2026, 3, 1)
NEXT = DAY + timedelta(days=1)
AFTER = DAY + timedelta(days=2)
PROCESSES = 4


@pytest.fixture(autouse=True)
def _no_salts(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(delete(SALTS))


def kept(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.execute(select(SALTS.c.day).order_by(SALTS.c.day)).scalars())


def at_noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def test_a_day_has_one_salt_and_the_next_another(engine: Engine) -> None:
    first = salt_of(engine, DAY)
    assert len(first) == 32
    assert salt_of(engine, DAY) == first
    assert salt_of(engine, NEXT) != first
    assert salt_of(engine, DAY) == first  # a clock a little behind is still in yesterday


def test_it_is_deleted_after_its_day_and_never_made_again(engine: Engine) -> None:
    gone = salt_of(engine, DAY)
    salt_of(engine, NEXT)
    assert kept(engine) == ["2026-03-01", "2026-03-02"]
    salt_of(engine, AFTER)
    assert kept(engine) == ["2026-03-02", "2026-03-03"]
    assert salt_of(engine, DAY) != gone


def test_a_visitor_cannot_be_told_again_once_the_salt_is_gone(engine: Engine) -> None:
    def seen_by_a_new_process(day: date) -> str:
        visitors = Visitors(lambda asked: salt_of(engine, asked))
        return visitors.visitor(at_noon(day), "example.com", "Firefox", "203.0.113.7")

    then = seen_by_a_new_process(DAY)
    assert seen_by_a_new_process(DAY) == then
    assert len({then, seen_by_a_new_process(NEXT), seen_by_a_new_process(AFTER)}) == 3
    assert seen_by_a_new_process(DAY) != then


def test_processes_that_ask_at_once_agree(engine: Engine) -> None:
    url = engine.url.render_as_string(hide_password=False)
    engines = [make_engine(url) for _ in range(PROCESSES)]
    together = Barrier(PROCESSES)

    def ask(own: Engine) -> bytes:
        together.wait()
        return salt_of(own, DAY)

    try:
        with ThreadPoolExecutor(PROCESSES) as pool:
            assert len(set(pool.map(ask, engines))) == 1
    finally:
        for own in engines:
            own.dispose()
    assert kept(engine) == ["2026-03-01"]
