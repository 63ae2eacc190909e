"""Yandex Direct's Reports service: a report is asked for until it is ready, and comes as TSV.

yandex.com/dev/direct/doc/en/reports. 201 and 202 mean that it is being made; `retryIn` says when to
ask again. A report's name stands for its parameters: the same name asks for the same report.
"""

from datetime import date
from hashlib import blake2b
from typing import Any, Literal

import httpx
import orjson

from service.collect.pulls import Platform
from service.collect.pulls.answers import lines_of_table
from service.collect.pulls.asking import Asker, PullError, json_of
from service.collect.pulls.options import PullOptions, Secret, Url, Word

MOST_QUESTIONS = 60
DEFAULT_WAIT, LONGEST_WAIT = 10.0, 60.0
"""Seconds between two questions for one report, where the platform names none, and at most."""

_TOKEN = frozenset({52, 53, 54, 58, 513, 3000})
_BUSY = frozenset({152, 506, 9000})
_PASSING = frozenset({52, 1000, 1001, 1002})


class YandexDirectOptions(PullOptions):
    """`client_login`: the advertiser, where an agency asks. `currency` has to be given, for the
    report names none. `vat`: how the report shall state amounts; included, as they are billed."""

    token: Secret
    client_login: Word = ""
    vat: Literal["included", "excluded"] = "included"
    base_url: Url = "https://api.direct.yandex.com"


def fetch(options: YandexDirectOptions, asker: Asker, first: date, last: date) -> list[Any]:
    """One report for all days. Raises PullError."""
    if not options.currency:
        raise PullError("request", "name the account's currency: the report does not")
    report: dict[str, Any] = {
        "SelectionCriteria": {"DateFrom": first.isoformat(), "DateTo": last.isoformat()},
        "FieldNames": ["Date", "CampaignId", "CampaignName", "Impressions", "Clicks", "Cost"],
        "ReportType": "CAMPAIGN_PERFORMANCE_REPORT",
        "DateRangeType": "CUSTOM_DATE",
        "Format": "TSV",
        "IncludeVAT": "YES" if options.vat == "included" else "NO",
        "IncludeDiscount": "NO",
    }
    headers = {
        "authorization": f"Bearer {options.token.get_secret_value()}",
        "accept-language": "en",
        "processingmode": "auto",
    }
    if options.client_login:
        headers["client-login"] = options.client_login
    name = blake2b(orjson.dumps(report), digest_size=8).hexdigest()
    body = {"params": {**report, "ReportName": f"Throughline {last} {name}"}}
    for _ in range(MOST_QUESTIONS):
        answer = asker.ask(
            "POST", f"{options.base_url}/json/v5/reports", problem_of, headers=headers, json=body
        )
        if answer.status_code == 200:
            defaults = options.defaults(options.client_login)
            return lines_of_table(answer.content, "yandex_direct", defaults)
        asker.wait(_wait(answer))
    raise PullError("platform_error", "the report is still being made", again=True)


def _wait(answer: httpx.Response) -> float:
    said = answer.headers.get("retryin", "")
    return min(float(said), LONGEST_WAIT) if said.isdecimal() else DEFAULT_WAIT


def problem_of(response: httpx.Response) -> PullError | None:
    """The error object that stands in place of a report, also under a good status."""
    if response.content[:1] != b"{":
        return None
    found = json_of(response)
    error = found.get("error") if isinstance(found, dict) else None
    if not isinstance(error, dict):
        return None
    code = str(error.get("error_code"))
    number = int(code) if code.isdecimal() else 0
    detail = f"error {code}: {error.get('error_string')}: {error.get('error_detail')}"
    if number in _PASSING or response.status_code >= 500:
        return PullError("platform_error", detail, again=True)
    if number in _TOKEN:
        return PullError("credentials", detail)
    if number in _BUSY:
        return PullError("quota", detail, again=True, retry_after=15 * 60.0)
    return PullError("request", detail)


PLATFORM = Platform(
    "yandex_direct",
    "Yandex Direct",
    YandexDirectOptions,
    fetch,
    lambda options: options.client_login,
)
