"""From a draft to the published configuration, and back to an earlier one. Nothing is overwritten:
going back makes a new version that says the same as the old one."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, ValidationError
from sqlalchemy import Engine

from service.collect.refusals import refusal_of
from service.collect.schemas import Part
from service.kit.errors import Conflict, NotFound, Refusal
from service.kit.time import iso, to_micros
from service.ledger.configuration import write_setting
from service.ledger.versions import (
    Version,
    list_newest,
    list_versions,
    read_version,
    write_next,
)
from service.reports.configuration import (
    DRAFT,
    SETTING,
    Configuration,
    Edition,
    parse_configuration,
)

HOOKS = "hook:"
Note = Annotated[str, Field(max_length=500, pattern=r"^[^\x00]*$")]
Number = Annotated[int, Field(ge=0, lt=2**31)]


class NewDraft(Part):
    """`based_on`: the version it was made from; default that of the draft before, else the newest."""

    configuration: Configuration
    based_on: Number | None = None


class Publish(Part):
    """`note`: why, for whoever reads the versions later."""

    note: Note = ""


class GoBack(Part):
    """`version`: the one to say again; 0 is the built-in configuration."""

    version: Number
    note: Note = ""


def parse_draft(asked: Any) -> NewDraft:
    """Raises Refusal with the field, such as `configuration.lookback`."""
    try:
        found = NewDraft.model_validate(asked)
    except ValidationError as error:
        raise refusal_of(error) from None
    found.configuration = parse_configuration(found.configuration.model_dump(), "configuration.")
    return found


def published(engine: Engine) -> dict[str, Any]:
    """The configuration that holds, who published it and when; and what acts when facts come in."""
    newest = read_version(engine, SETTING)
    shown = described(newest) if newest else _built_in()
    return {**shown, "stage_maps": stage_maps(engine)}


def versions(engine: Engine, limit: int, before: int | None = None) -> dict[str, Any]:
    """The published versions, newest first, `limit` at a time; `next` is the `before` of the next."""
    found = list_versions(engine, SETTING, limit + 1, before)
    page = [described(each) for each in found[:limit]]
    return {"items": page, "next": str(page[-1]["version"]) if len(found) > limit else None}


def described(made: Version) -> dict[str, Any]:
    value = made.value
    return {
        "version": made.version,
        "published_by": made.author,
        "published_at": iso(to_micros(made.made_at)),
        "note": value["note"],
        "restores": value["restores"],
        "configuration": value["configuration"],
    }


def _built_in() -> dict[str, Any]:
    return {
        "version": 0,
        "published_by": "",
        "published_at": None,
        "note": "",
        "restores": None,
        "configuration": Configuration().model_dump(),
    }


def stage_maps(engine: Engine) -> list[dict[str, Any]]:
    """What the hooks' settings are at: they act when facts come in and by replay, so they are
    versions of their own, changed at the hook."""
    return [
        {
            "hook_id": int(name.removeprefix(HOOKS)),
            "version": made.version,
            "changed_by": made.author,
            "changed_at": iso(to_micros(made.made_at)),
            "stages": dict((made.value or {}).get("stages") or {}),
        }
        for name, made in list_newest(engine, HOOKS).items()
    ]


def draft(engine: Engine) -> dict[str, Any]:
    """What is drafted, by whom, and whether a newer version was published since.

    Raises: NotFound `no_draft`.
    """
    made = read_version(engine, DRAFT)
    if made is None or made.value is None:
        raise NotFound("no_draft", "There is no draft; PUT one to /v1/configuration/draft.")
    return {
        **made.value,
        "saved_by": made.author,
        "saved_at": iso(to_micros(made.made_at)),
        "outdated": made.value["based_on"] != _newest(engine),
    }


def save_draft(engine: Engine, asked: NewDraft, now: datetime, author: str) -> dict[str, Any]:
    """Keep the draft in place of the one before. There is one draft, whoever works on it.

    Raises: Refusal where it would be based on a version that there is not.
    """
    before = read_version(engine, DRAFT)
    based_on = asked.based_on
    if based_on is not None and based_on > _newest(engine):
        raise Refusal(
            "out_of_range", "based_on", f"the newest version is {_newest(engine)}; got {based_on}"
        )
    if based_on is None:
        based_on = before.value["based_on"] if before and before.value else _newest(engine)
    value = {"based_on": based_on, "configuration": asked.configuration.model_dump()}
    write_setting(engine, DRAFT, value, now, author)
    return draft(engine)


def drop_draft(engine: Engine, now: datetime, author: str) -> None:
    """Raises: NotFound `no_draft`."""
    draft(engine)
    write_setting(engine, DRAFT, None, now, author)


def publish(
    engine: Engine, note: str, now: datetime, author: str, seen: str | None = None
) -> dict[str, Any]:
    """Make the draft the next version; the draft is done with.

    Args: seen: the digest of what its publisher looked at.
    Raises: NotFound `no_draft`; Conflict `newer_version` where it was made from an older one,
        `other_draft` where it is not what was looked at.
    """
    made = draft(engine)
    if seen is not None and seen != _digest(made["configuration"]):
        raise Conflict("other_draft", "The draft was saved anew since it was looked at.")
    value = {"configuration": made["configuration"], "note": note, "restores": None}
    write_next(engine, SETTING, value, now, author, after=made["based_on"], also={DRAFT: None})
    return published(engine)


def _digest(content: dict[str, Any]) -> str:
    return Edition(0, parse_configuration(content)).digest


def roll_back(engine: Engine, asked: GoBack, now: datetime, author: str) -> dict[str, Any]:
    """Make a new version that equals an earlier one; a draft stays as it is, by now outdated.

    Raises: NotFound `no_such_version`.
    """
    configuration = _content(engine, asked.version)
    value = {"configuration": configuration, "note": asked.note, "restores": asked.version}
    write_next(engine, SETTING, value, now, author, after=_newest(engine), also={})
    return published(engine)


def _content(engine: Engine, version: int) -> dict[str, Any]:
    if version == 0:
        return Configuration().model_dump()
    found = read_version(engine, SETTING, version)
    if found is None:
        raise NotFound("no_such_version", f"There is no version {version} of the configuration.")
    configuration: dict[str, Any] = found.value["configuration"]
    return configuration


def _newest(engine: Engine) -> int:
    newest = read_version(engine, SETTING)
    return newest.version if newest else 0
