"""Parts of reports written by hand: a cell of a comparison, a journey explained."""

from typing import Any

LIFT_TEST = {
    "id": "spring-holdout",
    "version": 1,
    "channel": "paid_search",
    "from": "2026-11-01",
    "to": "2026-11-08",
    "measure": "conversions",
    "currency": None,
    "estimate": 4,
    "standard_error": 1.5,
    "method": "user_holdout",
    "model": 8,
    "used": True,
    "reason": None,
}


def compared(row: list[str], factor: float, whole: float) -> dict[str, Any]:
    """One cell of a comparison: a tenth more or less; no cost and no return without spend."""
    spend, won, value = float(row[0]), float(row[8]) * factor, float(row[9]) * factor
    returned = value / spend if spend else None
    told = {
        "conversions": round(won, 2),
        "value": round(value, 2),
        "share": round(value / whole, 6),
        "cpa": round(spend / won, 2) if won else None,
        "roas": returned,
        "roi": None if returned is None else returned - 1,
    }
    near = {k: None if v is None else [v - abs(v) / 10, v + abs(v) / 10] for k, v in told.items()}
    return told | {"interval": near}


def worked_journey(journey: dict[str, Any]) -> dict[str, Any]:
    """The first touch by two links, those after it by the same identifier, the last a colleague's."""
    touches = journey["touchpoints"]
    fact = {
        "fact": 7,
        "source": "website",
        "id": "evt-7",
        "type": "page",
        "occurred_at": "2026-10-19T08:00:00Z",
        "received_at": "2026-10-19T08:00:01Z",
    }
    cookie, mail, user = ({"kind": k, "value": None} for k in ("anonymous_id", "email", "user_id"))
    links = [
        {"left": cookie, "right": mail, "fact": fact | {"id": "evt-8", "source": "crm"}},
        {"left": mail, "right": user, "fact": fact | {"id": "evt-9", "source": "crm"}},
    ]
    person = {"person_id": "p_1", "identifier": None, "links": []}
    joined = [
        person | {"by": "identifier", "identifier": mail}
        if touch["position"] > 1
        else person | {"by": "links", "links": links}
        for touch in touches
    ]
    if len(touches) > 2:
        joined[-1] = person | {"by": "account"}
    worked = "2^(-3.5d / 7d) = 0.7071; divided by the sum 1.9 = 0.3722; of 100.00 EUR = 37.22"
    return {
        "models": [
            {
                "formula": "w_i = 2^(-(T - t_i) / half_life)",
                "touchpoints": [{"worked": worked} for _ in touches],
            }
        ],
        "touchpoints": [{"fact": fact, "joined": how} for how in joined],
    }


def brought(channels: dict[str, list[str]], tested: bool) -> dict[str, Any]:
    """Half of what each channel won it brought itself; the first channel has a lift test, after which
    it is half of that."""
    rows = []
    for place, (channel, row) in enumerate(channels.items()):
        spend, won, value = float(row[0]), float(row[8]), float(row[9])
        half = {
            "conversions": won / 2,
            "value": value / 2,
            "low": won / 4,
            "high": won,
            "roas": value / 2 / spend if spend else None,
        }
        quarter = {name: None if x is None else x / 2 for name, x in half.items()}
        rows.append(
            {
                "channel": channel,
                "spend": spend,
                "attributed": {"conversions": won, "value": value},
                "incremental": half,
                "calibrated": quarter | {"factor": 0.5} if tested and place == 0 else None,
            }
        )
    return {
        "rows": rows,
        "baseline": {
            "conversions": 30.5,
            "value": 9000,
            "share": 0.4,
            "never_touched": {"conversions": 1, "value": 100},
            "calibrated": {"conversions": 36.125, "value": 33120} if tested else None,
        },
        "unattributed": {"conversions": 2, "value": 7200},
        "totals": {"conversions": 62, "value": 254961.5, "spend": 34565.2},
        "lift_tests": [LIFT_TEST] if tested else [],
        "warnings": ["Exposure was not assigned at random."],
    }
