"""Google Ads over REST: `googleAds:searchStream` with a refresh token and a developer token.

developers.google.com/google-ads/api/rest. The stream is one JSON array of batches; an error may be
the last of them.
"""

import re
from datetime import date
from typing import Any, Literal

import httpx

from service.collect.pulls import Platform
from service.collect.pulls.answers import lines_of_document
from service.collect.pulls.asking import Asker, PullError, access_token, json_of
from service.collect.pulls.options import Digits, PullOptions, Secret, Url

_SECONDS = re.compile(r"(\d+(?:\.\d+)?)s")
_OVERLOADED = frozenset({"RESOURCE_EXHAUSTED", "RESOURCE_TEMPORARILY_EXHAUSTED"})
_PASSING = frozenset({"UNAVAILABLE", "INTERNAL", "DEADLINE_EXCEEDED", "ABORTED"})
_FIELDS = (
    "segments.date, customer.id, customer.currency_code, customer.time_zone, campaign.id, "
    "campaign.name, metrics.cost_micros, metrics.impressions, metrics.clicks"
)


class GoogleAdsOptions(PullOptions):
    """`login_customer_id`: of the manager account through which the account is reached. `level`:
    how fine the lines are; changing it restates the past that is asked for again, no more."""

    customer_id: Digits
    login_customer_id: Digits | None = None
    developer_token: Secret
    client_id: str
    client_secret: Secret
    refresh_token: Secret
    level: Literal["campaign", "ad_group"] = "campaign"
    version: str = "v26"
    base_url: Url = "https://googleads.googleapis.com"
    token_url: Url = "https://oauth2.googleapis.com/token"


def fetch(options: GoogleAdsOptions, asker: Asker, first: date, last: date) -> list[Any]:
    """One query for all days. Raises PullError."""
    token = access_token(
        asker,
        options.token_url,
        options.client_id,
        options.client_secret.get_secret_value(),
        options.refresh_token.get_secret_value(),
    )
    more = ", ad_group.name" if options.level == "ad_group" else ""
    query = (
        f"SELECT {_FIELDS}{more} FROM {options.level} "
        f"WHERE segments.date BETWEEN '{first}' AND '{last}'"
    )
    headers = {
        "authorization": f"Bearer {token}",
        "developer-token": options.developer_token.get_secret_value(),
    }
    if options.login_customer_id:
        headers["login-customer-id"] = options.login_customer_id
    url = f"{options.base_url}/{options.version}/customers/{options.customer_id}"
    batches = asker.ask_json(
        "POST", f"{url}/googleAds:searchStream", _problem, headers=headers, json={"query": query}
    )
    if not isinstance(batches, list) or not all(isinstance(b, dict) for b in batches):
        raise PullError("unreadable", "the answer is not a stream of batches")
    if not any(batch.get("results") for batch in batches):
        return []
    return lines_of_document(batches, "google_ads", options.defaults(options.customer_id))


def _problem(response: httpx.Response) -> PullError | None:
    """The error of a `google.rpc.Status`, which may stand inside the array."""
    found = json_of(response)
    parts = found if isinstance(found, list) else [found]
    errors = [p["error"] for p in parts if isinstance(p, dict) and isinstance(p.get("error"), dict)]
    if not errors:
        return None
    error = errors[-1]
    status, text = str(error.get("status", "")), str(error.get("message", ""))
    codes = list(_codes(error))
    detail = ": ".join([status, *codes, text])
    if status in _OVERLOADED or _OVERLOADED & set(codes):
        return PullError("quota", detail, again=True, retry_after=_delay(error))
    if status in _PASSING:
        return PullError("platform_error", detail, again=True)
    if status in ("UNAUTHENTICATED", "PERMISSION_DENIED"):
        return PullError("credentials", detail)
    return PullError("request", detail)


def _failures(error: dict[str, Any]) -> list[dict[str, Any]]:
    """The errors of the GoogleAdsFailure among the details."""
    details = error.get("details")
    return [
        failure
        for detail in (details if isinstance(details, list) else [])
        if isinstance(detail, dict) and isinstance(detail.get("errors"), list)
        for failure in detail["errors"]
        if isinstance(failure, dict)
    ]


def _codes(error: dict[str, Any]) -> list[str]:
    codes = [failure.get("errorCode") for failure in _failures(error)]
    return [str(v) for code in codes if isinstance(code, dict) for v in code.values()]


def _delay(error: dict[str, Any]) -> float | None:
    for failure in _failures(error):
        more = failure.get("details")
        quota = more.get("quotaErrorDetails") if isinstance(more, dict) else None
        text = quota.get("retryDelay") if isinstance(quota, dict) else None
        if isinstance(text, str) and (matched := _SECONDS.fullmatch(text)):
            return float(matched[1])
    return None


PLATFORM = Platform(
    "google_ads", "Google Ads", GoogleAdsOptions, fetch, lambda options: options.customer_id
)
