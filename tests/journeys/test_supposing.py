"""A mart taken through facts that it forgets again: nobody else sees them, and nothing is left."""

import pytest
from sqlalchemy import Engine

from service.journeys.causes import classify, take_in
from service.journeys.mart import Mart
from tests.journeys.test_mart_file import CONFIGURATION, engine, post, visits

__all__ = ["engine"]


def test_what_is_supposed_is_seen_by_nobody_else_and_forgotten(engine: Engine) -> None:
    mart = Mart(None, engine, CONFIGURATION)
    post(engine, "a")
    mart.refresh()
    post(engine, "b", "c")
    with mart.supposing() as (supposed, tail):
        facts = classify(supposed, tail, 1, 3, 2**62)
        assert {cause: seqs.tolist() for cause, seqs in facts.items() if len(seqs)} == {
            "late_facts": [2, 3]
        }
        take_in(supposed, tail, "late_facts", 1, mart.configuration)
        count = supposed.execute("SELECT COUNT(*) FROM touchpoints").fetchall()
        assert (count, visits(mart)) == ([(3,)], 1)
    assert (visits(mart), mart.watermark) == (1, 1)
    mart.refresh()
    assert (visits(mart), mart.watermark) == (3, 3)
    mart.close()


def test_a_failure_leaves_nothing_supposed_either(engine: Engine) -> None:
    mart = Mart(None, engine, CONFIGURATION)
    post(engine, "a")
    with pytest.raises(ZeroDivisionError):
        _suppose_and_fail(mart)
    assert visits(mart) == 0
    assert mart.refresh() == 1
    assert visits(mart) == 1
    mart.close()


def _suppose_and_fail(mart: Mart) -> None:
    with mart.supposing() as (supposed, tail):
        classify(supposed, tail, 0, 1, 0)
        take_in(supposed, tail, "new_facts", 0, mart.configuration)
        raise ZeroDivisionError
