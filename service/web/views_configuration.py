"""The rules that every report rests on: what is published, what was, and what is drafted.

Everybody who reads the dashboard sees them; administrators publish, discard and go back.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from service.collect.hooks import hook_formats
from service.collect.refusals import refusal_of
from service.kit.errors import NotFound, Refusal, ThroughlineError
from service.ledger.hooks import list_hooks
from service.reports import publishing
from service.reports.configuration import Configuration, Edition, parse_configuration
from service.web import rules
from service.web.asking import Asked
from service.web.effect import FIGURES, effect_of
from service.web.forms import read_form
from service.web.pages import HEADERS, formatter_of, render
from service.web.parts import Parts, Report, parts_of
from service.web.session import session_of

CONFIGURATION: Final = "/configuration"
AUTHOR: Final = "dashboard"
PER_PAGE: Final = 20
LARGEST_FORM: Final = 16 * 1024
"""Bytes of a form with a note; encoding may make twelve of one sign."""
MOST_CHANGES: Final = 12
"""Sentences that the history shows of one version."""
DONE: Final = ("published", "restored", "discarded")
Act = Callable[[Parts], None]


@dataclass(frozen=True)
class Past:
    """A version as the history shows it. `changes`: against the one before."""

    told: Report
    changes: list[str]


def show_configuration(request: Request) -> Response:
    """What is published, what was, and what is drafted."""
    return _page(request)


def _page(request: Request, problem: ThroughlineError | None = None) -> Response:
    asked = Asked.read(request)
    parts, state, session = asked.parts, asked.state, session_of(request)
    formatter = formatter_of(request, state.currency or None)
    published = publishing.published(parts.engine)
    content = parse_configuration(published["configuration"])
    draft = _draft(parts)
    items, following = _history(parts, state.cursor)
    done = request.query_params.get("done", "")
    happened = done in DONE and (done == "discarded" or published["version"] > 0)
    return render(
        request,
        "configuration.html",
        200 if problem is None else problem.status,
        formatter=formatter,
        state=state,
        at=CONFIGURATION,
        bar=asked.bar(formatter),
        admin=session is not None and session.admin,
        problem=problem,
        done=done if happened and problem is None else "",
        rules=rules,
        figures=FIGURES,
        most=MOST_CHANGES,
        published=published,
        content=content,
        hooks=_hooks(parts, published["stage_maps"]),
        items=items,
        following=following,
        draft=draft,
        digest=Edition(0, draft["content"]).digest if draft else "",
        changes=rules.changes(content, draft["content"]) if draft else [],
        effect=effect_of(asked, formatter) if draft else None,
    )


def _draft(parts: Parts) -> Report | None:
    try:
        draft = publishing.draft(parts.engine)
    except NotFound:
        return None
    return draft | {"content": parse_configuration(draft["configuration"])}


def _history(parts: Parts, cursor: str) -> tuple[list[Past], str]:
    """One page of the versions, and the cursor of the next; "" on the last. Raises: Refusal."""
    before = _number(cursor)
    if cursor and before is None:
        raise Refusal("bad_cursor", "cursor", "take `cursor` from the page before")
    # One more than is shown: the last on the page is compared with it.
    found = publishing.versions(parts.engine, PER_PAGE + 1, before)
    items = found["items"]
    contents = [parse_configuration(item["configuration"]) for item in items]
    contents.append(Configuration())
    told = [
        Past(item, rules.changes(contents[place + 1], contents[place]))
        for place, item in enumerate(items[:PER_PAGE])
    ]
    return told, str(told[-1].told["version"]) if len(items) > PER_PAGE else ""


def _hooks(parts: Parts, stage_maps: list[Report]) -> list[Report]:
    """The hooks whose senders name statuses, with what each status means."""
    maps = {each["hook_id"]: each for each in stage_maps}
    titles = {kind: wire.title for kind, wire in hook_formats().items()}
    return [
        maps[hook["id"]] | {"title": titles.get(hook["kind"], hook["kind"]), "of": hook["source"]}
        for hook in list_hooks(parts.engine)
        if hook["revoked_at"] is None and maps.get(hook["id"], {}).get("stages")
    ]


async def publish_draft(request: Request) -> Response:
    """Make the draft that the page showed the next version."""
    form = await read_form(request, LARGEST_FORM)

    def act(parts: Parts) -> None:
        note = _read_note(form.get("note", ""))
        seen = form.get("draft", "")
        publishing.publish(parts.engine, note, parts.clock(), AUTHOR, seen)
        parts.desk.forget()

    return await run_in_threadpool(_do, request, act, "published")


async def discard_draft(request: Request) -> Response:
    """Drop the draft; what is published stays."""
    await read_form(request)

    def act(parts: Parts) -> None:
        publishing.drop_draft(parts.engine, parts.clock(), AUTHOR)

    return await run_in_threadpool(_do, request, act, "discarded")


async def go_back(request: Request) -> Response:
    """Make a new version that says the same as an earlier one."""
    form = await read_form(request)

    def act(parts: Parts) -> None:
        asked = publishing.GoBack(version=_read_version(form.get("version", "")))
        publishing.roll_back(parts.engine, asked, parts.clock(), AUTHOR)
        parts.desk.forget()

    return await run_in_threadpool(_do, request, act, "restored")


def _do(request: Request, act: Act, done: str) -> Response:
    """Act, then show the page with what was done; where it cannot be done, with the reason."""
    try:
        act(parts_of(request))
    except ThroughlineError as error:
        if error.status >= 500:
            raise
        return _page(request, error)
    chosen: dict[str, Any] = Asked.read(request).state.params(cursor="")
    return RedirectResponse(f"{CONFIGURATION}?{urlencode(chosen | {'done': done})}", 303, HEADERS)


def _read_note(text: str) -> str:
    try:
        return publishing.Publish(note=text.strip()).note
    except ValidationError as error:
        raise refusal_of(error) from None


def _read_version(text: str) -> int:
    version = _number(text)
    if version is None:
        raise NotFound("no_such_version", "There is no such version of the configuration.")
    return version


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
