"""Examples of the API's description for the explanation of one number."""

from typing import Any

from service.api.examples import META

CONVERSION: Any = {
    "kind": "conversion",
    "conversion_id": "won:order:O1",
    "stage": "won",
    "state": "won",
    "object": {"kind": "order", "id": "O1"},
    "occurred_at": "2026-03-01T10:20:00Z",
    "person_id": "p_57f32671b65e6833",
    "account_id": "acme.example",
    "part": 80,
    "whole": 80,
    "reason": None,
    "touchpoints": [
        {
            "position": 1,
            "occurred_at": "2026-03-01T10:00:00Z",
            "touch_kind": "visit",
            "channel": "paid_search",
            "source": "google",
            "medium": "cpc",
            "campaign": "spring",
            "campaign_id": "42",
            "content": None,
            "term": None,
            "weight": 1,
            "sum_of_weights": 1,
            "credit": 80,
            "facts": [1],
        }
    ],
}
SPEND_LINE: Any = {
    "kind": "spend_line",
    "date": "2026-03-01",
    "sender": "google-ads",
    "channel": "paid_search",
    "source": "google",
    "medium": "cpc",
    "campaign_id": "42",
    "campaign": "spring",
    "ad_group": None,
    "ad": None,
    "term": None,
    "account": None,
    "part": 20,
    "amount": 20,
    "currency": "EUR",
    "impressions": 1000,
    "clicks": 40,
    "statements": 2,
    "restated": True,
    "stated_at": "2026-03-02T06:00:00Z",
    "facts": [7],
}
VISIT: Any = {
    "kind": "visit",
    "occurred_at": "2026-03-01T10:00:00Z",
    "channel": "paid_search",
    "source": "google",
    "medium": "cpc",
    "campaign": "spring",
    "content": None,
    "term": None,
    "landing_page": "example.com/",
    "person_id": "p_57f32671b65e6833",
    "page_views": 2,
    "seconds": 180,
    "part": 1,
    "facts": [1],
}
TERM: Any = {
    "role": "numerator",
    "sign": 1,
    "measure": "spend",
    "number": 20,
    "cell": "channel:paid_search",
    "href": "/v1/explain?cell=channel%3Apaid_search&measure=spend",
}
CELL: Any = {
    "report": "roi",
    "cell": {
        "text": "channel:paid_search",
        "kind": "row",
        "labels": {"channel": "paid_search"},
    },
    "measure": "revenue",
    "made_of": "Won deals and orders less refunds, each divided over the touchpoints of its journey",
    "unit": "money",
    "number": 80,
    "terms": [],
    "items_are": "conversions",
    "items": [CONVERSION],
    "count": 1,
    "sum": 80,
    "shown": 80,
    "next": None,
    "meta": META,
}
