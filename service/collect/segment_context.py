"""What the context of a Segment message says of its person beside `userId` and `anonymousId`.

Nothing here raises: what makes no sense says nothing, and the message is none the worse.

Sources: Segment's common fields and consent in messages; RudderStack's consent management; the
sources of @jitsu/js.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from service.collect.identifiers import is_placeholder
from service.collect.picking import mapping, number_or_text, text

MAX_ID: Final = 200
MAX_CLICK_ID: Final = 1_000
# The categories of consent managers that are about recognising a visitor; C0002 and C0004 are
# OneTrust's performance and targeting cookies.
_RECOGNISING: Final = re.compile(
    r"analytic|marketing|advertis|targeting|performance|statistic|measurement|C0002|C0004",
    re.IGNORECASE,
)
# `context.referrer`: a click of a network, by the parameter that brought it.
_REFERRERS: Final = {"dataxu": "btid", "millennial-media": "urid"}
_BROWSER_LIBRARY: Final = "analytics.js"


def add_more(
    people: dict[str, Any], message: Mapping[str, Any], context: Mapping[str, Any]
) -> None:
    """Add identifiers by native kind: Google Analytics' client id, the device's advertising id."""
    if client := _ga_client(message, context):
        people["ga_client_id"] = client
    device = context.get("device")
    if isinstance(device, dict) and device.get("adTrackingEnabled") is not False:
        advertising = text(device.get("advertisingId"), MAX_ID)
        if advertising:
            people["device_id"] = advertising


def _ga_client(message: Mapping[str, Any], context: Mapping[str, Any]) -> str:
    """Of `context.clientIds`, as Jitsu sends it, else of a Google Analytics integration."""
    ids = context.get("clientIds")
    if isinstance(ids, dict) and ids:
        own = ids.get("ga4")
        if client := text(mapping(own).get("clientId") if isinstance(own, dict) else own, MAX_ID):
            return client
    integrations = message.get("integrations")
    if not integrations or not isinstance(integrations, dict):
        return ""
    for name, settings in integrations.items():
        named = name.startswith(("Google Analytics", "Actions Google"))
        if named and (client := text(mapping(settings).get("clientId"), MAX_ID)):
            return client
    return ""


def consent_of(context: Mapping[str, Any]) -> str:
    """`denied` where the visitor refused any category that is about recognising him, `granted`
    where he was asked and refused none of them, else empty."""
    if "consent" not in context and "consentManagement" not in context:
        return ""
    preferences = mapping(mapping(context.get("consent")).get("categoryPreferences"))
    said = {name: value for name, value in preferences.items() if isinstance(value, bool)}
    managed = mapping(context.get("consentManagement"))
    for key, allowed in (("allowedConsentIds", True), ("deniedConsentIds", False)):
        names = managed.get(key)
        said |= {n: allowed for n in names if isinstance(n, str)} if isinstance(names, list) else {}
    asked = [value for name, value in said.items() if _RECOGNISING.search(name)]
    if not asked:
        return ""
    return "granted" if all(asked) else "denied"


def click_ids_of(context: Mapping[str, Any]) -> dict[str, str]:
    """The click of `context.referrer`. Not of Segment's own browser library: it has the click id in
    the page's address when it is new, and repeats this one in every message afterwards."""
    referrer = context.get("referrer")
    if not isinstance(referrer, dict):
        return {}
    name = _REFERRERS.get(text(referrer.get("type")).lower())
    value = text(referrer.get("id"), MAX_CLICK_ID)
    if not name or is_placeholder(value):
        return {}
    library = mapping(context.get("library")).get("name")
    return {} if library == _BROWSER_LIBRARY else {name: value}


def account_of(message: Mapping[str, Any], context: Mapping[str, Any]) -> dict[str, str]:
    """The company that the person acts for, of a message that is not itself a `group`."""
    for value in (context.get("groupId"), message.get("groupId")):
        if value is not None:
            company = number_or_text(value, MAX_ID + 1)
            if company and len(company) <= MAX_ID and not is_placeholder(company):
                return {"id": company}
    return {}
