"""What an explanation writes out is what the model gave: worked weights are the kernel's."""

from collections.abc import Callable
from datetime import timedelta
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, note, settings

from service.attribution.credit import allocate_journeys
from service.attribution.examples import EXAMPLES, Example, example_journeys
from service.attribution.journeys import JourneyArrays
from service.attribution.models import DEFINITIONS, parse_model
from service.attribution.presets import PRESETS
from service.attribution.weights import KERNELS, weigh
from service.attribution.working import Working, divided, number, shares_of
from service.attribution.workings import WORKINGS, work
from service.kit.money import allocate
from tests.unit.attribution.test_model_laws import MODELS, journey_lists

YEAR = timedelta(days=365)
EVERY = (
    *MODELS,
    *(preset.name for preset in PRESETS),
    "time_decay:half_life=3m",
    "custom:touch5=1",
    "position_based:first_of_two=1:last_of_two=2",
)


def test_every_rule_model_has_a_working() -> None:
    rules = {name for name, definition in DEFINITIONS.items() if definition.kind == "rule"}
    assert set(WORKINGS) == set(KERNELS) == rules


@settings(max_examples=60, deadline=None)
@given(journey_lists)
def test_worked_weights_are_the_credit_given(examples: list[Example]) -> None:
    journeys = example_journeys(examples)
    for model in EVERY:
        spec = parse_model(model)
        weights = weigh(journeys, spec, YEAR)
        values = np.array([example.value for example in examples], dtype=np.int64)
        credit = allocate_journeys(values, weights, journeys.offsets)
        for index, example in enumerate(examples):
            note(f"{model} {example}")
            rows = slice(journeys.offsets[index], journeys.offsets[index + 1])
            found = work(journeys.select(index, index + 1), spec, YEAR)
            assert len(found) == len(example.touches)
            given_out = weights[rows].tolist()
            shares = shares_of(found)
            if shares is None:
                assert not any(given_out)
            elif spec.name == "time_decay":
                whole = sum(given_out)
                assert shares == pytest.approx([w / whole for w in given_out], abs=2e-8)
            else:
                assert shares == [Fraction(w, sum(given_out)) for w in given_out]
                assert _allocated(example.value, shares) == credit[rows].tolist()


def _allocated(value: int, shares: list[Fraction | float]) -> list[int]:
    exact = [Fraction(share) for share in shares]
    common = np.lcm.reduce([share.denominator for share in exact])
    return allocate(value, [int(share * int(common)) for share in exact])


def test_every_documented_example_is_worked() -> None:
    for example in EXAMPLES:
        if example.model == "participation":
            continue
        arrays, spec = example_journeys([example]), parse_model(example.model)
        shares = shares_of(work(arrays, spec, example.lookback))
        expected = [float(credit) for credit in example.credit]
        assert [example.value * float(share) for share in shares or ()] == pytest.approx(
            expected if any(expected) else [], abs=1
        )


Make = Callable[..., JourneyArrays]


def _texts(journeys: Make, model: str, text: str) -> list[str]:
    return [working.text for working in work(journeys(text), parse_model(model))]


@pytest.mark.parametrize(
    ("model", "text", "expected"),
    [
        ("first_touch", "email@2 referral@1", ["the first touch: 1", "not the first touch: 0"]),
        ("last_touch", "email@2 referral@1", ["not the last touch: 0", "the last touch: 1"]),
        (
            "last_non_direct",
            "email@3 referral@2 direct@1",
            [
                "a later touch's channel is not direct: 0",
                "the last touch whose channel is not direct: 1",
                "its channel is direct: 0",
            ],
        ),
        (
            "last_paid:fallback=unattributed",
            "email@3",
            ["its channel is not paid: 0"],
        ),
        (
            "last_paid",
            "email@3 referral@1",
            ["its channel is not paid: 0", "no touch's channel is paid, so the last touch: 1"],
        ),
        ("linear", "email@3", ["1"]),
        (
            "linear:unique=true",
            "email@3 referral@2 email@1",
            [
                "1 / 2 (touches of its channel) = 0.5",
                "1 / 1 (touches of its channel) = 1",
                "1 / 2 (touches of its channel) = 0.5",
            ],
        ),
        (
            "time_decay",
            "email@7 referral@3.5",
            ["2^(-7d / 7d) = 0.5", "2^(-3.5d / 7d) = 0.7071"],
        ),
        (
            "time_decay:half_life=3m",
            "email@7",
            ["2^(-0m / 3m) = 1, age counted back from the last touch"],
        ),
        (
            "w_shaped",
            "email@9 referral@8 email@7 direct@1 | lead@9 opportunity@1",
            ["first 30 + lead 30 = 60", "others 10 / 2 = 5", "others 10 / 2 = 5", "opportunity 30"],
        ),
        ("position_based", "email@9 referral@8", ["first 40", "last 40"]),
        ("custom:touch3=1", "email@9", ["no touch holds a share, so all alike: 1"]),
        ("custom:first=1", "email@9 email@8", ["first 1", "holds no share: 0"]),
        (
            "position_based:first_of_two=30:last_of_two=70",
            "email@9 email@8",
            ["first_of_two 30", "last_of_two 70"],
        ),
    ],
)
def test_the_formula_has_the_journeys_numbers(
    journeys: Make, model: str, text: str, expected: list[str]
) -> None:
    assert _texts(journeys, model, text) == expected


def test_a_journey_without_touches_has_nothing_to_work(journeys: Make) -> None:
    assert work(journeys(""), parse_model("linear")) == []


def test_one_journey_and_rules_only(journeys: Make) -> None:
    with pytest.raises(ValueError, match="one journey"):
        work(journeys("email@1", "email@2"), parse_model("linear"))
    with pytest.raises(ValueError, match="one journey"):
        work(journeys("email@1"), parse_model("markov"))


def test_from_a_weight_to_its_share() -> None:
    assert divided(Working("2^(-3.5d / 7d) = 0.7071", 2**-0.5), 1.9) == (
        "2^(-3.5d / 7d) = 0.7071; divided by the sum 1.9 = 0.3722"
    )
    assert divided(Working("its channel is not paid: 0", Fraction(0)), 0) == (
        "its channel is not paid: 0"
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (40, "40"), (22.5, "22.5"), (1 / 3, "0.3333"), (2**-20, "9.537e-07"), (12345.678, "12345.678")],
)  # fmt: skip
def test_numbers_are_short(value: float, text: str) -> None:
    assert number(value) == text
