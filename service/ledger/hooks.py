"""Hooks: addresses of their own for senders that can do no better than post to one.

The key in the address is kept as its SHA-256 like every other; it opens its hook and nothing else.
What the sender's words mean is the configuration `hook:ID`, which has versions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, select
from sqlmodel import Session, col

from service.kit.db import reading
from service.kit.errors import Conflict, NotFound, Unauthenticated
from service.ledger.configuration import read_setting, write_setting
from service.ledger.keys import Caller, add_key, digest_of, revoke_key
from service.ledger.remembered import Remembered
from service.ledger.tables import Hook, Key, Source

HOOK_SCOPE = "hook"


@dataclass(frozen=True, slots=True)
class Hooked:
    """A hook as its sender is received: who he is, in which format he speaks, what his words mean."""

    hook_id: int
    kind: str
    caller: Caller
    options: Mapping[str, Any]


def create_hook(
    engine: Engine,
    kind: str,
    source: str,
    options: Mapping[str, Any],
    now: datetime,
    author: str = "api",
) -> tuple[str, int]:
    """A new hook of the source: the key for its address, shown this once, and its id.

    Args: options: validated; author: who says so, for the history of the options.
    Raises Refusal for a bad name of the source.
    """
    with Session(engine, expire_on_commit=False) as session, session.begin():
        secret, key = add_key(session, "hk", f"{kind} hook", HOOK_SCOPE, source, now)
        session.flush()  # its id is what the hook refers to
        hook = Hook(key_id=key.id or 0, kind=kind, created_at=now)
        session.add(hook)
    write_setting(engine, setting_of(hook.id or 0), dict(options), now, author)
    return secret, hook.id or 0


def setting_of(hook_id: int) -> str:
    """Name of the hook's configuration."""
    return f"hook:{hook_id}"


def list_hooks(engine: Engine) -> list[dict[str, Any]]:
    """Every hook with its options, oldest first; whoever shows them leaves secrets out."""
    with Session(reading(engine)) as session:
        rows = session.execute(
            select(Hook, Key, Source)
            .where(col(Hook.key_id) == col(Key.id), col(Key.source_id) == col(Source.id))
            .order_by(col(Hook.id))
        ).all()
    found = []
    for hook, key, source in rows:
        version, options = read_setting(engine, setting_of(hook.id))
        found.append(
            {
                "id": hook.id,
                "kind": hook.kind,
                "source": source.name,
                "hint": key.hint,
                "key_id": key.id,
                "options": options or {},
                "version": version,
                "created_at": hook.created_at,
                "revoked_at": key.revoked_at,
            }
        )
    return found


def find_hook(engine: Engine, hook_id: int) -> dict[str, Any]:
    """One hook as of `list_hooks`. Raises NotFound."""
    for hook in list_hooks(engine):
        if hook["id"] == hook_id:
            return hook
    raise NotFound("no_such_hook", f"There is no hook {hook_id}.")


def set_options(
    engine: Engine, hook_id: int, options: Mapping[str, Any], now: datetime, author: str = "api"
) -> int:
    """Give the hook new options, validated; returns their version.

    Raises NotFound, or Conflict for a hook that has ended.
    """
    _living(engine, hook_id)
    return write_setting(engine, setting_of(hook_id), dict(options), now, author)


def end_hook(engine: Engine, hook_id: int, now: datetime) -> None:
    """End a hook; what came by it stays. Raises NotFound, or Conflict when it has ended already."""
    revoke_key(engine, _living(engine, hook_id)["key_id"], now)


def _living(engine: Engine, hook_id: int) -> dict[str, Any]:
    hook = find_hook(engine, hook_id)
    if hook["revoked_at"] is not None:
        raise Conflict("hook_ended", f"Hook {hook_id} was ended before; make a new one.")
    return hook


class HookRing:
    """Looks hooks up by the key of their address, remembering each for a few seconds."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._remembered = Remembered(self._look_up)
        self.forget = self._remembered.forget

    def hooked(self, key: str) -> Hooked:
        """The hook of the key. Raises Unauthenticated for an unknown or revoked one."""
        found = self._remembered.get(digest_of(key))
        if found is None:
            raise Unauthenticated(
                "unknown_hook", "This address is not known or was ended; make a new hook."
            )
        return found

    def _look_up(self, digest: str) -> Hooked | None:
        with reading(self._engine).connect() as connection:
            row = connection.execute(
                select(
                    col(Hook.id), col(Hook.kind), col(Key.id), col(Key.source_id), col(Source.name)
                )
                .where(col(Hook.key_id) == col(Key.id), col(Key.source_id) == col(Source.id))
                .where(col(Key.digest) == digest, col(Key.revoked_at).is_(None))
            ).first()
        if row is None:
            return None
        # What a hook's format makes of its messages is the source's own word.
        caller = Caller(row[2] or 0, row[3], row[4], frozenset({"collect", "facts"}))
        options = read_setting(self._engine, setting_of(row[0] or 0))[1] or {}
        return Hooked(row[0] or 0, row[1], caller, options)
