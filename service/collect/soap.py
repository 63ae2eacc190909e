"""SOAP 1.1 envelopes: read without entities or references, answered in kind."""

from typing import Any, Final
from xml.etree.ElementTree import Element, ParseError
from xml.sax.saxutils import escape

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from service.collect.wire import Reply
from service.kit.errors import BadRequest

ENVELOPE: Final = "http://schemas.xmlsoap.org/soap/envelope/"
NIL: Final = "{http://www.w3.org/2001/XMLSchema-instance}nil"
TYPE: Final = "{http://www.w3.org/2001/XMLSchema-instance}type"


def soap_body(body: bytes) -> Element:
    """The first element in the body of an envelope. Raises BadRequest."""
    try:
        root: Element = fromstring(body, forbid_dtd=True, forbid_entities=True)
    except DefusedXmlException as error:
        raise BadRequest(
            "malformed_xml", "A document type or an entity has no place in a message."
        ) from error
    # An unknown encoding is a LookupError or a ValueError, by its name.
    except (ParseError, LookupError, ValueError) as error:
        raise BadRequest("malformed_xml", f"The body is not XML: {error}.") from error
    inside = root.find(f"{{{ENVELOPE}}}Body")
    if root.tag != f"{{{ENVELOPE}}}Envelope" or inside is None or not len(inside):
        raise BadRequest("malformed_xml", "The body is not a SOAP 1.1 envelope.")
    return inside[0]


def local_name(name: str) -> str:
    """A name without its namespace, or the prefix of one."""
    return name.rpartition("}")[2].rpartition(":")[2]


def text_of(parent: Element, name: str) -> str:
    """The trimmed text of the child of that local name; empty where there is none."""
    for child in parent:
        if local_name(child.tag) == name:
            return (child.text or "").strip()
    return ""


def leaves_of(parent: Element) -> dict[str, Any]:
    """The children that hold text alone, by their local names; None where they are nil."""
    return {
        local_name(child.tag): None if child.get(NIL) in ("true", "1") else (child.text or "")
        for child in parent
        if not len(child)
    }


def soap_reply(inside: str, status: int = 200) -> Reply:
    """An envelope around `inside`, which is XML."""
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<soapenv:Envelope xmlns:soapenv="{ENVELOPE}"><soapenv:Body>{inside}</soapenv:Body>'
        "</soapenv:Envelope>"
    )
    return Reply(status, text.encode(), "text/xml; charset=utf-8")


def soap_fault(code: str, detail: str, status: int) -> Reply:
    """A fault; whose it is, is told by the status."""
    whose = "Server" if status >= 500 else "Client"
    return soap_reply(
        f"<soapenv:Fault><faultcode>soapenv:{whose}</faultcode>"
        f"<faultstring>{escape(code)}: {escape(_printable(detail))}</faultstring></soapenv:Fault>",
        status,
    )


def _printable(text: str) -> str:
    # XML has no way to write most control characters, not even escaped.
    return "".join(c if c.isprintable() else " " for c in text)
