"""The pages of the quarantine: what waits, one item of it, and what to do with it.

They show what senders sent, people's addresses included, so they are for administrators.
"""

from typing import Any, Final
from urllib.parse import urlencode

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from service.collect.body import parse_json
from service.collect.hooks import OURS
from service.collect.intake import storable
from service.kit.errors import BadRequest, Refusal, ThroughlineError
from service.ledger.quarantine import (
    STATES,
    TAKEN,
    State,
    count_open,
    find_quarantined,
    list_quarantine,
)
from service.web.forms import read_form
from service.web.pages import HEADERS, render
from service.web.parts import parts_of

LIST: Final = "/sources/quarantine"
PER_PAGE: Final = 50
LARGEST_FORM: Final = 256 * 1024
"""Bytes of a form that holds a message; encoding may make three of one."""
STATE_NAMES: Final[dict[str, str]] = {
    "open": "Waiting",
    "ended": "Replayed or dismissed",
    "all": "All",
}


def show_quarantine(request: Request) -> Response:
    """What waits, newest first; by source, code and state."""
    parts = parts_of(request)
    asked = {
        name: storable(request.query_params.get(name, "").strip())
        for name in ("source", "code", "state", "cursor", "replayed", "refused")
    }
    waiting = count_open(parts.engine)
    state: State = next((s for s in STATES if s == asked["state"]), "open")
    cursor = asked["cursor"]
    known = cursor.isascii() and cursor.isdigit() and len(cursor) < 19
    answer = list_quarantine(
        parts.engine,
        PER_PAGE,
        int(cursor) if known else None,
        asked["source"] or None,
        asked["code"] or None,
        state,
    )
    chosen = {"source": asked["source"], "code": asked["code"], "state": asked["state"]}
    return render(
        request,
        "quarantine.html",
        asked=asked,
        items=answer["items"],
        further=address(**chosen, cursor=str(answer["next"])) if answer["next"] else "",
        sources=_choices("All sources", {source for source, _ in waiting} | {asked["source"]}),
        codes=_choices("All reasons", {code for _, code in waiting} | {asked["code"]}),
        states=STATE_NAMES,
        chosen_state=state,
        waiting=sum(
            count
            for (source, code), count in waiting.items()
            if asked["source"] in ("", source) and asked["code"] in ("", code)
        ),
    )


def address(**choices: str) -> str:
    """The list's address with these choices; the empty ones are left out."""
    query = urlencode({name: value for name, value in choices.items() if value})
    return f"{LIST}?{query}" if query else LIST


def _choices(everything: str, values: set[str]) -> dict[str, str]:
    return {"": everything} | {value: value for value in sorted(values) if value}


def show_item(request: Request, item_id: int) -> Response:
    """One item: why it was not taken, what was sent, and the ways on."""
    return _item_page(request, item_id)


def _item_page(
    request: Request,
    item_id: int,
    error: ThroughlineError | None = None,
    message: str | None = None,
) -> Response:
    parts = parts_of(request)
    item = find_quarantined(parts.engine, item_id)
    return render(
        request,
        "quarantined.html",
        200 if error is None else error.status,
        item=item,
        ended=item["outcome"] in TAKEN,
        status=parts.mender.unmapped_status(item),
        stages=OURS,
        message=_indented(item["raw"]) if message is None else message,
        error=error,
        error_field=error.field if isinstance(error, Refusal) else "",
    )


def _indented(raw: str) -> str:
    try:
        return orjson.dumps(orjson.loads(raw), option=orjson.OPT_INDENT_2).decode()
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return raw


async def replay_item(request: Request, item_id: int) -> Response:
    """Read the item again as the page's text has it; a refusal is shown beside that text."""
    form = await read_form(request, LARGEST_FORM)
    text = form.get("message", "").replace("\r\n", "\n")
    return await run_in_threadpool(_replay, request, item_id, text)


def _replay(request: Request, item_id: int, text: str) -> Response:
    parts = parts_of(request)
    raw = find_quarantined(parts.engine, item_id)["raw"]
    try:
        unchanged = text in ("", raw, _indented(raw))
        parts.mender.replay(item_id, None if unchanged else parse_json(text.encode()))
    except (Refusal, BadRequest) as error:
        return _item_page(request, item_id, error, text)
    return _back(replayed="1")


async def dismiss_item(request: Request, item_id: int) -> Response:
    """End the item without taking it."""
    await read_form(request)
    await run_in_threadpool(parts_of(request).mender.dismiss, item_id)
    return _back()


async def map_status(request: Request, item_id: int) -> Response:
    """Say what a CRM's status means, then replay all that waits for a status of that source."""
    form = await read_form(request)
    stage, reason = form.get("stage", ""), form.get("reason", "").strip()
    meaning = f"{stage}:{reason}" if reason and stage in ("rejected", "lost") else stage
    return await run_in_threadpool(_map_status, request, item_id, meaning)


def _map_status(request: Request, item_id: int, meaning: str) -> Response:
    parts = parts_of(request)
    try:
        parts.mender.map_stage(item_id, meaning, "dashboard")
    except Refusal as error:
        return _item_page(request, item_id, error)
    source = find_quarantined(parts.engine, item_id)["source"]
    return _replay_all(request, source, "unmapped_stage")


async def replay_list(request: Request) -> Response:
    """Replay everything that the list shows as waiting."""
    form = await read_form(request)
    source, code = storable(form.get("source", "")), storable(form.get("code", ""))
    return await run_in_threadpool(_replay_all, request, source, code)


def _replay_all(request: Request, source: str, code: str) -> Response:
    mender = parts_of(request).mender
    replayed = refused = 0
    after: int | None = 0
    while after is not None:
        done = mender.replay_many(None, source or None, code or None, after=after)
        replayed, refused, after = replayed + done.items, refused + done.refused, done.next
    return _back(source=source, code=code, replayed=str(replayed), refused=str(refused))


def _back(**choices: Any) -> Response:
    return RedirectResponse(address(**choices), 303, HEADERS)
