"""What would not have happened without each channel, beside what is attributed and what tests found."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from service.reports.incremental import read_spec
from service.web.asking import Asked
from service.web.format import Formatter, Number
from service.web.pages import formatter_of, render

INCREMENTAL = "/compare/incremental"


def show_incremental(request: Request) -> Response:
    """The incremental model with its baseline; calibrated and not, where there are lift tests."""
    asked = Asked.read(request)
    question = replace(asked.question(group_by="channel"), basis="conversion")
    report = asked.parts.desk.incremental(question, read_spec(None, None))
    formatter = formatter_of(request, report["meta"]["currency"])
    params = asked.params(group_by="channel")
    query = {name: value for name, value in params.items() if name not in ("model", "basis")}
    return render(
        request,
        "incremental.html",
        formatter=formatter,
        state=asked.state,
        bar=asked.bar(formatter),
        meta=report["meta"],
        report=report,
        calibrated=any(row["calibrated"] for row in report["rows"]),
        between=lambda cell: between(cell, formatter),
        tests=[told_test(test, formatter) for test in report["lift_tests"]],
        csv=f"/v1/incremental.csv?{urlencode(query)}",
    )


def between(cell: dict[str, Any], formatter: Formatter) -> str:
    """The ends of an interval of conversions; "" where there is none."""
    if cell["low"] is None or cell["high"] is None:
        return ""
    return f"{formatter.count(cell['low'], 1)} to {formatter.count(cell['high'], 1)}"


def told_test(test: dict[str, Any], formatter: Formatter) -> dict[str, Any]:
    """A lift test as the page tells of it."""
    first, past = (date.fromisoformat(test[edge]) for edge in ("from", "to"))

    def show(number: Number | None) -> str:
        if test["measure"] == "revenue":
            return formatter.money(number, test["currency"])
        return formatter.count(number)

    return test | {
        "days": formatter.days(first, past - timedelta(days=1)),
        "found": f"{show(test['estimate'])} ± {show(test['standard_error'])}",
        "expected": show(test["model"]),
    }
