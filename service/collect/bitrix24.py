"""Asks a Bitrix24 portal for what a webhook named. Source: apidocs.bitrix24.com, "Error codes",
"REST API limits"."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import httpx
import orjson

from service.collect.hooks import TryLater
from service.collect.picking import mapping, number_or_text, text
from service.kit.errors import Refusal

CREATED, MODIFIED, MOVED = "DATE_CREATE", "DATE_MODIFY", "MOVED_TIME"
KEPT: Final = frozenset(
    {
        "ID", "TITLE", "TYPE_ID", "STAGE_ID", "STAGE_SEMANTIC_ID", "STATUS_ID",
        "STATUS_SEMANTIC_ID", "CATEGORY_ID", "OPPORTUNITY", "CURRENCY_ID", "LEAD_ID", "COMPANY_ID",
        "CONTACT_ID", "SOURCE_ID", "CLOSED", "CLOSEDATE", "BEGINDATE", CREATED, MODIFIED, MOVED,
        "UTM_SOURCE", "UTM_MEDIUM", "UTM_CAMPAIGN", "UTM_CONTENT", "UTM_TERM", "EMAIL", "PHONE",
        "ASSIGNED_BY_ID", "IS_RETURN_CUSTOMER", "ORIGIN_ID", "ORIGINATOR_ID",
    }
)  # fmt: skip
"""Fields that are read, or that a hook may well map; besides, all custom ones."""

BUSY: Final = timedelta(seconds=2)
BLOCKED: Final = timedelta(minutes=1)
LONGEST_ASKED: Final = timedelta(hours=1)
MAX_ADDRESSES: Final = 10
MAX_CONTACTS: Final = 50
# Somebody may mend these: give the webhook its rights back, or the hook another portal.
MENDABLE: Final = (401, 403, 408, 425, 429)


def fetch(errand: Mapping[str, Any], options: Any, client: httpx.Client) -> dict[str, Any]:
    """The object as it is now, a deal with its contacts, as a message.

    Raises Refusal where it cannot be had for ever, TryLater, and httpx.TransportError.
    """
    entity, number = text(errand.get("entity")), number_or_text(errand.get("id"))
    portal: str = options.portal
    record = mapping(_call(client, portal, f"crm.{entity}.get", number))
    if number_or_text(record.get("ID")) != number:
        raise Refusal("fetch_failed", "", f"the portal's answer is not the {entity} {number}")
    message: dict[str, Any] = {
        "entity": entity,
        "id": number,
        "record": {n: v for n, v in record.items() if n in KEPT or n.startswith("UF_")},
    }
    if entity == "deal":
        message |= _people_of_deal(client, portal, number, record)
    return message


def _people_of_deal(
    client: httpx.Client, portal: str, number: str, deal: Mapping[str, Any]
) -> dict[str, Any]:
    """Numbers of the deal's contacts, and the addresses of the main one. What the webhook has no
    right to see is left out: the deal itself is worth more."""
    people: dict[str, Any] = {}
    main = number_or_text(deal.get("CONTACT_ID"))
    if not main.strip("0").isdecimal():  # nobody is 0
        return people
    try:
        found = _call(client, portal, "crm.deal.contact.items.get", number)
        items = found if isinstance(found, list) else []
        numbers = [number_or_text(mapping(item).get("CONTACT_ID")) for item in items]
        people["contacts"] = [n for n in dict.fromkeys(numbers) if n.strip("0")][:MAX_CONTACTS]
        contact = mapping(_call(client, portal, "crm.contact.get", main))
        people["contact"] = {n: contact[n] for n in ("EMAIL", "PHONE") if n in contact}
    except Refusal:
        pass
    return people


def emails_and_phones(fields: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """The values of the two fields that hold many."""
    emails, phones = (
        [
            value
            for entry in (many if isinstance(many, list) else [])
            if (value := text(mapping(entry).get("VALUE")))
        ][:MAX_ADDRESSES]
        for many in (fields.get("EMAIL"), fields.get("PHONE"))
    )
    return emails, phones


def _call(client: httpx.Client, portal: str, method: str, number: str) -> Any:
    """The `result` of a method for the object of that number."""
    response = client.post(f"{portal}{method}", json={"id": int(number)})
    try:
        answer = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        answer = None
    if not isinstance(answer, dict):
        if 400 <= response.status_code < 500 and response.status_code not in MENDABLE:
            raise _in_vain(method, response, "")
        raise TryLater(f"{method}: {response.status_code} and no JSON", _asked(response))
    if response.status_code == 200 and "result" in answer and "error" not in answer:
        return answer["result"]
    code = text(answer.get("error"), 60)
    if code == "QUERY_LIMIT_EXCEEDED":
        raise TryLater(f"{method}: {code}", _asked(response) or BUSY)
    if code in ("OPERATION_TIME_LIMIT", "OVERLOAD_LIMIT") or response.status_code == 429:
        raise TryLater(f"{method}: {code}", _asked(response) or BLOCKED)
    if response.status_code >= 500 or response.status_code in MENDABLE:
        raise TryLater(f"{method}: {response.status_code} {code}", _asked(response))
    raise _in_vain(method, response, f"{code} {text(answer.get('error_description'), 200)}")


def _in_vain(method: str, response: httpx.Response, said: str) -> Refusal:
    why = " ".join(said.split()) or "no reason given"
    return Refusal("fetch_failed", "", f"{method} answered {response.status_code}: {why}")


def _asked(response: httpx.Response) -> timedelta | None:
    """How long the portal asked us to wait."""
    seconds = response.headers.get("retry-after", "").strip()
    if not seconds.isascii() or not seconds.isdecimal() or len(seconds) > 9:
        return None
    return min(timedelta(seconds=int(seconds)), LONGEST_ASKED)
