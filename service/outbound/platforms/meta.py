"""Meta: the Conversions API, pushed where there is an access token, else as a file.

Meta knows an event again by its name and `event_id`; it takes no corrections.

Sources: Meta's Conversions API, "Parameters" and "Conversions API for CRM"; its official business
SDK, with whose payloads ours are compared in the tests.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import httpx
import orjson

from service.outbound.destinations import Destination
from service.outbound.platform import MILLION, Document, Platform, Pushed, Statement
from service.outbound.writing import amount

GRAPH = "https://graph.facebook.com"
VERSION = "v26.0"
_SOON = frozenset({408, 425, 429})
# Meta's codes for "later": too many calls, unknown, temporarily unavailable; and for a token that has
# expired or may not, which somebody will mend: the events themselves are good.
_LATER = (1, 2, 4, 17, 32, 341, 613, 80004, 3, 10, 102, 190, 200, 294)
_NO_SUCH_OBJECT = 33


def event_of(statement: Statement, destination: Destination) -> dict[str, Any]:
    """One server event; hashes are those of people who agreed."""
    user: dict[str, Any] = {
        name: list(values)
        for name, kind in (("em", "email_sha256"), ("ph", "phone_digits_sha256"))
        if (values := statement.identifiers.get(kind))
    }
    if statement.click:
        clicked = (statement.clicked_at or statement.occurred_at) // 1_000
        user["fbc"] = f"fb.1.{clicked}.{statement.click[1]}"
    if browser := statement.identifiers.get("fbp"):
        user["fbp"] = browser[0]
    return {
        "event_name": destination.conversion_name,
        "event_time": statement.occurred_at // MILLION,
        "event_id": statement.order_id,
        "action_source": "system_generated",
        "user_data": user,
        "custom_data": {
            "value": float(amount(statement)),
            "currency": statement.currency.lower(),
            "order_id": statement.order_id,
            "event_source": "crm",
            "lead_event_source": "Throughline",
        },
    }


def conversions(statements: Sequence[Statement], destination: Destination) -> bytes:
    """The body of `POST /{pixel}/events`, without the access token."""
    return orjson.dumps(_body(statements, destination))


def _body(statements: Sequence[Statement], destination: Destination) -> dict[str, Any]:
    body: dict[str, Any] = {"data": [event_of(s, destination) for s in statements]}
    if destination.test_event_code:
        body["test_event_code"] = destination.test_event_code
    return body


def push(client: httpx.Client, statements: Sequence[Statement], destination: Destination) -> Pushed:
    """Post the events; the token goes in the body, since addresses are written to logs."""
    base = destination.api_base or f"{GRAPH}/{VERSION}"
    body = {**_body(statements, destination), "access_token": destination.access_token}
    try:
        response = client.post(f"{base}/{destination.account}/events", json=body)
    except (httpx.TransportError, httpx.InvalidURL) as error:
        return Pushed(False, f"Meta cannot be reached: {type(error).__name__}", again=True)
    told = _told(response)
    if response.status_code == 200 and told.get("events_received") == len(statements):
        return Pushed(True, f"taken, trace {told.get('fbtrace_id', 'unknown')}")
    fault = told.get("error")
    if not isinstance(fault, dict):
        return Pushed(
            False, f"Meta answered {response.status_code} and nothing to read", again=True
        )
    later = response.status_code >= 500 or response.status_code in _SOON
    mended = fault.get("code") in _LATER or fault.get("error_subcode") == _NO_SUCH_OBJECT
    said = f"{fault.get('code')}: {fault.get('error_user_msg') or fault.get('message')}"
    return Pushed(
        False,
        # Of a malformed token Meta quotes all there is.
        said.replace(destination.access_token, "…")[:500],
        again=later or mended or bool(fault.get("is_transient")),
    )


def _told(response: httpx.Response) -> dict[str, Any]:
    try:
        told = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return {}
    return told if isinstance(told, dict) else {}


PLATFORM = Platform(
    name="meta",
    title="Meta Conversions API",
    clicks=("fbclid",),
    identifiers=("email_sha256", "phone_digits_sha256", "fbp"),
    window=timedelta(days=7),
    documents={"conversions": Document("json", "application/json", conversions)},
    push=push,
)
