"""Microsoft Advertising's Reporting service, version 13, as JSON: submit, poll, download a ZIP.

learn.microsoft.com/advertising/reporting-service. The report lies at an address of its own, which is
fetched without any of our credentials.
"""

import io
import zipfile
import zlib
from datetime import date
from typing import Any

import httpx

from service.collect.pulls import Platform
from service.collect.pulls.answers import lines_of_table
from service.collect.pulls.asking import MAX_BYTES, Asker, PullError, access_token, json_of
from service.collect.pulls.options import Digits, PullOptions, Secret, Url

MOST_QUESTIONS = 60
WAIT_SECONDS = 10.0
_COLUMNS = ["TimePeriod", "AccountId", "CampaignId", "CampaignName", "CurrencyCode",
            "Impressions", "Clicks", "Spend"]  # fmt: skip
_TOKEN = frozenset({105, 106, 109, 110, 120})
_BUSY = frozenset({117, 207, 208})


class MicrosoftAdsOptions(PullOptions):
    """`client_secret` only where the application has one."""

    account_id: Digits
    customer_id: Digits
    developer_token: Secret
    client_id: str
    client_secret: Secret | None = None
    refresh_token: Secret
    base_url: Url = "https://reporting.api.bingads.microsoft.com"
    token_url: Url = "https://login.microsoftonline.com/common/oauth2/v2.0/token"


def fetch(options: MicrosoftAdsOptions, asker: Asker, first: date, last: date) -> list[Any]:
    """One report for all days. Raises PullError."""
    secret = options.client_secret.get_secret_value() if options.client_secret else ""
    token = access_token(
        asker,
        options.token_url,
        options.client_id,
        secret,
        options.refresh_token.get_secret_value(),
        "https://ads.microsoft.com/msads.manage offline_access",
    )
    headers = {
        "authorization": f"Bearer {token}",
        "developertoken": options.developer_token.get_secret_value(),
        "customerid": options.customer_id,
        "customeraccountid": options.account_id,
    }
    url = f"{options.base_url}/Reporting/v13/GenerateReport"
    made = asker.ask_json(
        "POST", f"{url}/Submit", problem_of, headers=headers, json=_request(options, first, last)
    )
    number = made.get("ReportRequestId") if isinstance(made, dict) else None
    if not isinstance(number, str):
        raise PullError("unreadable", "the answer names no report")
    address = _address(asker, f"{url}/Poll", headers, number)
    if not address:  # there was nothing on these days
        return []
    table = _unpacked(asker.ask("GET", address).content)
    return lines_of_table(table, "microsoft_ads", options.defaults(options.account_id))


def _request(options: MicrosoftAdsOptions, first: date, last: date) -> dict[str, Any]:
    def day(moment: date) -> dict[str, int]:
        return {"Day": moment.day, "Month": moment.month, "Year": moment.year}

    return {
        "ReportRequest": {
            "Type": "CampaignPerformanceReportRequest",
            "ReportName": "Throughline",
            "Format": "Csv",
            "FormatVersion": "2.0",
            "Aggregation": "Daily",
            "ReturnOnlyCompleteData": False,
            "ExcludeReportHeader": False,
            "ExcludeReportFooter": False,
            "ExcludeColumnHeaders": False,
            "Columns": _COLUMNS,
            "Scope": {"AccountIds": [options.account_id]},
            "Time": {"CustomDateRangeStart": day(first), "CustomDateRangeEnd": day(last)},
        }
    }


def _address(asker: Asker, url: str, headers: dict[str, str], number: str) -> str:
    """Where the report lies once it is made; empty where there is nothing to report."""
    for _ in range(MOST_QUESTIONS):
        asked = {"ReportRequestId": number}
        found = asker.ask_json("POST", url, problem_of, headers=headers, json=asked)
        status = found.get("ReportRequestStatus") if isinstance(found, dict) else None
        if not isinstance(status, dict):
            raise PullError("unreadable", "the answer says nothing of the report")
        if status.get("Status") == "Success":
            return str(status.get("ReportDownloadUrl") or "")
        if status.get("Status") == "Error":
            raise PullError("platform_error", "the report could not be made", again=True)
        asker.wait(WAIT_SECONDS)
    raise PullError("platform_error", "the report is still being made", again=True)


def _unpacked(archive: bytes) -> bytes:
    """The one file of the archive. Raises PullError."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as packed:
            (entry,) = packed.infolist()
            if entry.file_size > MAX_BYTES:
                raise PullError("too_much", "the report is too large")
            with packed.open(entry) as file:
                return file.read(MAX_BYTES)
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, NotImplementedError) as error:
        raise PullError("unreadable", f"the archive is not whole: {error}", again=True) from error


def problem_of(response: httpx.Response) -> PullError | None:
    """The errors of an API fault."""
    found = json_of(response)
    if response.is_success or not isinstance(found, dict):
        return None
    lists = [found.get(name) for name in ("OperationErrors", "Errors", "BatchErrors")]
    errors = [e for some in lists if isinstance(some, list) for e in some if isinstance(e, dict)]
    if not errors:
        return None
    codes = {error.get("Code") for error in errors}
    detail = "; ".join(
        f"error {e.get('Code')} {e.get('ErrorCode', '')}: {e.get('Message')}" for e in errors
    )
    if codes & _TOKEN:
        return PullError("credentials", detail)
    if codes & _BUSY or response.status_code == 429:
        return PullError("quota", detail, again=True, retry_after=60.0)
    if response.status_code >= 500:
        return PullError("platform_error", detail, again=True)
    return PullError("request", detail)


PLATFORM = Platform(
    "microsoft_ads",
    "Microsoft Advertising",
    MicrosoftAdsOptions,
    fetch,
    lambda options: options.account_id,
)
