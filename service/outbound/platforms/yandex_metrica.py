"""Yandex Metrica: offline conversions, by the click of Yandex Direct or the visitor's own id.

Source: Metrica's management API, "offline conversions"; moments are seconds since 1970, and
conversions older than 21 days find no visit.
"""

from collections.abc import Sequence
from datetime import timedelta

from service.outbound.destinations import Destination
from service.outbound.platform import MILLION, Document, Platform, Statement
from service.outbound.writing import amount, csv_bytes, first

_COLUMNS = ("ClientId", "UserId", "Yclid", "Target", "DateTime", "Price", "Currency")


def conversions(statements: Sequence[Statement], destination: Destination) -> bytes:
    rows = [
        [
            first(s, "ym_client_id"),
            first(s, "user_id"),
            s.click[1] if s.click else "",
            destination.conversion_name,
            str(s.occurred_at // MILLION),
            amount(s),
            s.currency,
        ]
        for s in statements
    ]
    return csv_bytes([_COLUMNS, *rows])


PLATFORM = Platform(
    name="yandex_metrica",
    title="Yandex Metrica",
    clicks=("yclid",),
    identifiers=("ym_client_id", "user_id"),
    window=timedelta(days=21),
    documents={"conversions": Document("csv", "text/csv", conversions)},
)
