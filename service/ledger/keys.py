"""Sources and their keys. A key is shown once, at its creation; its SHA-256 is what is kept."""

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col
from sqlmodel import select as select_models

from service.kit.db import reading
from service.kit.errors import Conflict, NotFound, Refusal, Unauthenticated
from service.ledger.remembered import Remembered
from service.ledger.tables import Key, Source

SCOPES = ("collect", "facts", "read", "people", "admin")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the key's source and scopes."""

    key_id: int
    source_id: int
    source: str
    scopes: frozenset[str]

    def may(self, scope: str) -> bool:
        return scope in self.scopes


def digest_of(key: str) -> str:
    # 256 random bits need no slow hash: there is nothing to guess (OWASP ASVS 5.0, 11.4.2).
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def ensure_source(session: Session, name: str, now: datetime) -> Source:
    """The source of that name, made where there is none. Raises Refusal for a bad name."""
    if not name or len(name) > 100 or not name.isprintable():
        raise Refusal("bad_name", "name", "a name has 1 to 100 printable characters")
    named = select_models(Source).where(Source.name == name)
    source = session.exec(named).first()
    if source is not None:
        return source
    source = Source(name=name, created_at=now)
    try:
        with session.begin_nested():
            session.add(source)
            session.flush()  # its id is what facts and keys refer to
    except IntegrityError:  # somebody else made it in this moment
        return session.exec(named).one()
    return source


def ensure_source_id(engine: Engine, name: str, now: datetime) -> int:
    """The id of the source of that name, made where there is none. Raises Refusal for a bad name."""
    with Session(engine, expire_on_commit=False) as session, session.begin():
        return ensure_source(session, name, now).id or 0


def create_key(
    engine: Engine, name: str, scopes: Collection[str], now: datetime, source: str | None = None
) -> tuple[str, Key]:
    """A new key of `source` (default: the source of the key's own name): the key, and its row.

    Raises Refusal for an unknown scope, none at all, or a bad name.
    """
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        raise Refusal(
            "unknown_scope", "scopes", f"scopes are {', '.join(SCOPES)}; got {unknown or 'none'}"
        )
    # A key that may only add touchpoints is meant for public places; its name says so.
    kind = "pk" if set(scopes) == {"collect"} else "sk"
    ordered = ",".join(s for s in SCOPES if s in scopes)
    with Session(engine, expire_on_commit=False) as session, session.begin():
        return add_key(session, kind, name, ordered, source or name, now)


def add_key(
    session: Session, kind: str, name: str, scopes: str, source: str, now: datetime
) -> tuple[str, Key]:
    """A new key in the session's transaction: the key, which begins with its kind, and its row."""
    secret = f"{kind}_{secrets.token_urlsafe(32)}"
    owner = ensure_source(session, source, now)
    key = Key(
        source_id=owner.id or 0,
        name=name,
        scopes=scopes,
        digest=digest_of(secret),
        hint=f"{secret[:7]}…{secret[-4:]}",
        created_at=now,
    )
    session.add(key)
    return secret, key


def revoke_key(engine: Engine, key_id: int, now: datetime) -> None:
    """End a key. Raises NotFound, or Conflict when it has ended already."""
    with Session(engine) as session, session.begin():
        key = session.get(Key, key_id)
        if key is None:
            raise NotFound("no_such_key", f"There is no key {key_id}.")
        if key.revoked_at is not None:
            raise Conflict("key_revoked", f"Key {key_id} was revoked before.")
        key.revoked_at = now


def list_keys(engine: Engine) -> list[dict[str, Any]]:
    """Every key without its secret, oldest first."""
    with Session(reading(engine)) as session:
        rows = session.exec(
            select_models(Key, Source)
            .where(col(Key.source_id) == col(Source.id))
            .order_by(col(Key.id))
        )
        return [
            {
                "id": key.id,
                "name": key.name,
                "source": source.name,
                "scopes": key.scopes.split(","),
                "hint": key.hint,
                "created_at": key.created_at,
                "revoked_at": key.revoked_at,
            }
            for key, source in rows
        ]


class KeyRing:
    """Looks keys up, remembering each for a few seconds. Thread-safe."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._remembered = Remembered(self._look_up)
        self.forget = self._remembered.forget

    def caller(self, key: str) -> Caller:
        """Who holds the key. Raises Unauthenticated for an unknown or revoked one."""
        found = self._remembered.get(digest_of(key))
        if found is None:
            raise Unauthenticated(
                "unknown_key", "This key is not known or was revoked; ask for a new one."
            )
        return found

    def _look_up(self, digest: str) -> Caller | None:
        with reading(self._engine).connect() as connection:
            row = connection.execute(
                select(col(Key.id), col(Key.source_id), col(Source.name), col(Key.scopes))
                .join(Source, col(Source.id) == col(Key.source_id))
                .where(col(Key.digest) == digest, col(Key.revoked_at).is_(None))
            ).first()
        if row is None:
            return None
        return Caller(row[0] or 0, row[1], row[2], frozenset(row[3].split(",")))
