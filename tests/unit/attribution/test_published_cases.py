"""Worked examples that others published, recomputed with exact fractions. The values are copied
here with their source; amounts are minor units."""

from collections.abc import Callable
from fractions import Fraction

import numpy as np

from service.attribution.credit import allocate_journeys
from service.attribution.journeys import JourneyArrays
from service.attribution.models import parse_model
from service.attribution.weights import weigh
from service.kit.money import COUNT_UNIT

Credit = Callable[..., list[int]]
Journeys = Callable[..., JourneyArrays]


def test_adobe_fifty_dollars(credit: Credit) -> None:
    """AdobeDocs analytics.en, analysis-workspace/attribution/models.md: visits on days 15, 18 and
    24, the third with two channels; 50 dollars. Published decay: 16.88, 16.88, 9.32, 6.92."""
    visitor = "paid_search@9 social@6 email@0 display@0"
    visit = "email@0 display@0"
    assert credit("first_touch", visit, 5_000) == [5_000, 0]
    assert credit("first_touch", visitor, 5_000) == [5_000, 0, 0, 0]
    assert credit("linear", visit, 5_000) == [2_500, 2_500]
    assert credit("linear", visitor, 5_000) == [1_250, 1_250, 1_250, 1_250]
    assert credit("j_shaped", visitor, 5_000) == [1_000, 500, 500, 3_000]
    assert credit("time_decay:half_life=7d", visitor, 5_000) == [692, 932, 1_688, 1_688]


def test_adobe_lesson_on_time_decay(credit: Credit, journeys: Journeys) -> None:
    """stementorai.com/lesson/adobe-12: 28, 21, 14 and 7 days before, half-life 7 days: 6.67 %,
    13.33 %, 26.67 %, 53.33 %, which is 1 : 2 : 4 : 8 of 15."""
    text = "a@28 b@21 c@14 d@7"
    weights = weigh(journeys(text), parse_model("time_decay")).tolist()
    assert [Fraction(weight, sum(weights)) for weight in weights] == [
        Fraction(part, 15) for part in (1, 2, 4, 8)
    ]
    assert credit("time_decay", text, 10_000) == [667, 1_333, 2_667, 5_333]


def test_ignyte_table_that_adds_up_to_96_percent(credit: Credit) -> None:
    """ignyteiq.com/glossary/time-decay-attribution prints 53, 27, 13 and 3 % for 0, 7, 14 and 28
    days. Right is 16 : 8 : 4 : 1 of 29, that is 55.2, 27.6, 13.8 and 3.4 %."""
    assert credit("time_decay", "a@28 b@14 c@7 d@0", 2_900) == [100, 400, 800, 1_600]


def test_hubspot_simple_decay_was_not_normalised(credit: Credit) -> None:
    """HubSpot knowledge base, "What is attribution modeling in the attribution report" (2016):
    1/2, 1/4 … 1/64 of the credit from the conversion backwards, 98.4 % in all. Touches one
    half-life apart stand in the same proportions and add up."""
    published = [Fraction(1, 2**step) for step in range(6, 0, -1)]
    assert sum(published) == Fraction(63, 64)
    parts = credit("time_decay:half_life=1d", "a@5 b@4 c@3 d@2 e@1 f@0", 6_300)
    assert parts == [share / sum(published) * 6_300 for share in published]


def test_snowplow_three_touches(credit: Credit) -> None:
    """dbt-snowplow-attribution, expected channel attributions: Direct, Organic_Search, Direct for
    140; two touches for 66.5; one touch."""
    three = "direct@3 organic_search@2 direct@1"
    assert credit("first_touch", three, 14_000) == [14_000, 0, 0]
    assert credit("last_touch", three, 14_000) == [0, 0, 14_000]
    assert credit("linear", three, 14_000) == [4_667, 4_667, 4_666]
    assert credit("position_based@snowplow", three, 14_000) == [5_600, 2_800, 5_600]
    assert credit("position_based@snowplow", "organic_search@2 direct@1", 6_650) == [3_325, 3_325]
    assert credit("position_based@snowplow", "direct@1", 6_650) == [6_650]


def test_snowplow_last_touch_integration(journeys: Journeys) -> None:
    """dbt-snowplow-fractribution integration tests: the six conversions of
    Direct (3), Organic_Search, Video, Organic_Search then Direct: last touch 4, 1, 1."""
    arrays = journeys(
        "direct@1", "direct@1", "direct@1", "organic@1", "video@1", "organic@2 direct@1"
    )
    weights = weigh(arrays, parse_model("last_touch"))
    counts = allocate_journeys(np.full(6, COUNT_UNIT), weights, arrays.offsets)
    names = ["direct", "organic", "video"]
    found = np.bincount(arrays.channel, weights=counts, minlength=3)
    assert dict(zip(names, found.tolist(), strict=True)) == {
        "direct": 4 * COUNT_UNIT,
        "organic": COUNT_UNIT,
        "video": COUNT_UNIT,
    }


def test_hubspot_w_shaped_and_full_path(credit: Credit) -> None:
    """HubSpot's definitions on eight touches: W 30/30/30/10 with lead on touch 4 and opportunity on
    touch 7; full path 4 x 22.5 + 10 with lead on touch 3, opportunity on touch 6, close on 8."""
    eight = "a@8 b@7 c@6 d@5 e@4 f@3 g@2 h@1"
    w_shaped = credit("w_shaped", f"{eight} | lead@5 opportunity@2", 1_000)
    assert w_shaped == [300, 20, 20, 300, 20, 20, 300, 20]
    full_path = credit("full_path", f"{eight} | lead@6 opportunity@3", 1_000)
    assert full_path == [225, 25, 225, 25, 25, 225, 25, 225]
