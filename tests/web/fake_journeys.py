"""Journeys written by hand."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

NOW = datetime(2026, 11, 20, 14, 32, tzinfo=UTC)


def credit(value: Decimal, model: int, position: int, count: int) -> dict[str, Any]:
    """Different splits by model, in cents, that add up: the first or last takes the remainder."""
    weights = [1 + (model * 3 + i * (model + 1)) % 5 for i in range(count)]
    parts = [(value * w / sum(weights)).quantize(Decimal("0.01")) for w in weights]
    parts[-1] += value - sum(parts)
    part = parts[position - 1]
    share = Decimal(weights[position - 1]) / sum(weights)
    return {
        "value": float(part),
        "conversions": float(round(share, 6)),
        "weight": weights[position - 1],
    }


def conversions() -> list[dict[str, Any]]:
    ways = [
        ["paid_search", "organic_search", "email", "direct"],
        ["paid_social", "email"],
        ["organic_search"],
        [],
        ["display", "paid_social", "paid_search", "email", "referral", "direct"],
    ]
    return [
        {
            "conversion_id": f"deal:D{i}:won",
            "stage": "won",
            "object": {"kind": "deal", "id": f"D{i}"},
            "occurred_at": (NOW - timedelta(hours=31 * i)).isoformat().replace("+00:00", "Z"),
            "value": 1200.0 + 311.5 * i,
            "currency": "EUR",
            "person_id": f"p_{i:08x}",
            "account_id": "acme",
            "touchpoints": len(way),
            "first_channel": way[0] if way else None,
            "last_channel": way[-1] if way else None,
            "channels": way,
            "days_to_convert": 23.5 + i if way else None,
            "unattributed_reason": None if way else "no_touchpoint_in_lookback",
        }
        for i in range(1, 13)
        for way in [ways[(i - 1) % 5]]
    ]


def touch(position: int, occurred_at: str, kind: str, channel: str, **more: Any) -> dict[str, Any]:
    names = ("source", "medium", "campaign", "campaign_id", "content", "term", "landing_page")
    plain = {"page_views": 1, "milestones": [], "facts": [position]}
    known = {"position": position, "occurred_at": occurred_at, "kind": kind, "channel": channel}
    return dict.fromkeys(names) | plain | known | more


def touchpoints() -> list[dict[str, Any]]:
    google = {"source": "google", "medium": "cpc", "campaign": "spring", "content": "ad-7"}
    bing = {"source": "bing", "medium": "organic", "landing_page": "https://example.com/guide"}
    letter = {"source": "newsletter", "medium": "email", "campaign": "case studies"}
    pricing = {"landing_page": "https://example.com/pricing?plan=pro", "page_views": 4}
    return [
        touch(1, "2026-10-14T08:12:00Z", "click", "paid_search", **google, **pricing),
        touch(2, "2026-10-20T11:40:00Z", "visit", "organic_search", **bing, milestones=["lead"]),
        touch(3, "2026-11-01T16:05:00Z", "email_click", "email", **letter),
        touch(4, "2026-11-12T07:55:00Z", "visit", "direct", landing_page="https://example.com/"),
    ]
