"""The rule models: one fixed definition to each name.

The same name means different things elsewhere (a U shape is first and lead creation at one vendor,
first and last at five others), so vendors' variants are presets, see presets.py.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from service.attribution.definitions import ModelDefinition
from service.attribution.journeys import CHANNEL_CLASSES, MILESTONES
from service.attribution.parameters import Parameter, Value
from service.attribution.transforms import STEP_PARAMETERS

EMPTY = "No touch: the conversion is unattributed."
ONE = "One touch: it gets everything."
MILESTONE_TOUCH = (
    "A milestone's touch is the last touch at or before the milestone's moment.",
    "Shares that fall on one touch add up.",
    "A milestone that the journey lacks, and an empty rest, give their share in proportion.",
    "Lacking: never reached, reached before the first touch, or after the conversion.",
)
_OF_TWO = ("first_of_two", "last_of_two")
_POSITION = re.compile(r"touch(-?)([2-9]|[1-9][0-9])")


def _share(name: str, default: str | None, meaning: str) -> Parameter:
    value = None if default is None else Decimal(default)
    return Parameter(name, "share", value, meaning, optional=default is None)


def _shares_given(values: Mapping[str, Value]) -> str | None:
    shares = [
        value
        for name, value in values.items()
        if isinstance(value, Decimal) and name not in _OF_TWO
    ]
    return None if any(shares) else "at least one share must be above zero"


def _positions_given(values: Mapping[str, Value]) -> str | None:
    first, last = (values[name] for name in _OF_TWO)
    if (first is None) != (last is None):
        return "first_of_two and last_of_two are given together or not at all"
    if first is not None and not first and not last:
        return "first_of_two and last_of_two cannot both be zero"
    return _shares_given(values)


def _custom_position(name: str) -> Parameter | None:
    match = _POSITION.fullmatch(name)
    if match is None:
        return None
    side = "end" if match[1] else "start"
    return _share(name, None, f"share of touch {match[2]}, counted from the {side}")


def _positional(
    name: str, title: str, shares: tuple[str, str, str], two: str, source: str
) -> ModelDefinition:
    first, middle, last = shares
    return ModelDefinition(
        name=name,
        title=title,
        formula="w_1 = first, w_n = last, w_i = middle / (n - 2) for the touches between",
        description=f"{first} % to the first touch, {last} % to the last, {middle} % shared by "
        "the touches between.",
        edge_cases=(
            EMPTY,
            ONE,
            f"Two touches: {two}, first and last in proportion (or first_of_two, last_of_two).",
            "No touch that holds a share above zero: all touches equally.",
        ),
        source=source,
        parameters=(
            _share("first", first, "share of the first touch"),
            _share("middle", middle, "share of all touches between, together"),
            _share("last", last, "share of the last touch"),
            _share("first_of_two", None, "share of the first touch where there are just two"),
            _share("last_of_two", None, "share of the last touch where there are just two"),
        ),
        check=_positions_given,
    )


SINGLE_TOUCH = (
    ModelDefinition(
        name="first_touch",
        title="First touch",
        formula="w_1 = 1",
        description="Everything to the first touch: what opened the journey.",
        edge_cases=(EMPTY, "Touches of one instant: by source name, then id; the lowest is first."),
        source="Adobe Analytics, Attribution models: First touch",
    ),
    ModelDefinition(
        name="last_touch",
        title="Last touch",
        formula="w_n = 1",
        description="Everything to the last touch at or before the conversion.",
        edge_cases=(EMPTY, "Touches of one instant: by source name, then id; the highest is last."),
        source="Adobe Analytics, Attribution models: Last touch",
    ),
    ModelDefinition(
        name="last_non_direct",
        title="Last non-direct touch",
        formula="w_j = 1 for the largest j whose channel is not direct",
        description="Everything to the last touch that was not a direct visit.",
        edge_cases=(EMPTY, "All touches direct: the last touch."),
        source="Google Analytics and Matomo: last non-direct interaction",
    ),
    ModelDefinition(
        name="last_paid",
        title="Last touch of a channel class",
        formula="w_j = 1 for the largest j whose channel is of the class",
        description="Everything to the last touch of a paid (or owned, or earned) channel.",
        edge_cases=(
            EMPTY,
            "No touch of the class: the last touch, or unattributed with fallback=unattributed.",
        ),
        source="Google Ads: last click counts paid clicks only",
        parameters=(
            Parameter("class", "choice", "paid", "class of channel", tuple(CHANNEL_CLASSES)),
            Parameter(
                "fallback",
                "choice",
                "last_touch",
                "who gets the credit where no touch is of the class",
                ("last_touch", "unattributed"),
            ),
        ),
    ),
)

SPREAD = (
    ModelDefinition(
        name="linear",
        title="Linear",
        formula="w_i = 1; with unique=true w_i = 1 / (touches of its channel in the journey)",
        description="Every touch equally; or every distinct channel equally, its share divided "
        "equally over its touches.",
        edge_cases=(EMPTY, ONE),
        source="Adobe Analytics, Attribution models: Linear",
        parameters=(
            Parameter("unique", "flag", False, "by distinct channel in place of by touch"),
        ),
    ),
    ModelDefinition(
        name="time_decay",
        title="Time decay",
        formula="w_i = 2^(-(T - t_i) / half_life), T the moment of the conversion",
        description="A touch counts half as much for every half-life that it lies further back; "
        "continuous, not by whole days.",
        edge_cases=(
            EMPTY,
            ONE,
            "Normalised, so the distance of the last touch from the conversion does not matter.",
            "A touch more than about 30 half-lives older than the last one gets nothing.",
        ),
        source="Adobe Analytics, Google Ads and Mixpanel: half-life of 7 days",
        parameters=(
            Parameter(
                "half_life",
                "duration",
                timedelta(days=7),
                "time in which a touch loses half of its weight",
            ),
        ),
    ),
)

POSITIONAL = (
    _positional(
        "position_based",
        "Position based",
        ("40", "20", "40"),
        "50 and 50",
        "Google Analytics (Universal), Matomo and Snowplow: position based 40/20/40",
    ),
    _positional(
        "j_shaped",
        "J shaped",
        ("20", "20", "60"),
        "25 and 75",
        "Adobe Analytics and Mixpanel: J shaped",
    ),
    _positional(
        "inverse_j",
        "Inverse J",
        ("60", "20", "20"),
        "75 and 25",
        "Adobe Analytics and Mixpanel: inverse J",
    ),
)

MILESTONE = (
    ModelDefinition(
        name="u_shaped",
        title="U shaped",
        formula="first + lead + others, each others touch others / (their number)",
        description="40 % to the first touch, 40 % to the touch that made the lead, 20 % shared "
        "by the other touches.",
        edge_cases=(EMPTY, ONE, *MILESTONE_TOUCH),
        source="HubSpot and Ruler Analytics: U shaped",
        parameters=(
            _share("first", "40", "share of the first touch"),
            _share("lead", "40", "share of the touch that made the lead"),
            _share("others", "20", "share of all other touches, together"),
        ),
        check=_shares_given,
    ),
    ModelDefinition(
        name="w_shaped",
        title="W shaped",
        formula="first + lead + opportunity + others, each others touch others / (their number)",
        description="30 % each to the first touch, the touch that made the lead and the touch "
        "that made the opportunity, 10 % shared by the other touches.",
        edge_cases=(EMPTY, ONE, *MILESTONE_TOUCH),
        source="HubSpot and Marketo Measure: W shaped",
        parameters=(
            _share("first", "30", "share of the first touch"),
            _share("lead", "30", "share of the touch that made the lead"),
            Parameter(
                "opportunity",
                "share",
                Decimal(30),
                "share of the touch that made the opportunity; none: not set apart",
                optional=True,
            ),
            _share("last", None, "share of the last touch; none: not set apart"),
            _share("others", "10", "share of all other touches, together"),
        ),
        check=_shares_given,
    ),
    ModelDefinition(
        name="full_path",
        title="Full path",
        formula="first + lead + opportunity + close + others, each others touch others / "
        "(their number)",
        description="22.5 % each to the first touch, the touches that made the lead and the "
        "opportunity, and the last touch before the close; 10 % shared by the other touches.",
        edge_cases=(EMPTY, ONE, *MILESTONE_TOUCH),
        source="HubSpot, Marketo Measure and Ruler Analytics: full path",
        parameters=(
            _share("first", "22.5", "share of the first touch"),
            _share("lead", "22.5", "share of the touch that made the lead"),
            _share("opportunity", "22.5", "share of the touch that made the opportunity"),
            _share("close", "22.5", "share of the last touch before the conversion"),
            _share("others", "10", "share of all other touches, together"),
        ),
        check=_shares_given,
    ),
    ModelDefinition(
        name="custom",
        title="Custom",
        formula="the sum of the shares that fall on a touch; each other touch others / "
        "(their number)",
        description="Your own shares for positions and milestones, for example "
        "custom:first=40:lead=20:last=30:others=10. touch2 is the second touch, touch-2 the last "
        "but one. Only proportions count. Without `others` the touches not named get nothing.",
        edge_cases=(
            EMPTY,
            *MILESTONE_TOUCH,
            "A position that the journey is too short for is treated like a missing milestone.",
            "No touch that holds a share above zero: all touches equally.",
        ),
        source="Given by the caller",
        parameters=(
            _share("first", None, "share of the first touch"),
            *(_share(name, None, f"share of the {name} milestone's touch") for name in MILESTONES),
            _share("last", None, "share of the last touch"),
            _share("others", None, "share of all other touches, together"),
        ),
        open_parameter=_custom_position,
        check=_shares_given,
    ),
)

PARTICIPATION = ModelDefinition(
    name="participation",
    title="Participation",
    formula="1 for the first touch of every distinct channel in the journey",
    description="In how many conversions (and in how much value) a channel took part. Adds up to "
    "more than the total, so it is a separate field of answers and not a model to ask for.",
    edge_cases=("No touch: no participation.", "A channel met again counts once."),
    source="Adobe Analytics, Attribution models: Participation",
    kind="participation",
)

_SHARING = (*SINGLE_TOUCH, *SPREAD, *POSITIONAL, *MILESTONE)
RULES = (
    *(replace(model, parameters=(*model.parameters, *STEP_PARAMETERS)) for model in _SHARING),
    PARTICIPATION,
)
"""Every one that shares out a conversion may be asked to do so after path transforms."""
