"""What the models together say of a row: robust, a matter of the model, or too little to say."""

from collections.abc import Mapping
from typing import Any

Cell = Mapping[str, Any]

FEWEST_CONVERSIONS = 20
WIDEST = 0.5
MATERIAL = 1.2
ROBUST, DEPENDS, TOO_FEW = "robust", "depends_on_the_model", "too_few_conversions"
RULE = {
    "fewest_conversions": FEWEST_CONVERSIONS,
    "widest_half_width": WIDEST,
    "material_ratio": MATERIAL,
}


def verdict_of(cells: Mapping[str, Cell]) -> dict[str, Any]:
    """`disagreement`, `verdict` and `because` of one row, in this order of questions:

    1. too_few_conversions: every model credits it with fewer than FEWEST_CONVERSIONS, or under every
       model half the width of its conversions' interval is more than WIDEST of what they are;
    2. depends_on_the_model: two models' intervals of its share lie apart and the higher share is at
       least MATERIAL times the lower, or its ROI is above zero under one model and below under another;
    3. robust.

    Args: cells: at least one, by model; `conversions`, `share`, `roi`, and `interval` of the first two.
    """
    most = max(cells.values(), key=lambda cell: cell["conversions"])
    width = _narrowest(cells)
    low, high = _apart(cells)
    returns = {name: cell["roi"] for name, cell in cells.items() if cell["roi"] is not None}
    worst = min(returns, key=lambda name: (returns[name], name), default=None)
    best = max(returns, key=lambda name: (returns[name], name), default=None)
    turns = worst is not None and best is not None and returns[worst] < 0 < returns[best]
    if most["conversions"] < FEWEST_CONVERSIONS:
        verdict, reason = TOO_FEW, "few_conversions"
    elif width is None or width > WIDEST:
        verdict, reason = TOO_FEW, "wide_interval"
    elif turns:
        verdict, reason = DEPENDS, "roi_changes_sign"
    elif _lie_apart(cells[low], cells[high]):
        verdict, reason = DEPENDS, "intervals_apart"
    else:
        verdict, reason = ROBUST, "models_agree"
    return {
        "disagreement": _disagreement(cells),
        "verdict": verdict,
        "because": {
            "reason": reason,
            "most_conversions": most["conversions"],
            "half_width": None if width is None else round(width, 6),
            "lowest": _named(low, cells[low], "share"),
            "highest": _named(high, cells[high], "share"),
            "worst_roi": None if worst is None else _named(worst, cells[worst], "roi"),
            "best_roi": None if best is None else _named(best, cells[best], "roi"),
        },
    }


def _narrowest(cells: Mapping[str, Cell]) -> float | None:
    """The smallest half-width among the models, as a part of the conversions credited."""
    widths = [
        (cell["interval"]["conversions"][1] - cell["interval"]["conversions"][0])
        / (2 * cell["conversions"])
        for cell in cells.values()
        if cell["conversions"] > 0 and cell["interval"]["conversions"] is not None
    ]
    return min(widths, default=None)


def _apart(cells: Mapping[str, Cell]) -> tuple[str, str]:
    """The two models whose intervals of the share lie furthest apart, lower first."""
    known = [name for name in cells if cells[name]["interval"]["share"] is not None]
    if not known:
        name = next(iter(cells))
        return name, name
    low = min(known, key=lambda name: (cells[name]["interval"]["share"][1], name))
    high = max(known, key=lambda name: (cells[name]["interval"]["share"][0], name))
    return low, high


def _lie_apart(low: Cell, high: Cell) -> bool:
    ends = low["interval"]["share"], high["interval"]["share"]
    if ends[0] is None or ends[1] is None or low["share"] is None or high["share"] is None:
        return False
    return bool(ends[0][1] < ends[1][0] and high["share"] >= MATERIAL * low["share"])


def _disagreement(cells: Mapping[str, Cell]) -> dict[str, Any]:
    """The smallest and largest share among the models, and how far they lie from each other."""
    shares = [cell["share"] for cell in cells.values() if cell["share"] is not None]
    if not shares:
        return {"lowest": None, "highest": None, "range": None}
    low, high = min(shares), max(shares)
    return {"lowest": low, "highest": high, "range": round(high - low, 6)}


def _named(name: str, cell: Cell, field: str) -> dict[str, Any]:
    return {"model": name, field: cell[field], "interval": cell["interval"][field]}
