"""The example of `/v1/models/compare`."""

from typing import Any

from service.api.examples import META
from service.api.examples.intervals import UNCERTAINTY


def _cell(conversions: float, value: float, share: float, roas: float) -> dict[str, Any]:
    near = {
        "conversions": [round(conversions * 0.8, 2), round(conversions * 1.2, 2)],
        "value": [round(value * 0.75, 2), round(value * 1.25, 2)],
        "share": [round(share - 0.05, 3), round(share + 0.05, 3)],
        "cpa": [20.83, 31.25],
        "roas": [round(roas * 0.75, 4), round(roas * 1.25, 4)],
        "roi": [round(roas * 0.75 - 1, 4), round(roas * 1.25 - 1, 4)],
    }
    return {
        "conversions": conversions,
        "value": value,
        "share": share,
        "cpa": 25,
        "roas": roas,
        "roi": round(roas - 1, 6),
        "interval": near,
    }


_FIRST, _LAST = _cell(40, 3200, 0.4, 3.2), _cell(36, 2880, 0.36, 2.88)
COMPARE: Any = {
    "rows": [
        {
            "channel": "paid_search",
            "spend": 1000,
            "models": {"first_touch": _FIRST, "last_touch": _LAST},
            "disagreement": {"lowest": 0.36, "highest": 0.4, "range": 0.04},
            "verdict": "robust",
            "because": {
                "reason": "models_agree",
                "most_conversions": 40,
                "half_width": 0.2,
                "lowest": {"model": "last_touch", "share": 0.36, "interval": [0.31, 0.41]},
                "highest": {"model": "first_touch", "share": 0.4, "interval": [0.35, 0.45]},
                "worst_roi": {"model": "last_touch", "roi": 1.88, "interval": [1.16, 2.6]},
                "best_roi": {"model": "first_touch", "roi": 2.2, "interval": [1.4, 3.0]},
            },
        }
    ],
    "unattributed": {
        "models": {
            "first_touch": {"conversions": 2, "value": 160, "share": 0.02},
            "last_touch": {"conversions": 2, "value": 160, "share": 0.02},
        }
    },
    "totals": {"spend": 1000, "conversions": 100, "value": 8000},
    "rule": {"fewest_conversions": 20, "widest_half_width": 0.5, "material_ratio": 1.2},
    "refused": [],
    "uncertainty": UNCERTAINTY,
    "meta": META,
}
