"""Worked examples of every model: shown in the catalogue, and each of them a test.

All amounts are minor units. The credits were worked out by hand, not by the code.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from service.attribution.journeys import (
    EARNED,
    MILESTONES,
    MISSING,
    NO_CLASS,
    OWNED,
    PAID,
    JourneyArrays,
)

DAY = 86_400_000_000
CONVERTED_AT = 1_767_225_600_000_000
"""2026-01-01T00:00Z in microseconds; only distances from it matter."""

CLASSES = {
    "paid_search": PAID,
    "paid_social": PAID,
    "display": PAID,
    "email": OWNED,
    "organic_search": EARNED,
    "organic_social": EARNED,
    "referral": EARNED,
}


@dataclass(frozen=True)
class Example:
    """One journey, its value, and the credit that each touch gets.

    Attributes:
        model: canonical text of the model.
        touches: (channel, days before the conversion), oldest first.
        credit: minor units per touch; of participation the marks 0 and 1.
        milestones: (name, days before the conversion).
        lookback: the question's, where the model depends on it.
    """

    model: str
    touches: tuple[tuple[str, float], ...]
    credit: tuple[int, ...]
    note: str
    value: int = 100_000
    milestones: tuple[tuple[str, float], ...] = ()
    lookback: timedelta | None = None


def example_journeys(examples: Sequence[Example]) -> JourneyArrays:
    """The examples' journeys in columns, all converting at CONVERTED_AT."""
    touches = [touch for example in examples for touch in example.touches]
    names = sorted({channel for channel, _ in touches})
    sizes = [len(example.touches) for example in examples]
    reached = [dict(example.milestones) for example in examples]
    return JourneyArrays(
        offsets=np.concatenate(([0], np.cumsum(sizes, dtype=np.int64))).astype(np.int64),
        touched_at=np.array([_moment(days) for _, days in touches], dtype=np.int64),
        channel=np.array([names.index(channel) for channel, _ in touches], dtype=np.int32),
        is_direct=np.array([channel == "direct" for channel, _ in touches], dtype=np.bool_),
        channel_class=np.array(
            [CLASSES.get(channel, NO_CLASS) for channel, _ in touches], dtype=np.int8
        ),
        converted_at=np.full(len(examples), CONVERTED_AT, dtype=np.int64),
        milestones={
            name: np.array([_moment(of.get(name)) for of in reached], dtype=np.int64)
            for name in MILESTONES
        },
    )


def _moment(days_before: float | None) -> int:
    return int(MISSING) if days_before is None else CONVERTED_AT - round(days_before * DAY)


_FOUR = (("paid_search", 30), ("organic_social", 20), ("email", 10), ("direct", 2))
_TWO = (("paid_search", 9), ("email", 1))
_ONE = (("referral", 3),)
_WEEKS = (("display", 28), ("paid_social", 21), ("email", 14), ("paid_search", 7))

EXAMPLES = (
    Example("first_touch", _FOUR, (100_000, 0, 0, 0), "All to paid_search, which came first."),
    Example("last_touch", _FOUR, (0, 0, 0, 100_000), "All to direct, which came last."),
    Example("last_non_direct", _FOUR, (0, 0, 100_000, 0), "Direct is passed over for email."),
    Example(
        "last_non_direct",
        (("direct", 5), ("direct", 1)),
        (0, 100_000),
        "Nothing but direct: the last touch keeps the credit.",
    ),
    Example("last_paid", _FOUR, (100_000, 0, 0, 0), "Only paid_search was paid for."),
    Example("last_paid:class=owned", _FOUR, (0, 0, 100_000, 0), "Only email is owned."),
    Example("last_paid", _ONE, (100_000,), "No paid touch: the last touch."),
    Example(
        "last_paid:fallback=unattributed", _ONE, (0,), "No paid touch: nobody, it is unattributed."
    ),
    Example("linear", _FOUR, (25_000, 25_000, 25_000, 25_000), "A quarter each."),
    Example(
        "linear",
        _FOUR[:3],
        (3_334, 3_333, 3_333),
        "100.00 in three: the cent left over goes to the front, nothing is lost.",
        value=10_000,
    ),
    Example(
        "linear:unique=true",
        (("paid_search", 8), ("email", 5), ("email", 1)),
        (50_000, 25_000, 25_000),
        "Two channels, half each; email shares its half between its two touches.",
    ),
    Example(
        "time_decay",
        _WEEKS,
        (1_000, 2_000, 4_000, 8_000),
        "Each touch a half-life apart: 1 : 2 : 4 : 8 of 150.00.",
        value=15_000,
    ),
    Example(
        "time_decay:half_life=14d",
        (("display", 28), ("email", 14), ("email", 0)),
        (10_000, 20_000, 40_000),
        "Twice the half-life, twice the distance: 1 : 2 : 4.",
        value=70_000,
    ),
    Example(
        "time_decay@posthog",
        _WEEKS,
        (1_000, 2_000, 4_000, 8_000),
        "A lookback of 28 days makes a half-life of 7.",
        value=15_000,
        lookback=timedelta(days=28),
    ),
    Example("position_based", _FOUR, (40_000, 10_000, 10_000, 40_000), "40, 20 shared, 40."),
    Example("position_based", _TWO, (50_000, 50_000), "No middle: 40 to 40 is half each."),
    Example("position_based", _ONE, (100_000,), "One touch gets everything."),
    Example("j_shaped", _FOUR, (20_000, 10_000, 10_000, 60_000), "20, 20 shared, 60."),
    Example("j_shaped", _TWO, (25_000, 75_000), "No middle: 20 to 60 is 25 and 75."),
    Example("j_shaped@amplitude", _TWO, (30_000, 70_000), "Two touches, as Amplitude does it."),
    Example("inverse_j", _FOUR, (60_000, 10_000, 10_000, 20_000), "60, 20 shared, 20."),
    Example("inverse_j", _TWO, (75_000, 25_000), "No middle: 60 to 20 is 75 and 25."),
    Example(
        "u_shaped",
        _FOUR,
        (40_000, 10_000, 40_000, 10_000),
        "The lead came eight days before the deal: email is the last touch before it.",
        milestones=(("lead", 8),),
    ),
    Example(
        "u_shaped",
        _FOUR,
        (66_667, 11_111, 11_111, 11_111),
        "No lead: 40 and 20 are all there is, two thirds and one third.",
    ),
    Example(
        "u_shaped@marketo",
        _FOUR,
        (50_000, 0, 50_000, 0),
        "Half to the first touch, half to the lead's.",
        milestones=(("lead", 8),),
    ),
    Example(
        "w_shaped",
        _FOUR,
        (30_000, 10_000, 30_000, 30_000),
        "Lead by email, opportunity by direct, organic_social alone is the rest.",
        milestones=(("lead", 8), ("opportunity", 1)),
    ),
    Example(
        "w_shaped",
        _FOUR,
        (60_000, 5_000, 5_000, 30_000),
        "The first touch made the lead as well: 30 and 30.",
        milestones=(("lead", 25), ("opportunity", 1)),
    ),
    Example(
        "w_shaped@dreamdata",
        _FOUR,
        (30_000, 10_000, 30_000, 30_000),
        "First, lead and last touch; the opportunity does not count.",
        milestones=(("lead", 8), ("opportunity", 15)),
    ),
    Example(
        "w_shaped@ruler",
        _FOUR,
        (30_000, 30_000, 10_000, 30_000),
        "First touch, lead, and the touch that made the customer.",
        milestones=(("lead", 12), ("opportunity", 5)),
    ),
    Example(
        "full_path",
        (*_FOUR, ("email", 1)),
        (22_500, 22_500, 10_000, 22_500, 22_500),
        "First, lead, opportunity and close 22.5 each; the email between gets the 10.",
        milestones=(("lead", 15), ("opportunity", 2)),
    ),
    Example(
        "custom:first=40:lead=20:last=30:others=10",
        _FOUR,
        (40_000, 20_000, 10_000, 30_000),
        "Shares of your own for positions and milestones.",
        milestones=(("lead", 20),),
    ),
    Example(
        "custom:last=60:others=30:touch2=10",
        _FOUR,
        (15_000, 10_000, 15_000, 60_000),
        "A position by number: touch2 is the second touch.",
    ),
    Example(
        "participation",
        (*_FOUR[:3], ("paid_search", 1)),
        (1, 1, 1, 0),
        "Three channels took part; paid_search, met again, counts once.",
    ),
)
