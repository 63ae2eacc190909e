"""Worked examples of path transforms: shown in the catalogue, and each of them a test."""

from service.attribution.examples import Example

_TWICE = (("display", 9), ("display", 8), ("email", 3), ("display", 1))
_DIRECT_LAST = (("paid_search", 6), ("email", 4), ("direct", 2), ("direct", 1))

TRANSFORM_EXAMPLES = (
    Example(
        "first_touch:transform=remove_if_not_all(direct)",
        (("direct", 9), ("paid_search", 4), ("email", 1)),
        (0, 100_000, 0),
        "Without direct the path begins with paid_search.",
    ),
    Example(
        "last_touch:transform=exposure",
        (("email", 5), ("paid_search", 2), ("paid_search", 1)),
        (0, 50_000, 50_000),
        "The last step is the run of paid_search; both touches share its credit.",
    ),
    Example(
        "last_touch:transform=remove_if_last_and_not_all(direct)",
        _DIRECT_LAST,
        (0, 100_000, 0, 0),
        "The direct visits at the end are dropped; email is last.",
    ),
    Example(
        "last_touch:transform=first",
        _TWICE,
        (0, 0, 100_000, 0),
        "The later touches of display are dropped, so email is last.",
    ),
    Example(
        "linear:transform=exposure",
        _TWICE,
        (16_667, 16_667, 33_333, 33_333),
        "Three steps: display (two touches), email, display. The cent left over goes to the first.",
    ),
    Example(
        "linear:transform=first",
        _TWICE,
        (50_000, 0, 50_000, 0),
        "Two steps, display and email; only the first touch of each is in the path.",
    ),
    Example(
        "linear:transform=frequency",
        _TWICE,
        (16_667, 16_667, 50_000, 16_666),
        "Two steps, display(3) and email(1); the three touches of display share half.",
    ),
    Example(
        "linear:max_steps=2",
        _TWICE,
        (0, 0, 50_000, 50_000),
        "Only the last two steps are in the path.",
    ),
    Example(
        "position_based:transform=exposure",
        _TWICE,
        (20_000, 20_000, 20_000, 40_000),
        "The run of display is the first step: 40 % for both touches together.",
    ),
    Example(
        "u_shaped:transform=remove_if_not_all(direct)",
        (("paid_search", 9), ("email", 7), ("direct", 5), ("display", 2)),
        (40_000, 40_000, 0, 20_000),
        "The lead was made by a direct visit, which is dropped; the step before it is email.",
        milestones=(("lead", 5),),
    ),
)
