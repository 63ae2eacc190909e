"""Parts of reports written by hand: a cell of a comparison, a journey explained."""

from typing import Any


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
