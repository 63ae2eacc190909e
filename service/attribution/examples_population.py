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
    PopulationExample(
        "markov:order=2",
        (("display email", 1, 0), ("email display", 0, 1), ("display", 1, 0)),
        (("display", 4 / 3), ("email", 2 / 3)),
        "Two touches are one state, so the order counts: every conversion has display, half email.",
    ),
    PopulationExample(
        "shapley",
        (("display", 4, 0), ("display email", 6, 90)),
        (("display", 7.0), ("email", 3.0)),
        "The six conversions of both are halved; the ninety others do not count.",
    ),
    PopulationExample(
        "shapley_ordered",
        (("display email display", 6, 0),),
        (("display", 3.0), ("email", 3.0)),
        "Display 1.5 at position 1 and 1.5 at position 3, email 3 at position 2.",
    ),
    PopulationExample(
        "shapley_rate",
        (("display", 1, 3), ("email", 1, 1), ("display email", 3, 1)),
        (("display", 1.25), ("email", 3.75)),
        "Rates 1/4, 1/2 and, of all, 5/10: display 1/8, email 3/8.",
    ),
    PopulationExample(
        "fractribution",
        (("display email", 2, 2), ("display", 0, 4), ("email", 1, 3)),
        (("display", 2 / 3), ("email", 7 / 3)),
        "Both: 1/2; without display 1/4, without email 0: 1 to 2 of two conversions.",
    ),
)
