"""Worked examples of the models of the population: shown in the catalogue, and each of them a test.

The credits were worked out by hand with fractions, not by the code.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class PopulationExample:
    """A few paths and what the conversions among them are divided into.

    Attributes:
        model: canonical text of the model.
        paths: (channels with blanks between, journeys with a conversion, journeys without).
        credit: (channel, conversions) in the order of the channels' names.
    """

    model: str
    paths: tuple[tuple[str, int, int], ...]
    credit: tuple[tuple[str, float], ...]
    note: str


_TEXTBOOK = (
    ("display email paid_search", 1, 0),
    ("display", 0, 1),
    ("email paid_search", 0, 1),
)

POPULATION_EXAMPLES = (
    PopulationExample(
        "markov",
        _TEXTBOOK,
        (("display", 0.2), ("email", 0.4), ("paid_search", 0.4)),
        "A third converts; without display a sixth, without the others none: effects of 0.5, 1 and "
        "1 of 2.5.",
    ),
    PopulationExample(
        "markov:null=false",
        (("display email", 1, 5), ("display", 1, 5)),
        (("display", 4 / 3), ("email", 2 / 3)),
        "Only journeys that converted: none without display, half without email.",
    ),
)
