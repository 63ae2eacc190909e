"""Microsoft Advertising: offline conversions, with external credit; corrections in the same file.

A correction names the conversion by its first click id, name and time, so these stay.

Source: Microsoft Advertising, bulk file "Offline Conversion".
"""

from collections.abc import Sequence
from datetime import timedelta

from service.outbound.destinations import Destination
from service.outbound.platform import Document, Platform, Statement
from service.outbound.writing import amount, credit, csv_bytes, first, moment

_ZONE = ("Parameters:TimeZone=+0000",)
_COLUMNS = (
    "Microsoft Click ID",
    "Conversion Name",
    "Conversion Time",
    "Conversion Value",
    "Conversion Currency Code",
    "External Attribution Credit",
    "External Attribution Model",
    "Hashed Email Address",
    "Hashed Phone Number",
    "Adjustment Type",
    "Adjustment Value",
    "Adjustment Time",
    "Adjustment Currency Code",
)
_TIME = "%Y-%m-%dT%H:%M:%SZ"


def conversions(statements: Sequence[Statement], destination: Destination) -> bytes:
    return csv_bytes([_ZONE, _COLUMNS, *(_row(s, destination) for s in statements)])


def _row(statement: Statement, destination: Destination) -> list[str]:
    said = [
        statement.click[1] if statement.click else "",
        destination.conversion_name,
        moment(statement.occurred_at, _TIME),
    ]
    people = [first(statement, "email_sha256"), first(statement, "phone_sha256")]
    if statement.action == "report":
        worth = [amount(statement), statement.currency, credit(statement), statement.model]
        return [*said, *worth, *people, "", "", "", ""]
    restated = statement.action == "restate"
    return [
        *said, "", "", "", "", *people,
        "Restate" if restated else "Retract",
        amount(statement) if restated else "",
        moment(statement.stated_at, _TIME),
        statement.currency if restated else "",
    ]  # fmt: skip


PLATFORM = Platform(
    name="microsoft",
    title="Microsoft Advertising",
    clicks=("msclkid",),
    identifiers=("email_sha256", "phone_sha256"),
    fractional=True,
    corrects=True,
    window=timedelta(days=90),
    documents={
        "conversions": Document(
            "csv", "text/csv", conversions, frozenset({"report", "restate", "retract"})
        )
    },
)
