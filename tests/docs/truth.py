"""A world whose truth is known, and how far from it each model is.

People have an interest that nobody sees: it arises by itself or where a push medium wakes it, and
passes. Media reach people by chance, or by their interest (pull, and targeting). Whoever is
interested buys now and then, and a touch adds to that for a while. The truth of a channel is exact:
the purchases of the world less those of the same world, of the same random numbers, without it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.attribution.calibration import Evidence, calibrate
from service.attribution.credit import allocate_journeys
from service.attribution.incremental import WEIGHT_BITS, chances, fit_incremental, settled
from service.attribution.journeys import MILESTONES, MISSING, JourneyArrays
from service.attribution.models import DEFINITIONS, ModelSpec, parse_model
from service.attribution.panel import Happenings, build_panel
from service.attribution.paths import collect_paths
from service.attribution.population import fit
from service.attribution.weights import weigh
from tests.unit.attribution.populations import credit_by_state

DAY = 86_400_000_000
MILLION = 1_000_000
CHANNELS = ("affiliate", "direct", "display", "email", "paid_search", "paid_social")
MEDIA = tuple(channel for channel in CHANNELS if channel != "direct")
CLASSES = (1, 0, 1, 2, 1, 1)
SPECS = {"custom": "custom:first=1:last=2:others=1"}
TESTED, STANDARD_ERROR = ("affiliate", "paid_search"), 20.0
Numbers = NDArray[np.float64]
Column = tuple[float, ...]


@dataclass(frozen=True)
class World:
    """Chances a day, by channel in the order of CHANNELS.

    Attributes:
        by_chance: a touch of anybody; by_interest: in addition, of the interested.
        wakes: that a touch makes interested.
        effect: added to the rate of buying at a full stock; half_life of it in days.
        arises, passes: of interest; buys: rate of the interested; buys_anyway: of everybody.
    """

    name: str
    by_chance: Column
    by_interest: Column
    wakes: Column
    effect: Column
    arises: float = 0.004
    passes: float = 0.06
    buys: float = 0.015
    buys_anyway: float = 0.0003
    half_life: float = 4.0
    people: int = 12_000
    days: int = 90
    seed: int = 7


NOWHERE = (0.0,) * len(CHANNELS)
BY_CHANCE = World(
    "exposure by chance",
    by_chance=(0.006, 0.006, 0.03, 0.04, 0.01, 0.02),
    by_interest=NOWHERE,
    wakes=NOWHERE,
    effect=(0.0, 0.0, 0.003, 0.001, 0.015, 0.006),
)
BY_INTEREST = World(
    "exposure by interest",
    by_chance=(0.0, 0.002, 0.03, 0.04, 0.001, 0.01),
    by_interest=(0.06, 0.06, 0.0, 0.0, 0.12, 0.05),
    wakes=(0.0, 0.0, 0.02, 0.0, 0.0, 0.0),
    effect=(0.0, 0.0, 0.001, 0.001, 0.01, 0.005),
)
WORLDS = (BY_CHANCE, BY_INTEREST)


@dataclass(frozen=True, eq=False)
class Outcome:
    """Touches by person and moment, and the day on which each person bought (-1: never)."""

    person: NDArray[np.int64]
    moment: NDArray[np.int64]
    channel: NDArray[np.int64]
    bought: NDArray[np.int64]


def lived(world: World, without: tuple[str, ...] = ()) -> Outcome:
    """What happens. Every day draws the same numbers, whatever they decide."""
    rng = np.random.default_rng(world.seed)
    count, width = world.people, len(CHANNELS)
    runs = np.array([channel not in without for channel in CHANNELS])[:, None]
    chance, interest, wakes, effect = (
        np.array(column)[:, None]
        for column in (world.by_chance, world.by_interest, world.wakes, world.effect)
    )
    interested, bought = np.zeros(count, bool), np.full(count, -1)
    stock = np.zeros((width, count))
    seen: list[tuple[Any, Any, Any]] = []
    for day in range(world.days):
        self_made, reached, woken, at = (
            rng.random((3, count)), *(rng.random((width, count)) for _ in range(3))
        )  # fmt: skip
        interested = (interested & (self_made[1] >= world.passes)) | (self_made[0] < world.arises)
        touched = runs & (bought < 0) & (reached < chance + interest * interested)
        interested |= (touched & (woken < wakes)).any(axis=0)
        stock *= 0.5 ** (1 / world.half_life)
        stock += 0.5 * (1 - stock) * touched
        rate = world.buys_anyway + world.buys * interested + (effect * stock).sum(axis=0)
        bought[(self_made[2] < 1 - np.exp(-rate)) & (bought < 0)] = day
        channel, person = np.nonzero(touched)
        seen.append((person, day * DAY + (at[touched] * DAY / 2).astype(np.int64), channel))
    person, moment, channel = (np.concatenate(column) for column in zip(*seen, strict=True))
    order = np.lexsort((moment, person))
    return Outcome(person[order], moment[order], channel[order], bought)


def truth(world: World) -> dict[str, float]:
    """Purchases that would not have happened without each medium; `all`: without all of them."""
    whole = int((lived(world).bought >= 0).sum())
    found = {name: whole - int((lived(world, (name,)).bought >= 0).sum()) for name in MEDIA}
    return {**found, "all": whole - int((lived(world, MEDIA).bought >= 0).sum())}


def journeys_of(outcome: Outcome) -> tuple[JourneyArrays, NDArray[np.int64]]:
    """The journeys of all who were touched, and the day on which each bought."""
    people, starts = np.unique(outcome.person, return_index=True)
    bought = outcome.bought[people]
    never = np.full(len(people), MISSING)
    journeys = JourneyArrays(
        offsets=np.append(starts, len(outcome.person)).astype(np.int64),
        touched_at=outcome.moment,
        channel=outcome.channel.astype(np.int32),
        is_direct=outcome.channel == CHANNELS.index("direct"),
        channel_class=np.array(CLASSES, np.int8)[outcome.channel],
        converted_at=np.where(bought < 0, 100, bought) * DAY + 9 * DAY // 10,
        milestones=dict.fromkeys(MILESTONES, never),
    )
    return journeys, bought


def by_channel(journeys: JourneyArrays, credit: Any) -> Numbers:
    return np.bincount(journeys.channel, credit, minlength=len(CHANNELS)).astype(np.float64)


def of_rule(model: ModelSpec, journeys: JourneyArrays, bought: Any) -> Numbers:
    weights = weigh(journeys, model, None)
    counts = np.where(bought >= 0, MILLION, 0)
    return by_channel(journeys, allocate_journeys(counts, weights, journeys.offsets)) / MILLION


def of_population(model: ModelSpec, journeys: JourneyArrays, bought: Any) -> Numbers:
    paths, path_of = collect_paths(journeys.channel, journeys.offsets, len(CHANNELS))
    won = (bought >= 0).astype(np.int64)
    paths = paths.counted(path_of, won, 1 - won, won.astype(np.float64))
    return credit_by_state(fit(paths, model), paths) * float(won.sum())


def of_hazard(
    model: ModelSpec, journeys: JourneyArrays, bought: Any, days: int
) -> tuple[Numbers, Numbers]:
    """What was brought, and what is attributed."""
    own = np.array([channel == "direct" for channel in CHANNELS])
    state, owner = journeys.channel.astype(np.int64), journeys.journey
    buyers = np.flatnonzero(bought >= 0)
    panel = build_panel(
        Happenings(owner, journeys.touched_at, journeys.touched_at // DAY),
        state,
        Happenings(buyers, journeys.converted_at[buyers], bought[buyers]),
        (0, days),
        len(CHANNELS),
    )
    half_life, fill = settled(model["half_life"], model["fill"])
    hazard = fit_incremental(panel, own, half_life, fill)
    age = np.maximum(bought[owner] - journeys.touched_at // DAY, 0)
    count = len(bought)
    found = chances(
        hazard, journeys.offsets, state, age, np.ones(len(age), bool), np.zeros(count, bool)
    )
    mine = (bought >= 0)[owner]
    return tuple(  # type: ignore[return-value]
        by_channel(journeys, np.where(mine, weights, 0)) / 2**WEIGHT_BITS
        for weights in (found.touch, found.credit)
    )


def figures(world: World) -> dict[str, dict[str, float]]:
    """By model what it gives to each medium; `incremental` is what was brought."""
    journeys, bought = journeys_of(lived(world))
    found: dict[str, Numbers] = {}
    for name, definition in DEFINITIONS.items():
        if definition.kind == "participation":
            continue
        model = parse_model(SPECS.get(name, name))
        if definition.kind == "hazard":
            brought, attributed = of_hazard(model, journeys, bought, world.days)
            found |= {name: brought, f"{name}, attributed": attributed}
        elif definition.kind == "population":
            found[str(model)] = of_population(model, journeys, bought)
        else:
            found[str(model)] = of_rule(model, journeys, bought)
    return {
        name: {c: float(credit[CHANNELS.index(c)]) for c in MEDIA} for name, credit in found.items()
    }


def calibrated(given: dict[str, float], true: dict[str, float]) -> dict[str, float]:
    """The figures after lift tests of TESTED that found the truth."""
    found = dict(given)
    for name in TESTED:
        evidence = Evidence(true[name], STANDARD_ERROR, given[name])
        found[name] *= calibrate([evidence]).factor
    return found


def distances(given: dict[str, float], true: dict[str, float]) -> tuple[float, float]:
    """All that was given to media over the sum of their truths; and what lies in the wrong place: the
    sum of the channels' errors over the same."""
    whole = sum(true[name] for name in MEDIA)
    wrong = sum(abs(given[name] - true[name]) for name in MEDIA)
    return sum(given.values()) / whole, wrong / whole


def truth_tables() -> str:
    """A table a world: the truth, then every model, the nearest first."""
    return "\n\n".join(_table(world) for world in WORLDS)


def _table(world: World) -> str:
    true = truth(world)
    bought = int((lived(world).bought >= 0).sum())
    rows = [("truth", true, 1.0, 0.0)]
    given_by = figures(world)
    given_by["incremental, calibrated"] = calibrated(given_by["incremental"], true)
    found = [(name, given, *distances(given, true)) for name, given in given_by.items()]
    rows += sorted(found, key=lambda row: (round(row[3], 6), row[0]))
    lines = [
        f"| {name if name == 'truth' else f'`{name}`'} | "
        + " | ".join(f"{given[c]:.0f}" for c in MEDIA)
        + f" | {100 * ratio:.0f} % | {100 * wrong:.0f} % |"
        for name, given, ratio, wrong in rows
    ]
    about = (
        f"{world.name[0].upper()}{world.name[1:]}: {bought:,} purchases of {world.people:,} people, "
        f"{true['all']:.0f} of them not without media."
    )
    head = f"| model | {' | '.join(MEDIA)} | given ÷ truth | misplaced ÷ truth |"
    return "\n".join([about, "", head, "|---|" + "---|" * (len(MEDIA) + 2), *lines])
