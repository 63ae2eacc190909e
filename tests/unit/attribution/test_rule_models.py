"""Rule models on short and odd journeys: 0, 1, 2, 3 touches, missing and coinciding milestones."""

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest

from service.attribution.anchors import milestone_touches
from service.attribution.distinct import linear_by_channel, participation
from service.attribution.journeys import JourneyArrays
from service.attribution.models import DEFINITIONS, parse_model
from service.attribution.segments import WEIGHT_LIMIT
from service.attribution.weights import KERNELS, weigh
from service.kit.errors import Refusal

Credit = Callable[..., list[int]]
Journeys = Callable[..., JourneyArrays]

FOUR = "display@40 paid_search@30 email@20 direct@10"
# custom has no shares of its own, so it cannot be asked for bare.
BARE = [name for name in KERNELS if name != "custom"]


def test_every_rule_model_has_its_arithmetic() -> None:
    assert set(KERNELS) == {item.name for item in DEFINITIONS.values() if item.kind == "rule"}


@pytest.mark.parametrize("model", BARE)
def test_no_touch_no_credit(model: str, credit: Credit, journeys: Journeys) -> None:
    assert credit(model, "") == []
    assert credit(model, "| lead@3") == []
    weights = weigh(journeys("", "email@1", ""), parse_model(model))
    assert len(weights) == 1
    assert weights[0] > 0


@pytest.mark.parametrize("model", BARE)
@pytest.mark.parametrize("text", ["email@3", "email@3 | lead@2", "direct@0", "direct@3 | lead@5"])
def test_one_touch_gets_everything(model: str, text: str, credit: Credit) -> None:
    assert credit(model, text, 777) == [777]


@pytest.mark.parametrize(
    ("model", "text", "parts"),
    [
        pytest.param("first_touch", FOUR, [10_000, 0, 0, 0], id="first"),
        pytest.param("last_touch", FOUR, [0, 0, 0, 10_000], id="last"),
        pytest.param("last_non_direct", FOUR, [0, 0, 10_000, 0], id="last non-direct"),
        pytest.param("last_non_direct", "direct@3 direct@1", [0, 10_000], id="all direct"),
        pytest.param("last_paid", FOUR, [0, 10_000, 0, 0], id="last paid"),
        pytest.param("last_paid", "email@3 direct@1", [0, 10_000], id="none paid"),
        pytest.param("last_paid:class=earned", FOUR, [0, 0, 0, 10_000], id="none earned"),
        pytest.param(
            "last_paid:fallback=unattributed", "email@3 direct@1", [0, 0], id="unattributed"
        ),
        pytest.param("linear", FOUR, [2_500] * 4, id="linear"),
        pytest.param(
            "linear:unique=true", "email@9 display@8 email@7", [2_500, 5_000, 2_500], id="unique"
        ),
        pytest.param("position_based", FOUR, [4_000, 1_000, 1_000, 4_000], id="position"),
        pytest.param("position_based", "a@3 b@2 c@1", [4_000, 2_000, 4_000], id="position n=3"),
        pytest.param("position_based", "a@2 b@1", [5_000, 5_000], id="position n=2"),
        pytest.param(
            "position_based:first=30:middle=30", FOUR, [3_000, 1_500, 1_500, 4_000], id="own shares"
        ),
        pytest.param("position_based:first=10:last=30", "a@2 b@1", [2_500, 7_500], id="own n=2"),
        pytest.param(
            "position_based:first=0:last=0", "a@3 b@2 c@1", [0, 10_000, 0], id="only the middle"
        ),
        pytest.param(
            "position_based:first=0:last=0", "a@2 b@1", [5_000, 5_000], id="only a middle, and none"
        ),
        pytest.param("j_shaped", "a@3 b@2 c@1", [2_000, 2_000, 6_000], id="J n=3"),
        pytest.param("j_shaped", "a@2 b@1", [2_500, 7_500], id="J n=2"),
        pytest.param("j_shaped@amplitude", "a@2 b@1", [3_000, 7_000], id="J Amplitude n=2"),
        pytest.param("j_shaped@amplitude", "a@3 b@2 c@1", [2_000, 2_000, 6_000], id="J Amplitude"),
        pytest.param("j_shaped@amplitude", "a@1", [10_000], id="J Amplitude n=1"),
        pytest.param("inverse_j", "a@3 b@2 c@1", [6_000, 2_000, 2_000], id="inverse J n=3"),
        pytest.param("inverse_j", "a@2 b@1", [7_500, 2_500], id="inverse J n=2"),
    ],
)
def test_positions(model: str, text: str, parts: list[int], credit: Credit) -> None:
    assert credit(model, text) == parts


@pytest.mark.parametrize(
    ("model", "milestones", "parts"),
    [
        pytest.param("u_shaped", "lead@15", [4_000, 1_000, 4_000, 1_000], id="lead between"),
        pytest.param("u_shaped", "lead@20", [4_000, 1_000, 4_000, 1_000], id="lead with a touch"),
        pytest.param("u_shaped", "lead@0", [4_000, 1_000, 1_000, 4_000], id="lead is conversion"),
        pytest.param("u_shaped", "", [6_667, 1_111, 1_111, 1_111], id="no lead: 40 to 20"),
        pytest.param(
            "u_shaped", "lead@41", [6_667, 1_111, 1_111, 1_111], id="lead before the first touch"
        ),
        pytest.param(
            "u_shaped", "lead@-1", [6_667, 1_111, 1_111, 1_111], id="lead after the conversion"
        ),
        pytest.param(
            "u_shaped", "lead@35", [8_000, 667, 667, 666], id="first touch made the lead: 80 to 20"
        ),
        pytest.param("u_shaped@marketo", "lead@15", [5_000, 0, 5_000, 0], id="Marketo"),
        pytest.param("u_shaped@marketo", "", [10_000, 0, 0, 0], id="Marketo without a lead"),
        pytest.param(
            "w_shaped", "lead@25 opportunity@15", [3_000, 3_000, 3_000, 1_000], id="three anchors"
        ),
        pytest.param(
            "w_shaped", "lead@15 opportunity@15", [3_000, 500, 6_000, 500], id="two on one touch"
        ),
        pytest.param(
            "w_shaped", "lead@35 opportunity@35", [9_000, 334, 333, 333], id="all on the first"
        ),
        pytest.param(
            "w_shaped", "lead@25", [4_286, 4_286, 714, 714], id="no opportunity: 30, 30, 10 of 70"
        ),
        pytest.param(
            "w_shaped", "opportunity@5", [4_286, 714, 714, 4_286], id="no lead: 30, 30, 10 of 70"
        ),
        pytest.param("w_shaped", "", [7_500, 834, 833, 833], id="neither: 30 to 10"),
        pytest.param("w_shaped@dreamdata", "lead@25", [3_000, 3_000, 1_000, 3_000], id="Dreamdata"),
        pytest.param(
            "w_shaped@ruler", "lead@25 opportunity@15", [3_000, 3_000, 1_000, 3_000], id="Ruler"
        ),
        pytest.param(
            "full_path", "lead@25 opportunity@15", [2_500, 2_500, 2_500, 2_500], id="no others"
        ),
        pytest.param("full_path", "lead@25", [2_903, 2_903, 1_291, 2_903], id="no opportunity"),
        pytest.param("full_path", "", [4_091, 909, 909, 4_091], id="first and close only"),
        pytest.param(
            "custom:lead=30:mql=20:sql=50",
            "lead@40 mql@25 sql@5",
            [3_000, 2_000, 0, 5_000],
            id="mql",
        ),
        pytest.param("custom:sql=1", "", [2_500] * 4, id="nothing that was asked for"),
        pytest.param("custom:touch2=1:touch-2=3", "", [0, 2_500, 7_500, 0], id="by number"),
        pytest.param("custom:touch9=90:others=10", "", [2_500] * 4, id="journey too short"),
        pytest.param("custom:first=0:others=1", "", [0, 3_334, 3_333, 3_333], id="first shut out"),
    ],
)
def test_milestones(model: str, milestones: str, parts: list[int], credit: Credit) -> None:
    assert credit(model, f"{FOUR} | {milestones}") == parts


def test_two_touches_with_a_milestone_leave_no_rest(credit: Credit) -> None:
    assert credit("u_shaped", "a@2 b@1 | lead@1") == [5_000, 5_000]
    assert credit("w_shaped", "a@2 b@1 | lead@1 opportunity@1") == [3_333, 6_667]
    assert credit("full_path", "a@2 b@1 | lead@2 opportunity@1") == [5_000, 5_000]


def test_a_milestones_touch_is_the_last_one_at_or_before_it(journeys: Journeys) -> None:
    arrays = journeys(
        "a@9 b@9 c@5 | lead@9", "", "a@3 | lead@4", "a@3 | lead@0", "a@3", "a@3 | lead@-0.00001"
    )
    assert milestone_touches(arrays, "lead").tolist() == [1, -1, -1, 4, -1, -1]
    assert milestone_touches(arrays, "sql").tolist() == [-1] * 6


def test_milestones_that_nobody_recorded_are_missing(journeys: Journeys) -> None:
    arrays = journeys("a@3 b@1 | lead@2")
    bare = JourneyArrays(
        offsets=arrays.offsets,
        touched_at=arrays.touched_at,
        channel=arrays.channel,
        is_direct=arrays.is_direct,
        channel_class=arrays.channel_class,
        converted_at=arrays.converted_at,
    )
    assert milestone_touches(bare, "lead").tolist() == [-1]
    assert weigh(bare, parse_model("u_shaped")).tolist() == [2, 1]


def test_rational_weights_are_whole_numbers(journeys: Journeys) -> None:
    four = journeys(FOUR + " | lead@25 opportunity@15")
    assert weigh(four, parse_model("position_based")).tolist() == [4, 1, 1, 4]
    assert weigh(four, parse_model("linear")).tolist() == [1, 1, 1, 1]
    assert weigh(four, parse_model("full_path:first=22.625")).tolist() == [181, 180, 180, 180]


def test_weights_too_large_are_scaled_to_fit(journeys: Journeys) -> None:
    sizes = 50_000
    arrays = journeys(" ".join(["email@1"] * sizes))
    weights = weigh(arrays, parse_model("position_based:first=333.331:middle=0.001:last=999.999"))
    assert WEIGHT_LIMIT - 2 * sizes < weights.sum() < WEIGHT_LIMIT
    assert weights.min() == 1
    assert weights[-1] / weights[0] == pytest.approx(999.999 / 333.331, rel=1e-8)


def test_linear_by_channel_is_exact_and_bounded(journeys: Journeys) -> None:
    twelfths = journeys("a@9 b@8 b@7 c@6 c@5 c@4 d@3 d@2 d@1 d@0")
    assert linear_by_channel(twelfths).tolist() == [12, 6, 6, 4, 4, 4, 3, 3, 3, 3]
    # 2 x 3 x 5 x … x 31 is beyond 64 bits: the shares are then those of a fixed scale.
    counts = {2: "a", 3: "b", 5: "c", 7: "d", 11: "e", 13: "f", 17: "g", 19: "h", 23: "i"}
    counts |= {29: "j", 31: "k", 37: "l", 41: "m", 43: "n", 47: "o", 53: "p"}
    uneven = journeys(" ".join(f"{name}@1" for count, name in counts.items() for _ in range(count)))
    weights = linear_by_channel(uneven)
    assert weights.sum() < WEIGHT_LIMIT
    share = (WEIGHT_LIMIT - 1 - uneven.touch_count) // len(counts)
    assert weights[:2].tolist() == [share // 2] * 2
    assert weights[-53:].tolist() == [share // 53] * 53
    # 401 touches are too many for the short proof, 400 x 1 is small all the same: exact.
    lopsided = journeys(" ".join(["a@2"] * 400 + ["b@1"]))
    assert linear_by_channel(lopsided).tolist() == [1] * 400 + [400]


def test_participation_marks_the_first_touch_of_each_channel(journeys: Journeys) -> None:
    arrays = journeys("a@9 b@8 a@7 a@6 c@5", "", "a@2 a@1")
    assert participation(arrays).tolist() == [1, 1, 0, 0, 1, 1, 0]
    assert participation(journeys("")).tolist() == []


def test_any_channel_code_will_do(journeys: Journeys) -> None:
    few = journeys("a@3 b@2 a@1", "c@2 d@1")
    codes = np.array([-(2**31), 2**31 - 1, -(2**31), -1, 0], dtype=np.int32)
    odd = JourneyArrays(
        few.offsets, few.touched_at, codes, few.is_direct, few.channel_class, few.converted_at
    )
    assert participation(odd).tolist() == [1, 1, 0, 1, 1]
    assert linear_by_channel(odd).tolist() == [1, 2, 1, 1, 1]


def test_channels_of_two_journeys_are_never_taken_for_one(journeys: Journeys) -> None:
    arrays = journeys(" ".join(["a@1"] * 31), "a@1")
    codes = np.array([*(1 << bit for bit in range(31)), 0], dtype=np.int32)
    odd = JourneyArrays(
        arrays.offsets,
        arrays.touched_at,
        codes,
        arrays.is_direct,
        arrays.channel_class,
        arrays.converted_at,
    )
    assert participation(odd).tolist() == [1] * 32


def test_a_quarter_of_the_lookback(credit: Credit) -> None:
    ninety = timedelta(days=90)
    text = "email@45 email@22.5 email@0"
    assert credit("time_decay@posthog", text, 7_000, ninety) == [1_000, 2_000, 4_000]
    with pytest.raises(Refusal, match="needs a lookback"):
        credit("time_decay@posthog", text)


def test_columns_of_journeys_must_belong_together(journeys: Journeys) -> None:
    good = journeys("a@2 b@1")
    columns = (good.touched_at, good.channel, good.is_direct, good.channel_class, good.converted_at)
    with pytest.raises(ValueError, match="offsets start at 0"):
        JourneyArrays(np.array([1, 2]), *columns)
    with pytest.raises(ValueError, match="column of touches"):
        JourneyArrays(np.array([0, 3]), *columns)
    with pytest.raises(ValueError, match="column of journeys"):
        JourneyArrays(np.array([0, 1, 2]), *columns)
    with pytest.raises(ValueError, match="milestones are named"):
        JourneyArrays(good.offsets, *columns, milestones={"won": good.converted_at})
