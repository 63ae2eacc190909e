"""The workings of every rule model: the weights of weights.py derived again, for one journey, in words.

Each model's working stands for the same definition as its kernel and is written from the formula,
not from the kernel's whole numbers: that both agree is a law that is tested.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import timedelta
from fractions import Fraction

from service.attribution.anchors import work_anchored
from service.attribution.decay import work_time_decay
from service.attribution.journeys import CHANNEL_CLASSES, JourneyArrays
from service.attribution.models import ModelSpec
from service.attribution.working import Working, number

Work = Callable[[JourneyArrays, ModelSpec], list[Working]]
_ONE, _NOTHING = Fraction(1), Fraction(0)


def work(
    journeys: JourneyArrays, spec: ModelSpec, lookback: timedelta | None = None
) -> list[Working]:
    """How each touch of one journey comes to its weight under a rule model.

    Args:
        journeys: just one journey, its eligible touches only.
        lookback: the question's, for parameters such as lookback/4.
    Raises:
        Refusal: `bad_parameter` where the model needs a lookback and there is none.
        ValueError: more than one journey, or the model is not a rule model.
    """
    if journeys.journey_count != 1 or spec.name not in WORKINGS:
        raise ValueError(f"the working of {spec.name} is of one journey under a rule model")
    settled = spec.resolve(lookback)
    return WORKINGS[spec.name](journeys, settled) if journeys.touch_count else []


def _first_touch(journeys: JourneyArrays, _: ModelSpec) -> list[Working]:
    return _everything_to(0, journeys, "the first touch", lambda _: "not the first touch")


def _last_touch(journeys: JourneyArrays, _: ModelSpec) -> list[Working]:
    last = journeys.touch_count - 1
    return _everything_to(last, journeys, "the last touch", lambda _: "not the last touch")


def _last_non_direct(journeys: JourneyArrays, _: ModelSpec) -> list[Working]:
    fits = (~journeys.is_direct).tolist()
    return _last_that_fits(journeys, fits, "not direct", falls_back=True)


def _last_paid(journeys: JourneyArrays, spec: ModelSpec) -> list[Working]:
    name = str(spec["class"])
    fits = (journeys.channel_class == CHANNEL_CLASSES[name]).tolist()
    falls_back = spec["fallback"] == "last_touch"
    return _last_that_fits(journeys, fits, name, falls_back=falls_back)


def _last_that_fits(
    journeys: JourneyArrays, fits: list[bool], name: str, *, falls_back: bool
) -> list[Working]:
    """Everything to the last touch whose channel is `name`; without one to the last, or to none."""
    lacks = name.removeprefix("not ") if name.startswith("not ") else f"not {name}"
    if any(fits):
        chosen = max(place for place, fitting in enumerate(fits) if fitting)
        return _everything_to(
            chosen,
            journeys,
            f"the last touch whose channel is {name}",
            lambda i: (
                f"a later touch's channel is {name}" if fits[i] else f"its channel is {lacks}"
            ),
        )
    if falls_back:
        return _everything_to(
            journeys.touch_count - 1,
            journeys,
            f"no touch's channel is {name}, so the last touch",
            lambda _: f"its channel is {lacks}",
        )
    return [Working(f"its channel is {lacks}: 0", _NOTHING)] * journeys.touch_count


def _everything_to(
    chosen: int, journeys: JourneyArrays, why: str, why_not: Callable[[int], str]
) -> list[Working]:
    return [
        Working(f"{why}: 1", _ONE) if place == chosen else Working(f"{why_not(place)}: 0", _NOTHING)
        for place in range(journeys.touch_count)
    ]


def _linear(journeys: JourneyArrays, spec: ModelSpec) -> list[Working]:
    if not spec["unique"]:
        return [Working("1", _ONE)] * journeys.touch_count
    channels = journeys.channel.tolist()
    met = Counter(channels)
    parts = [Fraction(1, met[channel]) for channel in channels]
    return [
        Working(f"1 / {part.denominator} (touches of its channel) = {number(part)}", part)
        for part in parts
    ]


WORKINGS: Mapping[str, Work] = {
    "first_touch": _first_touch,
    "last_touch": _last_touch,
    "last_non_direct": _last_non_direct,
    "last_paid": _last_paid,
    "linear": _linear,
    "time_decay": work_time_decay,
    "position_based": work_anchored,
    "j_shaped": work_anchored,
    "inverse_j": work_anchored,
    "u_shaped": work_anchored,
    "w_shaped": work_anchored,
    "full_path": work_anchored,
    "custom": work_anchored,
}
"""One for each kernel of weights.py."""
