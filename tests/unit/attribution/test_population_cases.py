"""Published worked examples of the models of the population, each with its publisher."""

import pytest

from service.attribution.chains import chain_of, statistics_of
from service.attribution.examples_population import POPULATION_EXAMPLES, PopulationExample
from tests.unit.attribution.populations import Row, credit_of, fitted, paths_of

BRYL: list[Row] = [("C1 C2 C3", 1, 0, 1000), ("C1", 0, 1, 0), ("C2 C3", 0, 1, 0)]
DERIVED: list[Row] = [
    ("A B C", 3, 1, 30),
    ("A B", 1, 4, 5),
    ("B C", 2, 2, 10),
    ("C B A", 1, 3, 20),
    ("A", 1, 5, 4),
    ("A B A B", 2, 1, 18),
]


def _counts(rows: list[Row]) -> list[Row]:
    return [row[:3] for row in rows]


def _effects(model: str, rows: list[Row]) -> dict[str, float]:
    fit, names = fitted(model, rows)
    return dict(zip(names, fit.details["removal_effect"].tolist(), strict=True))


def _transitions(rows: list[Row]) -> dict[str, float]:
    """Chances of the chain of order 1 that are not zero; "end" is a conversion."""
    paths, names = paths_of(rows)
    counted = statistics_of(chain_of(paths, 1))
    journeys = paths.conversions + paths.nulls
    moves, ends = journeys @ counted.moves, paths.conversions @ counted.ends
    visits = moves @ counted.leaving + journeys @ counted.ends
    starts = visits - moves @ counted.entering
    found = {
        f"{names[a]} {names[b]}": float(n / visits[a])
        for a, b, n in zip(counted.source, counted.target, moves, strict=True)
    }
    found |= {f"start {n}": float(s / journeys.sum()) for n, s in zip(names, starts, strict=True)}
    found |= {f"{n} end": float(e / v) for n, e, v in zip(names, ends, visits, strict=True)}
    return {name: value for name, value in found.items() if value}


@pytest.mark.parametrize("example", POPULATION_EXAMPLES, ids=lambda item: item.model)
def test_worked_example(example: PopulationExample) -> None:
    assert credit_of(example.model, example.paths) == pytest.approx(dict(example.credit), abs=1e-12)


def test_bryl_three_channels() -> None:
    """analyzecore.com 2016-08-03, part 1; also JesseCastro/markovattribution test.js."""
    fit, _ = fitted("markov", BRYL)
    assert fit.facts["conversion_rate"] == pytest.approx(1 / 3, abs=1e-12)
    assert _effects("markov", BRYL) == pytest.approx({"C1": 0.5, "C2": 1, "C3": 1}, abs=1e-9)
    assert credit_of("markov", BRYL) == pytest.approx({"C1": 200, "C2": 400, "C3": 400}, abs=1e-9)


def test_mta_two_paths() -> None:
    """eeghor/mta tests/test_probabilistic_models.py: its transitions, effects derived from them."""
    rows: list[Row] = [("a b", 3, 1), ("a c", 1, 1)]
    assert _transitions(rows) == {
        "a b": 2 / 3, "a c": 1 / 3, "start a": 1, "b end": 3 / 4, "c end": 1 / 2,
    }  # fmt: skip
    assert fitted("markov", rows)[0].facts["conversion_rate"] == pytest.approx(2 / 3, abs=1e-12)
    assert _effects("markov", rows) == pytest.approx({"a": 1, "b": 0.75, "c": 0.25}, abs=1e-12)


def test_puzyrov_two_channels() -> None:
    """serhiipuzyrov.com 2019-07, removal effect: printed transitions, solved exactly."""
    rows: list[Row] = [("ads", 2, 1), ("mailing", 1, 0), ("ads mailing", 1, 0)]
    assert _transitions(rows) == {
        "ads mailing": 0.25, "start ads": 0.8, "start mailing": 0.2, "ads end": 0.5, "mailing end": 1,
    }  # fmt: skip
    assert fitted("markov", rows)[0].facts["conversion_rate"] == pytest.approx(0.8, abs=1e-12)
    assert _effects("markov", rows) == pytest.approx({"ads": 0.75, "mailing": 0.5}, abs=1e-12)
    assert credit_of("markov", rows) == pytest.approx({"ads": 2.4, "mailing": 1.6}, abs=1e-12)


def test_pychattr_without_null() -> None:
    """jmwoloso/pychattr README: simulated there (0.5067, 1.991), one half and 2 : 1 exactly."""
    rows: list[Row] = [("A B A B B A", 1, 7), ("A B B A A", 1, 7), ("A A", 1, 7)]
    converting: list[Row] = [(path, won, 0) for path, won, _ in rows]
    assert _transitions(converting) == {"A B": 0.5, "B A": 1, "start A": 1, "A end": 0.5}
    assert _effects("markov:null=false", rows) == pytest.approx({"A": 1, "B": 0.5}, abs=1e-12)
    assert credit_of("markov:null=false", rows) == pytest.approx({"A": 2, "B": 1}, abs=1e-12)


@pytest.mark.parametrize(
    ("order", "effects", "conversions", "values"),
    [
        (
            1,
            (0.6672131147540984, 0.6893333333333334, 0.5757446808510638),
            (3.4529637111185827, 3.5674403458655775, 2.97959594301584),
            (32.29655242333151, 30.03157369413141, 24.67187388253708),
        ),
        (
            2,
            (0.75, 0.9, 0.6),
            (10 / 3, 4, 8 / 3),
            (28.38222763237979, 35.160073037127205, 23.457699330493),
        ),
        (
            3,
            (0.8, 0.9, 0.6),
            (3.4782608695652173, 3.9130434782608696, 2.608695652173913),
            (30.45, 32.82272727272727, 23.727272727272727),
        ),
    ],
)
def test_orders_by_exact_fractions(
    order: int,
    effects: tuple[float, ...],
    conversions: tuple[float, ...],
    values: tuple[float, ...],
) -> None:
    """Solved with exact fractions; states as the R package ChannelAttribution makes them."""
    model = f"markov:order={order}"
    fit, _ = fitted(model, DERIVED)
    assert fit.facts["conversion_rate"] == pytest.approx(10 / 26, abs=1e-12)
    assert tuple(_effects(model, DERIVED).values()) == pytest.approx(effects, abs=1e-12)
    given = credit_of(model, _counts(DERIVED))
    assert tuple(given.values()) == pytest.approx(conversions, abs=1e-9)
    assert tuple(credit_of(model, DERIVED).values()) == pytest.approx(values, abs=1e-9)


def test_snowplow_fractribution() -> None:
    """snowplow/dbt-snowplow-fractribution, integration_tests/data/expected (Apache-2.0)."""
    rows: list[Row] = [
        ("Direct", 3, 25, 94.42),
        ("Organic_Search", 1, 26, 66.5),
        ("Referral Direct", 0, 1, 0),
        ("Video", 1, 2, 200),
        ("Organic_Search Paid_Search_Other", 0, 2, 0),
        ("Referral", 0, 2, 0),
        ("Organic_Search Direct", 1, 1, 140),
        ("Paid_Search_Other", 0, 1, 0),
        ("Unmatched_Channel", 0, 1, 0),
    ]
    nothing = {"Paid_Search_Other": 0.0, "Referral": 0.0, "Unmatched_Channel": 0.0}
    assert credit_of("fractribution", _counts(rows)) == pytest.approx(
        {"Direct": 3.5409582689335393, "Organic_Search": 1.4590417310664605, "Video": 1, **nothing},
        abs=1e-9,
    )
    assert credit_of("fractribution", rows) == pytest.approx(
        {
            "Direct": 170.1541576506955,
            "Organic_Search": 130.76584234930448,
            "Video": 200,
            **nothing,
        },
        abs=1e-9,
    )


def test_mta_shapley() -> None:
    """eeghor/mta tests/test_shapley.py."""
    rows: list[Row] = [("a", 4, 0), ("a b", 6, 0)]
    assert credit_of("shapley", rows) == pytest.approx({"a": 7, "b": 3}, abs=1e-12)


def test_hegewald_three_channels() -> None:
    """Hegewald, towardsdatascience, data-driven marketing attribution: conversions as hundredths."""
    rows: list[Row] = [
        ("F", 20, 0),
        ("O", 10, 0),
        ("L", 17, 0),
        ("F O", 17, 0),
        ("F L", 30, 0),
        ("F L O", 6, 0),
    ]
    expected = {"F": 45.5, "O": 20.5, "L": 34}
    assert credit_of("shapley", rows) == pytest.approx(expected, abs=1e-9)


def test_ordered_shapley_by_position() -> None:
    """Zhao, Mahboobi, Bagheri 2018, ordered; derived with fractions."""
    rows: list[Row] = [("a b a", 6, 0), ("b a", 4, 0), ("a", 2, 0), ("c b a c", 3, 0)]
    fit, names = fitted("shapley_ordered", rows)
    given = {f"{names[code]}@{place}": value for code, place, value in fit.facts["by_position"]}  # type: ignore[attr-defined]
    # The path c b a c carries 1 for each of three channels: a at 3, b at 2, half of c at each end.
    derived = {"a@1": 3.5, "a@2": 2, "a@3": 2.5, "b@1": 2, "b@2": 4, "c@1": 0.5, "c@4": 0.5}
    assert given == pytest.approx(derived, abs=1e-12)


def test_do_attribution_is_offered_as_the_subset_game() -> None:
    """do-attribution 0.0.2 README: its exact-set game gives -0.58 to a channel and sums to zero; the
    subset-sum game of the same data adds up to the conversions, none below zero."""
    rows: list[Row] = [
        ("Email Social", 1, 1),
        ("Search Email", 1, 0),
        ("Social", 1, 0),
        ("Email Search", 0, 1),
        ("Search Social Email", 1, 0),
        ("Direct", 1, 0),
        ("Search Email Social", 1, 0),
        ("Social Email", 1, 0),
        ("Search", 0, 1),
    ]
    given = credit_of("shapley", rows)
    expected = {"Direct": 1, "Email": 13 / 6, "Search": 7 / 6, "Social": 8 / 3}
    assert given == pytest.approx(expected, abs=1e-12)


def test_dp6_value_function() -> None:
    """DP6/Marketing-Attribution-Models README: v = O 7, F 6, D 4, FO 15, DO 7, DF 9, DFO 19. As sums
    over subsets: what each set adds beyond its parts is its own conversions."""
    v = {"": 0, "O": 7, "F": 6, "D": 4, "FO": 15, "DO": 7, "DF": 9, "DFO": 19}
    own: dict[str, int] = {}
    for name in sorted(v, key=len):
        own[name] = v[name] - sum(n for part, n in own.items() if set(part) < set(name))
    rows: list[Row] = [(" ".join(name), 1, 0, worth) for name, worth in own.items() if name]
    expected = {"O": 23 / 3, "F": 49 / 6, "D": 19 / 6}
    assert credit_of("shapley", rows) == pytest.approx(expected, abs=1e-12)
