"""Google Ads: conversions from clicks, with the credit of an external attribution model.

Files: `conversions` (CSV of the upload by file or by scheduled HTTPS), `adjustments` (CSV of
restatements and retractions, which must come apart) and `api` (the bodies of
`ConversionUploadService.UploadClickConversions`).

Sources: Google Ads help 7014069 and 7686280; the API's reference of ClickConversion and
ExternalAttributionData.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import orjson

from service.outbound.destinations import Destination
from service.outbound.platform import MILLION, Document, Platform, Statement
from service.outbound.writing import amount, credit, csv_bytes, first, moment

_ZONE = ("Parameters:TimeZone=+0000",)
_COLUMNS = (
    "Google Click ID",
    "GBRAID",
    "WBRAID",
    "Email",
    "Phone Number",
    "Conversion Name",
    "Conversion Time",
    "Attribution Model",
    "Attributed Credit",
    "Conversion Value",
    "Conversion Currency",
    "Order ID",
)
_ADJUSTMENTS = (
    "Order ID",
    "Conversion Name",
    "Adjustment Time",
    "Adjustment Type",
    "Adjusted Value",
    "Adjusted Value Currency",
)


def _emails(statement: Statement) -> str:
    return first(statement, "google_email_sha256") or first(statement, "email_sha256")


def conversions(statements: Sequence[Statement], destination: Destination) -> bytes:
    rows = []
    for statement in statements:
        name, value = statement.click or ("", "")
        rows.append(
            [
                *(value if name == kind else "" for kind in ("gclid", "gbraid", "wbraid")),
                _emails(statement),
                first(statement, "phone_sha256"),
                destination.conversion_name,
                moment(statement.occurred_at),
                statement.model,
                credit(statement),
                amount(statement),
                statement.currency,
                statement.order_id,
            ]
        )
    return csv_bytes([_ZONE, _COLUMNS, *rows])


def adjustments(statements: Sequence[Statement], destination: Destination) -> bytes:
    rows = []
    for statement in statements:
        restated = statement.action == "restate"
        rows.append(
            [
                statement.order_id,
                destination.conversion_name,
                moment(statement.stated_at),
                "RESTATE" if restated else "RETRACT",
                amount(statement) if restated else "",
                statement.currency if restated else "",
            ]
        )
    return csv_bytes([_ZONE, _ADJUSTMENTS, *rows])


def api(statements: Sequence[Statement], destination: Destination) -> bytes:
    """One body of `customers/ID:uploadClickConversions`."""
    return orjson.dumps(
        {
            "conversions": [_click_conversion(s, destination) for s in statements],
            "partialFailure": True,
        }
    )


def _click_conversion(statement: Statement, destination: Destination) -> dict[str, Any]:
    said: dict[str, Any] = {
        "conversionAction": destination.account or destination.conversion_name,
        "conversionDateTime": moment(statement.occurred_at),
        "conversionValue": float(amount(statement)),
        "currencyCode": statement.currency,
        "orderId": statement.order_id,
    }
    if statement.click:
        said[statement.click[0]] = statement.click[1]
        said["externalAttributionData"] = {
            "externalAttributionCredit": statement.credit / MILLION,
            "externalAttributionModel": statement.model,
        }
    people = [{"hashedEmail": _emails(statement)}] if _emails(statement) else []
    if phone := first(statement, "phone_sha256"):
        people.append({"hashedPhoneNumber": phone})
    if people:
        said["userIdentifiers"] = people
        # Hashes are kept of people who agreed, and of nobody else.
        said["consent"] = {"adUserData": "GRANTED"}
    return said


PLATFORM = Platform(
    name="google_ads",
    title="Google Ads",
    clicks=("gclid", "gbraid", "wbraid"),
    identifiers=("email_sha256", "google_email_sha256", "phone_sha256"),
    fractional=True,
    corrects=True,
    window=timedelta(days=90),
    documents={
        "conversions": Document("csv", "text/csv", conversions),
        "adjustments": Document("csv", "text/csv", adjustments, frozenset({"restate", "retract"})),
        "api": Document("json", "application/json", api),
    },
)
