"""Worked examples of the models with a baseline: shown in the catalogue, and each of them a test.

The figures were worked out by hand with fractions, not by the code.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class PanelExample:
    """A few people on so many days, and what a model says brought their conversions.

    Attributes:
        model: canonical text of the model.
        days: days at risk, numbered from 1.
        people: (how many, the channel that touched each on day 1, day of the conversion or None).
        incremental: (channel, conversions) in the order of the channels' names.
        baseline: conversions that would have happened anyway.
    """

    model: str
    days: int
    people: tuple[tuple[int, str, int | None], ...]
    incremental: tuple[tuple[str, float], ...]
    baseline: float
    note: str


PANEL_EXAMPLES = (
    PanelExample(
        "incremental:half_life=1h",
        11,
        (
            (4, "paid_search", 1),
            (2, "paid_search", 11),
            (4, "paid_search", None),
            (3, "email", 11),
            (7, "email", None),
        ),
        (("email", 0.0), ("paid_search", 4 - 50 / 170)),
        5 + 50 / 170,
        "So short a half-life leaves a channel its own day. On the 170 days without an effect 5 "
        "converted, 1 in 34; of the 4 on the 10 days of search 10/34 would have come anyway. Email "
        "did worse than nothing on its days: no effect.",
    ),
)
