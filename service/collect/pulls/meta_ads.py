"""Meta Insights over the Graph API, page by page, a row a day and campaign.

developers.facebook.com/docs/marketing-api/insights. Meta answers errors with status 400 and a code;
usage headers say how much of the quota is spent before it is refused.
"""

import json
from collections.abc import Iterator
from datetime import date
from typing import Any, Literal

import httpx

from service.collect.pulls import Platform
from service.collect.pulls.answers import lines_of_document
from service.collect.pulls.asking import Asker, PullError, json_of
from service.collect.pulls.options import Digits, PullOptions, Secret, Url

MOST_PAGES = 2_000
PAGE_ROWS = 500
NEARLY_SPENT = 95.0
"""Per cent of a quota beyond which we stop by ourselves rather than be locked out."""

_THROTTLED = frozenset({4, 17, 32, 613, *range(80_000, 80_015)})
_PASSING = frozenset({1, 2})
_TOKEN = frozenset({102, 190, 200, 10, 3, 294})
_FIELDS = {
    "campaign": "campaign_id,campaign_name",
    "adset": "campaign_id,campaign_name,adset_name",
    "ad": "campaign_id,campaign_name,adset_name,ad_name",
}
_USAGE = ("x-fb-ads-insights-throttle", "x-business-use-case-usage", "x-ad-account-usage")


class MetaAdsOptions(PullOptions):
    """`access_token`: of a system user with `ads_read`, which does not expire."""

    account_id: Digits
    access_token: Secret
    level: Literal["campaign", "adset", "ad"] = "campaign"
    version: str = "v26.0"
    base_url: Url = "https://graph.facebook.com"


def fetch(options: MetaAdsOptions, asker: Asker, first: date, last: date) -> list[Any]:
    """All pages, then the lines. Raises PullError."""
    headers = {"authorization": f"Bearer {options.access_token.get_secret_value()}"}
    account = f"{options.base_url}/{options.version}/act_{options.account_id}"
    about = asker.ask_json(
        "GET", account, problem_of, headers=headers, params={"fields": "currency,timezone_name"}
    )
    said = {"account_timezone": about["timezone_name"]} if _text(about, "timezone_name") else {}
    if _text(about, "currency"):
        said["currency"] = about["currency"]
    params = {
        "level": options.level,
        "fields": "account_id,account_currency,spend,impressions,clicks,inline_link_clicks,"
        + _FIELDS[options.level],
        "time_increment": "1",
        "time_range": json.dumps({"since": first.isoformat(), "until": last.isoformat()}),
        "limit": str(PAGE_ROWS),
    }
    rows = list(_rows(asker, f"{account}/insights", headers, params))
    if not rows:
        return []
    defaults = {**options.defaults(options.account_id), **said}
    return lines_of_document({"data": rows}, "meta_ads", defaults)


def _rows(
    asker: Asker, url: str, headers: dict[str, str], params: dict[str, str]
) -> Iterator[dict[str, Any]]:
    """The rows of all pages. The address of a next page holds the token, so it is not followed:
    its cursor is enough."""
    after = ""
    for _ in range(MOST_PAGES):
        asked = {**params, **({"after": after} if after else {})}
        page = asker.ask_json("GET", url, problem_of, headers=headers, params=asked)
        data = page.get("data") if isinstance(page, dict) else None
        if not isinstance(data, list) or not all(isinstance(row, dict) for row in data):
            raise PullError("unreadable", "a page holds no rows")
        yield from data
        paging = page.get("paging")
        paging = paging if isinstance(paging, dict) else {}
        cursors = paging.get("cursors")
        following = cursors.get("after") if isinstance(cursors, dict) else None
        if not paging.get("next"):
            return
        if not isinstance(following, str) or following == after:
            raise PullError("unreadable", "a page speaks of a next one and does not name it")
        after = following
    raise PullError("too_much", "the answer has too many pages")


def _text(found: Any, name: str) -> bool:
    return isinstance(found, dict) and isinstance(found.get(name), str) and bool(found[name])


def problem_of(response: httpx.Response) -> PullError | None:
    """What a Graph error means, or a quota that is nearly spent."""
    found = json_of(response)
    error = found.get("error") if isinstance(found, dict) else None
    if not isinstance(error, dict):
        used, minutes = _usage(response)
        if response.is_success and used >= NEARLY_SPENT and minutes:
            detail = f"{used:g} % of the quota is spent"
            return PullError("quota", detail, again=True, retry_after=minutes * 60.0)
        return None
    code, text = error.get("code"), str(error.get("message", ""))
    detail = f"error {code}: {text}"
    if code in _THROTTLED:
        minutes = _usage(response)[1]
        return PullError("quota", detail, again=True, retry_after=minutes * 60.0 or None)
    if code in _TOKEN:
        return PullError("credentials", detail)
    if "reduce the amount of data" in text.lower():
        return PullError("too_much", detail)
    if code in _PASSING or error.get("is_transient"):
        return PullError("platform_error", detail, again=True)
    return PullError("request", detail)


def _usage(response: httpx.Response) -> tuple[float, float]:
    """Per cent of the quota that is spent, and minutes until there is more, as headers say."""
    used, minutes = 0.0, 0.0
    for name in _USAGE:
        try:
            said = json.loads(response.headers.get(name, "null"))
        except ValueError:
            continue
        for entry in _entries(said):
            for key, value in entry.items():
                if not isinstance(value, int | float) or isinstance(value, bool):
                    continue
                if key == "estimated_time_to_regain_access":
                    minutes = max(minutes, float(value))
                elif key == "reset_time_duration":
                    minutes = max(minutes, value / 60.0)
                elif key.endswith("_pct") or key in ("call_count", "total_cputime", "total_time"):
                    used = max(used, float(value))
    return used, minutes


def _entries(said: Any) -> Iterator[dict[str, Any]]:
    """The objects that hold figures: the header's own, or those of its businesses."""
    if isinstance(said, dict):
        yield said
        for inner in said.values():
            yield from (
                e for e in (inner if isinstance(inner, list) else ()) if isinstance(e, dict)
            )


PLATFORM = Platform(
    "meta_ads", "Meta Ads", MetaAdsOptions, fetch, lambda options: options.account_id
)
