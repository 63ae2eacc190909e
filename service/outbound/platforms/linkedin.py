"""LinkedIn: the bodies of its Conversions API, at most 5,000 conversions, 90 days back.

Moments are milliseconds, amounts text, and `userIds` is there even where it is empty.

Source: LinkedIn Marketing API, "Conversions API".
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import orjson

from service.outbound.destinations import Destination
from service.outbound.platform import Document, Platform, Statement
from service.outbound.writing import amount, first


def conversions(statements: Sequence[Statement], destination: Destination) -> bytes:
    return orjson.dumps({"elements": [_element(s, destination) for s in statements]})


def _element(statement: Statement, destination: Destination) -> dict[str, Any]:
    rule = destination.conversion_name
    people = []
    if email := first(statement, "email_sha256"):
        people.append({"idType": "SHA256_EMAIL", "idValue": email})
    if statement.click:
        people.append(
            {"idType": "LINKEDIN_FIRST_PARTY_ADS_TRACKING_UUID", "idValue": statement.click[1]}
        )
    return {
        "conversion": rule if rule.startswith("urn:") else f"urn:lla:llaPartnerConversion:{rule}",
        "conversionHappenedAt": statement.occurred_at // 1_000,
        "conversionValue": {"currencyCode": statement.currency, "amount": amount(statement)},
        "user": {"userIds": people},
        "eventId": statement.order_id,
    }


PLATFORM = Platform(
    name="linkedin",
    title="LinkedIn Ads",
    clicks=("li_fat_id",),
    identifiers=("email_sha256",),
    window=timedelta(days=90),
    documents={"conversions": Document("json", "application/json", conversions)},
)
