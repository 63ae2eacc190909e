"""Laws of the models of the population, held against slow solutions in exact fractions."""

from collections import defaultdict
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise, permutations
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from service.attribution import draws, markov
from service.attribution.models import parse_model
from service.attribution.paths import offsets_of
from service.attribution.population import fit, fit_draws
from service.attribution.rates import EARLY_CHANNELS, fit_rate
from service.attribution.transforms import apply
from service.kit.errors import Refusal
from tests.unit.attribution.populations import Row, credit_by_state, credit_of, fitted, paths_of

PATH = st.lists(st.sampled_from("abcd"), min_size=1, max_size=6).map(" ".join)
ROW = st.tuples(PATH, st.integers(0, 5), st.integers(0, 5), st.integers(1, 900).map(float))
ROWS = st.lists(ROW, min_size=1, max_size=8, unique_by=lambda row: row[0]).filter(
    lambda rows: any(row[1] for row in rows)
)
MODELS = (
    "markov",
    "markov:order=2",
    "markov:order=3",
    "markov:order=4",
    "markov:null=false",
    "shapley",
    "shapley_ordered",
    "shapley_rate",
    "fractribution",
)


def walk(path: str, order: int) -> list[tuple[str, ...]]:
    """The states of a path: windows of `order` channels, equal ones in a row once."""
    steps = tuple(path.split())
    states = [steps[i : i + order] for i in range(max(len(steps) - order + 1, 1))]
    return [state for i, state in enumerate(states) if i == 0 or state != states[i - 1]]


def chance(rows: list[Row], order: int, without: str | None = None) -> Fraction:
    """P of the chain, by elimination in exact fractions; `without` leads to nothing."""
    moves: dict[tuple[str, ...], dict[object, int]] = defaultdict(lambda: defaultdict(int))
    for path, won, lost, *_ in rows:
        states = [("(start)",), *walk(path, order)]
        for here, there in pairwise(states):
            moves[here][there] += won + lost
        moves[states[-1]]["conversion"] += won
        moves[states[-1]]["null"] += lost
    names = [state for state in moves if without not in state and sum(moves[state].values())]
    size = len(names)
    table = [[Fraction(int(i == j)) for j in range(size + 1)] for i in range(size)]
    for i, name in enumerate(names):
        total = sum(moves[name].values())
        for j, other in enumerate(names):
            table[i][j] -= Fraction(moves[name][other], total)
        table[i][size] = Fraction(moves[name]["conversion"], total)
    for i in range(size):
        pivot = next(k for k in range(i, size) if table[k][i])
        table[i], table[pivot] = table[pivot], table[i]
        table[i] = [cell / table[i][i] for cell in table[i]]
        for k in range(size):
            if k != i and table[k][i]:
                factor = table[k][i]
                table[k] = [a - factor * b for a, b in zip(table[k], table[i], strict=True)]
    return table[names.index(("(start)",))][size]


@settings(max_examples=60, deadline=None)
@given(ROWS, st.integers(1, 4))
def test_effects_are_those_of_exact_fractions(rows: list[Row], order: int) -> None:
    fit_, names = fitted(f"markov:order={order}", rows)
    rate = chance(rows, order)
    effects = [float(1 - chance(rows, order, name) / rate) for name in names]
    assert fit_.details["removal_effect"].tolist() == pytest.approx(effects, abs=1e-9)
    assert fit_.facts["conversion_rate"] == pytest.approx(float(rate), abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(ROWS, st.integers(1, 4))
def test_the_chain_converts_at_the_rate_observed(rows: list[Row], order: int) -> None:
    fit_, _ = fitted(f"markov:order={order}", rows)
    won, lost = (sum(row[k] for row in rows) for k in (1, 2))
    assert fit_.facts["conversion_rate"] == pytest.approx(won / (won + lost), abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_visits_are_those_observed(rows: list[Row]) -> None:
    fit_, names = fitted("markov", rows)
    journeys = sum(row[1] + row[2] for row in rows)
    for name, visits in zip(names, fit_.details["visits_per_journey"], strict=True):
        seen = sum((row[1] + row[2]) * walk(row[0], 1).count((name,)) for row in rows)
        assert visits == pytest.approx(seen / journeys, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_repeats_do_not_change_effects_of_order_one(rows: list[Row]) -> None:
    doubled = [(" ".join(c for c in row[0].split() for _ in "xy"), *row[1:]) for row in rows]
    plain, again = (fitted("markov", some)[0].details["removal_effect"] for some in (rows, doubled))
    assert again.tolist() == pytest.approx(plain.tolist(), abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_an_order_of_the_longest_path_gives_the_share_of_conversions(rows: list[Row]) -> None:
    short = [(" ".join(row[0].split()[:4]), *row[1:]) for row in rows]
    fit_, names = fitted("markov:order=4", short)
    won = sum(row[1] for row in short)
    for name, effect in zip(names, fit_.details["removal_effect"], strict=True):
        held = sum(row[1] for row in short if name in row[0].split())
        assert effect == pytest.approx(held / won, abs=1e-12)


@pytest.mark.parametrize("model", [name for name in MODELS if name != "shapley_rate"])
@settings(max_examples=30, deadline=None)
@given(rows=ROWS)
def test_one_touch_is_last_touch(model: str, rows: list[Row]) -> None:
    single = [(row[0].split()[0], *row[1:3]) for row in rows]
    given_ = credit_of(model, single)
    for name, credit in given_.items():
        assert credit == pytest.approx(sum(r[1] for r in single if r[0] == name), abs=1e-9)


@pytest.mark.parametrize("model", MODELS)
@settings(max_examples=30, deadline=None)
@given(rows=ROWS)
def test_nothing_is_lost_and_nothing_negative(model: str, rows: list[Row]) -> None:
    rows = [(path, won, lost, worth if won else 0.0) for path, won, lost, worth in rows]
    credit = credit_of(model, rows)
    assert sum(credit.values()) == pytest.approx(sum(row[3] for row in rows), rel=1e-9)
    assert min(credit.values()) >= 0


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_shapley_is_the_mean_over_all_orders(rows: list[Row]) -> None:
    names = sorted({name for row in rows for name in row[0].split()})
    for model, rated in (("shapley", False), ("shapley_rate", True)):
        expected = dict.fromkeys(names, Fraction(0))
        orders = list(permutations(names))
        for order in orders:
            before = Fraction(0)
            for count, name in enumerate(order, 1):
                within = [row for row in rows if set(row[0].split()) <= set(order[:count])]
                won, lost = (sum(row[k] for row in within) for k in (1, 2))
                after = Fraction(won, (won + lost) or 1) if rated else Fraction(won)
                expected[name] += (after - before) / len(orders)
                before = after
        fit_, _ = fitted(model, [row[:3] for row in rows])
        given_ = fit_.details["marginal"].tolist()
        assert given_ == pytest.approx([float(v) for v in expected.values()], abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(ROWS, st.sampled_from(MODELS))
def test_a_draw_is_a_fit_of_its_counts(rows: list[Row], model: str) -> None:
    """Also where the counts are given by groups and drawn."""
    rows = [row[:3] for row in rows]
    paths, names = paths_of(rows)
    credit = np.array([credit_of(model, rows)[name] for name in names])
    once = [table[None, :] for table in (paths.conversions, paths.nulls, paths.values)]
    spec = parse_model(model)
    shares = fit_draws(paths, *once, spec)[0]
    assert (shares * paths.values.sum()).tolist() == pytest.approx(credit.tolist(), abs=1e-9)
    thrice = fit_draws(paths, *once, spec, draws=np.array([[3.0]]))[0]
    assert thrice.tolist() == pytest.approx(shares.tolist(), abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(
    ROWS,
    st.sampled_from(MODELS),
    st.lists(st.lists(st.integers(0, 3), min_size=3, max_size=3), min_size=1, max_size=4),
    st.randoms(use_true_random=False),
)
def test_each_draw_of_groups_is_a_fit_of_what_it_holds(
    rows: list[Row], model: str, times: list[list[int]], random: Random
) -> None:
    """Three groups share the journeys out; a draw may hold none, and one without a conversion."""
    paths, _ = paths_of(rows)
    spec = parse_model(model)
    tables = [
        np.array([[random.randint(0, 4) for _ in range(paths.path_count)] for _ in range(3)])
        for _ in range(2)
    ]
    tables.append(tables[0] * np.array([10, 20, 30])[:, None])
    shares = fit_draws(paths, *map(csr_array, tables), spec, draws=np.array(times, float))
    for draw, found in zip(times, shares, strict=True):
        won, lost, worth = (np.array(draw) @ table for table in tables)
        held = replace(paths, conversions=won, nulls=lost, values=worth.astype(float))
        expected = credit_by_state(fit(held, spec), held)
        assert found.tolist() == pytest.approx(expected.tolist(), abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(ROWS, st.integers(2, 3))
def test_iterating_gives_what_inverting_gives(rows: list[Row], order: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        inverted, _ = fitted(f"markov:order={order}", rows)
        patch.setattr(markov, "DENSE_STATES", 0)
        iterated, _ = fitted(f"markov:order={order}", rows)
    assert iterated.shares.tolist() == pytest.approx(inverted.shares.tolist(), abs=1e-9)  # type: ignore[union-attr]


def test_a_journey_of_thousands_of_touches_is_solved_or_refused() -> None:
    """A robot's: iterating would take hundreds of thousands of steps."""
    random = Random(1)
    long = " ".join(f"c{random.randrange(30)}" for _ in range(3_000))
    rows: list[Row] = [(long, 1, 0), ("c0 c1 c2", 5, 9), ("c3", 1, 4)]
    found, _ = fitted("markov:order=2", rows)
    assert found.facts["iterations"] == 0
    assert found.facts["conversion_rate"] == pytest.approx(7 / 20, abs=1e-12)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(markov, "MOST_STATES", 100)
        patch.setattr(markov, "MOST_WORK", 1_000_000)
        with pytest.raises(Refusal, match="max_steps") as refused:
            fitted("markov:order=2", rows)
    assert refused.value.code == "too_many_states"


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 3), max_size=8), max_size=5),
    st.sampled_from((None, "exposure", "first", "frequency", "exposure+frequency")),
    st.sampled_from((None, 1, 2, 3)),
)
def test_every_step_stands_for_touches(
    journeys: list[list[int]], transform: str | None, most: int | None
) -> None:
    offsets = offsets_of(np.array([len(journey) for journey in journeys], dtype=np.int64))
    codes = np.array([code for journey in journeys for code in journey], dtype=np.int32)
    steps = apply(codes, offsets, transform, {}, most)
    kept = steps.step_of >= 0
    assert set(steps.step_of[kept].tolist()) == set(range(len(steps.codes)))
    channel = steps.channel_of.take(steps.codes)
    assert channel.take(steps.step_of[kept]).tolist() == codes[kept].tolist()
    assert (np.diff(steps.offsets) > 0).tolist() == (np.diff(offsets) > 0).tolist()
    for start, end in zip(steps.offsets[:-1], steps.offsets[1:], strict=True):
        assert (np.diff(steps.moment_of[start:end]) > 0).all()


def test_sampled_orders_stand_within_their_error() -> None:
    generator = np.random.default_rng(7)
    rows = [
        (" ".join(generator.choice(list("abcdefgh"), 3)), int(won), int(lost))
        for won, lost in generator.integers(1, 9, (40, 2))
    ]
    paths, _ = paths_of(rows)
    exact, sampled, again = (fit_rate(paths, 400, 3, limit) for limit in (22, 0, 0))
    error = sampled.facts["sampling_error"]
    assert exact.facts["sampling_error"] == 0.0
    assert isinstance(error, float)
    assert 0 < error < 0.05
    away = np.abs(sampled.details["marginal"] - exact.details["marginal"]).max()
    assert away < 5 * error
    assert again.details["marginal"].tobytes() == sampled.details["marginal"].tobytes()


def test_rates_are_never_given_without_their_warning() -> None:
    fit_, _ = fitted("shapley_rate", [("a", 1, 1)])
    assert fit_.facts["warnings"] == [EARLY_CHANNELS]


@pytest.mark.parametrize("model", MODELS)
def test_no_conversion_no_credit(model: str) -> None:
    for rows in ([("a b", 0, 3)], [("", 2, 3)]):
        paths, _ = paths_of(rows)
        found = fit(paths, parse_model(model))
        given_ = found.shares if found.shares is not None else found.step_weights
        assert given_ is not None
        assert found.shares is None or not given_.any()


@settings(max_examples=30, deadline=None)
@given(ROWS, st.integers(1, 4))
def test_many_channels_that_nobody_met_change_nothing(rows: list[Row], order: int) -> None:
    """Windows of so many channels no longer fit into the tables that few are looked up in."""
    paths, _ = paths_of(rows)
    spec = parse_model(f"markov:order={order}")
    few = fit(paths, spec).shares
    many = fit(replace(paths, codes=paths.codes * 99, state_count=400), spec).shares
    assert few is not None
    assert many is not None
    assert many[::99][: len(few)].tolist() == pytest.approx(few.tolist(), abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(ROWS, st.sampled_from(MODELS))
def test_draws_one_by_one_are_those_drawn_at_once(rows: list[Row], model: str) -> None:
    paths, _ = paths_of(rows)
    tables = [csr_array(t[None, :]) for t in (paths.conversions, paths.nulls, paths.values)]
    times = np.array([[1.0], [0.0], [3.0]])
    at_once = fit_draws(paths, *tables, parse_model(model), draws=times)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(draws, "AT_ONCE", 1)
        one_by_one = fit_draws(paths, *tables, parse_model(model), draws=times)
    assert one_by_one.tolist() == at_once.tolist()
