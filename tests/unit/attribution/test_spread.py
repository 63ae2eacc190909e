"""Fitted shares and weights given out in whole units, which add up whatever they are."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from service.attribution.spread import Sharing, inside, over, sharing
from service.attribution.transforms import Steps
from service.kit.money import allocate


def steps(*journeys: list[int], of_touch: list[int] | None = None) -> Steps:
    code = np.asarray([c for journey in journeys for c in journey], np.int32)
    offsets = np.concatenate(([0], np.cumsum([len(j) for j in journeys]))).astype(np.int64)
    touches = range(len(code)) if of_touch is None else of_touch
    step_of = np.asarray(touches, np.int64)
    return Steps(
        offsets, code, step_of, np.zeros(len(code), np.int64), np.arange(9, dtype=np.int32)
    )


def whole(*amounts: int) -> np.ndarray:
    return np.asarray(amounts, np.int64)


def rank(count: int) -> np.ndarray:
    return np.arange(count, dtype=np.int64)


def among(paths: Steps, converting: object, ranks: np.ndarray) -> tuple[np.ndarray, Sharing]:
    flags = np.asarray(converting, np.bool_)
    return flags, sharing(paths, flags, ranks)


def test_inside_every_conversion_keeps_its_own() -> None:
    paths = steps([0, 1, 2], [1], [])
    credit = inside(whole(100, 7, 0), np.asarray([1.0, 1.0, 1.0, 0.2]), paths)
    assert credit.tolist() == [34, 33, 33, 7]


def test_inside_nothing_but_noughts_is_the_last_step() -> None:
    assert inside(whole(9), np.zeros(3), steps([0, 1, 0])).tolist() == [0, 0, 9]


def test_a_step_is_divided_over_its_touches() -> None:
    paths = steps([0, 1], of_touch=[0, 0, 1, -1, 1])
    assert inside(whole(12), np.asarray([1.0, 1.0]), paths).tolist() == [3, 3, 3, 0, 3]


def test_over_a_state_gets_its_share_of_all_by_what_its_journeys_are_worth() -> None:
    """State 0 has half of 400; its journeys are worth 100 and 300. State 1 is in the second alone."""
    paths = steps([0], [0, 1])
    credit = over(
        whole(100, 300), np.asarray([0.5, 0.5]), paths, *among(paths, [True, True], rank(2))
    )
    assert credit.tolist() == [50, 150, 200]


def test_over_leaves_out_who_did_not_convert() -> None:
    paths = steps([0], [0])
    credit = over(whole(10, 0), np.asarray([1.0]), paths, *among(paths, [True, False], rank(2)))
    assert credit.tolist() == [10, 0]


def test_over_left_over_units_go_by_rank() -> None:
    """State 0 has half of 2, one unit, for two journeys: the first in rank is served."""
    paths, both = steps([0, 1], [0, 1]), np.asarray([True, True])
    shares = np.asarray([0.5, 0.5])
    assert over(whole(1, 1), shares, paths, *among(paths, both, whole(0, 1))).tolist() == [
        1,
        1,
        0,
        0,
    ]
    assert over(whole(1, 1), shares, paths, *among(paths, both, whole(1, 0))).tolist() == [
        0,
        0,
        1,
        1,
    ]


@given(st.data())
def test_all_that_is_given_out_adds_up(data: st.DataObject) -> None:
    states = data.draw(st.integers(1, 5))
    journeys = data.draw(
        st.lists(st.lists(st.integers(0, states - 1), max_size=6), min_size=1, max_size=8)
    )
    numbers = st.integers(-(10**15), 10**15)
    amounts = whole(*(data.draw(numbers) if journey else 0 for journey in journeys))
    shares = np.asarray(data.draw(st.lists(st.floats(0, 1), min_size=states, max_size=states)))
    weights = np.asarray([data.draw(st.floats(0, 1e6)) for journey in journeys for _ in journey])
    paths = steps(*journeys)
    kept = inside(amounts, weights, paths)
    for index, amount in enumerate(amounts.tolist()):
        assert int(kept[paths.offsets[index] : paths.offsets[index + 1]].sum()) == amount
    converting = np.asarray([data.draw(st.booleans()) and bool(j) for j in journeys])
    own = np.where(converting, amounts, 0)
    spread = over(own, shares, paths, *among(paths, converting, rank(len(journeys))))
    assert int(spread.sum()) == int(own.sum())


@given(st.lists(st.floats(0.001, 1), min_size=1, max_size=6), st.integers(0, 10**12))
def test_a_state_gets_what_its_share_is_of_the_total(shares: list[float], total: int) -> None:
    """One journey through all states: each gets the part that `allocate` gives it."""
    paths = steps(list(range(len(shares))))
    credit = over(whole(total), np.asarray(shares), paths, *among(paths, [True], rank(1)))
    weights = [round(share / max(shares) * 2**40) for share in shares]
    assert credit.tolist() == allocate(total, weights)
