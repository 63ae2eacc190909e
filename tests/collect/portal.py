"""A Bitrix24 portal on loopback: answers as the documentation says, errors and limits included."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlencode

import orjson

TOKEN = "51856fefc120afa4b628cc82d3935cce"
SECRET = "thewebhooksecret"
DEAL: dict[str, Any] = {
    "ID": "410",
    "TITLE": "New deal #1",
    "TYPE_ID": "COMPLEX",
    "STAGE_ID": "C5:WON",
    "STAGE_SEMANTIC_ID": "S",
    "CATEGORY_ID": "5",
    "PROBABILITY": "99",
    "CURRENCY_ID": "EUR",
    "OPPORTUNITY": "1000.50",
    "LEAD_ID": "123",
    "COMPANY_ID": "9",
    "CONTACT_ID": "84",
    "CLOSEDATE": "2026-03-05T02:00:00+02:00",
    "DATE_CREATE": "2026-02-20T14:29:00+02:00",
    "DATE_MODIFY": "2026-03-01T11:00:00+02:00",
    "MOVED_TIME": "2026-03-01T10:30:00+02:00",
    "CLOSED": "Y",
    "COMMENTS": "[B]Call me at +49 170 1234567[/B]",
    "UTM_SOURCE": "google",
    "UTM_MEDIUM": "cpc",
    "UTM_CAMPAIGN": None,
    "UF_CRM_CITY": "Berlin",
}
LEAD: dict[str, Any] = {
    "ID": "123",
    "TITLE": "Lead #1591",
    "STATUS_ID": "IN_PROCESS",
    "STATUS_SEMANTIC_ID": "P",
    "CONTACT_ID": None,
    "COMPANY_ID": "0",
    "CURRENCY_ID": "EUR",
    "OPPORTUNITY": "0.00",
    "DATE_CREATE": "2026-02-10T18:18:25+02:00",
    "DATE_MODIFY": "2026-02-11T18:18:25+02:00",
    "UTM_SOURCE": None,
    "PHONE": [{"ID": "1", "VALUE_TYPE": "OTHER", "VALUE": "+49 30 123456", "TYPE_ID": "PHONE"}],
    "EMAIL": [{"ID": "2", "VALUE_TYPE": "WORK", "VALUE": "Ann@Example.com", "TYPE_ID": "EMAIL"}],
}
CONTACT: dict[str, Any] = {
    "ID": "84",
    "NAME": "Ann",
    "COMPANY_ID": "9",
    "DATE_CREATE": "2026-02-10T10:38:21+02:00",
    "DATE_MODIFY": "2026-02-15T10:38:21+02:00",
    "PHONE": [{"ID": "156", "VALUE": "+49 30 123456"}, {"ID": "157", "VALUE": "+49 30 654321"}],
    "EMAIL": [{"ID": "158", "VALUE": "ann@example.com"}],
}


def event(name: str, number: Any = 410, token: str = TOKEN, ts: int = 1_772_355_600) -> bytes:
    """The body of an outgoing webhook."""
    return urlencode(
        {
            "event": name,
            "event_handler_id": "201",
            "data[FIELDS][ID]": number,
            "ts": ts,
            "auth[domain]": "some-domain.bitrix24.com",
            "auth[client_endpoint]": "https://evil.example/rest/",
            "auth[server_endpoint]": "https://oauth.bitrix.info/rest/",
            "auth[member_id]": "a223c6b3710f85df22e9377d6c4f7553",
            "auth[application_token]": token,
        }
    ).encode()


class Portal:
    """What is in the portal, by method and number; `next` are answers that come first: a status and
    a body (bytes as they are; None: cut off in the middle), `wait` their Retry-After."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, int], Any] = {
            ("crm.deal.get", 410): DEAL,
            ("crm.lead.get", 123): LEAD,
            ("crm.contact.get", 84): CONTACT,
            ("crm.deal.contact.items.get", 410): [
                {"CONTACT_ID": 84, "SORT": 10, "IS_PRIMARY": "Y"},
                {"CONTACT_ID": 85, "SORT": 20, "IS_PRIMARY": "N"},
            ],
        }
        self.next: list[tuple[int, Any]] = []
        self.wait = ""
        self.asked: list[str] = []
        self.address = ""

    def answer(self, method: str, number: int) -> tuple[int, Any]:
        self.asked.append(method)
        if self.next:
            return self.next.pop(0)
        if (found := self.objects.get((method, number))) is not None:
            return 200, {"result": found, "time": {"operating": 0}}
        return 400, {"error": "", "error_description": "Not found"}


@contextmanager
def running_portal() -> Iterator[Portal]:
    portal = Portal()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = orjson.loads(self.rfile.read(int(self.headers["Content-Length"])))
            folder, _, method = self.path.rpartition("/")
            if folder != f"/rest/1/{SECRET}":
                status, said = 401, {
                    "error": "INVALID_CREDENTIALS",
                    "error_description": "Invalid request credentials",
                }  # fmt: skip
            else:
                status, said = portal.answer(method, body["id"])
            raw = said if isinstance(said, bytes) else orjson.dumps(said)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw) + (9 if said is None else 0)))
            if portal.wait:
                self.send_header("Retry-After", portal.wait)
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    portal.address = f"http://127.0.0.1:{server.server_port}/rest/1/{SECRET}/"
    try:
        yield portal
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
