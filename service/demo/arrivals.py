"""When the facts of the demo world were told: each system has its own way of passing things on.

So the year has a past: a report as of an earlier moment shows what was known then, and what came
later (a corrected bill, a refund, a clicked newsletter) says why it differs now.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

HOUR: Final = timedelta(hours=1)
PUBLISHED: Final = timedelta(hours=15)
"""After midnight (UTC): about when the European Central Bank publishes the rates of the day."""

MORNING: Final = timedelta(hours=5)
"""After midnight: when the mail tool's export of the day before runs."""

HOURLY: Final = ("crm", "calls")
"""They are asked on the hour for what is new; website and shop tell at once."""


def fact_arrival(sender: str, fact: Mapping[str, Any]) -> datetime:
    """When a fact of `World.sources` arrives."""
    occurred_at = datetime.fromisoformat(fact["occurred_at"])
    if sender in HOURLY:
        return _on_the_hour(occurred_at)
    if sender == "email":
        return _midnight(occurred_at) + timedelta(days=1) + MORNING
    return occurred_at


def spend_arrival(line: Mapping[str, Any]) -> datetime:
    """When a line of `World.spend` arrives: when its account states it."""
    return datetime.fromisoformat(line["stated_at"])


def rate_arrival(rate: Mapping[str, str]) -> datetime:
    """When one of `World.rates` arrives."""
    return datetime.fromisoformat(rate["date"]).replace(tzinfo=UTC) + PUBLISHED


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _on_the_hour(moment: datetime) -> datetime:
    """The next full hour; a full hour is its own."""
    begun = moment.replace(minute=0, second=0, microsecond=0)
    return begun if begun == moment else begun + HOUR
