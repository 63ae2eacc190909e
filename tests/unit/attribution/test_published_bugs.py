"""Bugs of published attribution code, each a test: what was shown once and what is right."""

import importlib
import pkgutil
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

import service.attribution
from service.attribution.credit import allocate_journeys
from service.attribution.distinct import participation
from service.attribution.journeys import JourneyArrays
from service.attribution.models import parse_model
from service.attribution.weights import KERNELS, weigh

Credit = Callable[..., list[int]]
Journeys = Callable[..., JourneyArrays]


def test_posthog_two_touches_do_not_lose_20_percent(credit: Credit) -> None:
    # A first draft gave 0.4 + 0.4 of two touches: 4,000 + 4,000 of 10,000.
    assert credit("position_based", "google@2 newsletter@1") == [5_000, 5_000]


def test_posthog_one_touch_does_not_lose_100_percent(credit: Credit) -> None:
    # The same draft passed over journeys of one touch: 0 of 10,000.
    assert credit("position_based", "google@2") == [10_000]


def test_posthog_two_purchases_of_one_person_count_twice(journeys: Journeys) -> None:
    # Every person counted as one conversion; a journey belongs to a conversion.
    arrays = journeys("reddit@9 reddit@4", "reddit@20 instagram@2")
    counts = allocate_journeys(
        np.array([1_000_000, 1_000_000]), weigh(arrays, parse_model("last_touch")), arrays.offsets
    )
    assert counts.tolist() == [0, 1_000_000, 0, 1_000_000]


def test_umami_touches_of_one_instant_are_not_counted_twice(credit: Credit) -> None:
    # Rows matched by equal timestamps: both touches were "last", 200 % in all.
    assert credit("last_touch", "google@0 email@0") == [0, 10_000]
    assert credit("first_touch", "google@0 email@0") == [10_000, 0]
    assert credit("u_shaped", "google@0 email@0 | lead@0") == [5_000, 5_000]


def test_fractribution_channel_names_are_not_split(credit: Credit, journeys: Journeys) -> None:
    # Paths joined by " > ": the one channel "Search > Brand" became the two, Search and Brand.
    arrays = journeys("email@1")
    named = JourneyArrays(
        arrays.offsets,
        arrays.touched_at,
        np.array([["email", "Search > Brand"].index("Search > Brand")], dtype=np.int32),
        arrays.is_direct,
        arrays.channel_class,
        arrays.converted_at,
    )
    assert participation(named).tolist() == [1]
    assert weigh(named, parse_model("linear:unique=true")).tolist() == [1]


def test_fractribution_revenue_of_the_same_path_is_added(journeys: Journeys) -> None:
    # 100 + 250 on one path in two rows gave 100.
    arrays = journeys("email@2 google@1", "email@2 google@1")
    credit = allocate_journeys(
        np.array([100, 250]), weigh(arrays, parse_model("linear")), arrays.offsets
    )
    assert credit.sum() == 350


@pytest.mark.parametrize("touches", [6, 7, 9, 10, 11])
def test_fractribution_nths_add_up(touches: int, credit: Credit) -> None:
    # Added one by one as floats, 1/n does not make 1.0 for these n.
    total = 0.0
    for _ in range(touches):
        total += 1.0 / touches
    assert total != 1.0
    parts = credit("linear", " ".join(["email@1"] * touches), 100)
    assert sum(parts) == 100
    assert max(parts) - min(parts) <= 1


@pytest.mark.parametrize("model", [name for name in KERNELS if name != "custom"])
def test_fractribution_models_change_nothing_but_their_answer(
    model: str, journeys: Journeys
) -> None:
    # "Side-effect: …": models wrote into shared state, so their order mattered.
    arrays = journeys(
        "email@9 google@5 email@2 direct@1 | lead@6 opportunity@3", "email@2 google@1"
    )
    columns: list[np.ndarray] = [arrays.offsets, arrays.touched_at, arrays.channel]
    columns += [arrays.is_direct, arrays.channel_class, arrays.converted_at]
    columns += arrays.milestones.values()
    for column in columns:
        column.flags.writeable = False
    once = weigh(arrays, parse_model(model))
    assert weigh(arrays, parse_model(model)).tolist() == once.tolist()
    assert once.dtype == np.int64


def test_snowplow_free_conversions_keep_their_credit(journeys: Journeys) -> None:
    # Conversions were revenue share x count: 0 / 0 where all revenue is 0, and leads are free.
    arrays = journeys("email@2 google@1")
    weights = weigh(arrays, parse_model("linear"))
    assert allocate_journeys(np.array([0]), weights, arrays.offsets).tolist() == [0, 0]
    counts = allocate_journeys(np.array([1_000_000]), weights, arrays.offsets)
    assert counts.tolist() == [500_000, 500_000]


def test_mta_time_decay_is_not_linear(journeys: Journeys) -> None:
    # Its "time decay" fell by equal steps: 1 : 2 : 3. Halving by half-lives is 1 : 2 : 4.
    weights = weigh(journeys("a@14 b@7 c@0"), parse_model("time_decay")).tolist()
    assert [Fraction(weight, weights[0]) for weight in weights] == [1, 2, 4]


def test_mam_shares_reach_every_channel(credit: Credit) -> None:
    # Only the last four channels of the alphabet got a share, the others zero.
    assert credit("linear:unique=true", "a@6 b@5 c@4 d@3 e@2 f@1", 600) == [100] * 6


def test_refunds_are_credited_like_sales(credit: Credit) -> None:
    # Rounding down a negative amount gives -34, -34, -34 of -100.
    assert credit("linear", "a@3 b@2 c@1", -100) == [-34, -33, -33]


def test_channelattribution_importing_says_and_draws_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    # It prints an advertisement at import; MAM sets the global plot style.
    for module in pkgutil.iter_modules(service.attribution.__path__):
        importlib.import_module(f"service.attribution.{module.name}")
    assert capsys.readouterr() == ("", "")
