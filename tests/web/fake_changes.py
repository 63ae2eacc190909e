"""Changes written by hand: a deal that grew, and spend that was stated anew."""

from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import numpy as np

from service.journeys.causes import Causes
from service.reports.changes import CAUSES, Steps
from service.reports.configuration import BUILT_IN
from service.reports.moments import Between, Moment

THEN = datetime(2026, 11, 13, 14, 32, tzinfo=UTC)
GREW, RESTATED = "deals_changed", "spend_restated"


def moments() -> Between:
    """Of a ledger that nobody reads: no setting was ever written."""
    then = Moment(48_000, THEN, None, BUILT_IN, (0, None))
    later = Moment(48_211, None, None, BUILT_IN, (0, None))
    return Between(None, then, later, 30)  # type: ignore[arg-type]


def facts() -> Causes:
    nothing = np.array([], dtype=np.int64)
    return dict.fromkeys(CAUSES, nothing) | {
        GREW: np.array([48_100], dtype=np.int64),
        RESTATED: np.array([48_050, 48_060], dtype=np.int64),
    }


def steps(report: dict[str, Any]) -> Steps:
    """From a report less 100 of its first row's revenue and more 7 of its spend to the report itself."""
    answers = [report]
    for cause in reversed(CAUSES):
        before = deepcopy(answers[0])
        for part in (before["rows"][0], before["totals"]) if before["rows"] else ():
            part["revenue"] = round(part["revenue"] - 100 * (cause == GREW), 2)
            part["spend"] = round(part["spend"] + 7 * (cause == RESTATED), 2)
        answers.insert(0, before)
    return Steps(moments(), "roi", tuple(answers), facts())
