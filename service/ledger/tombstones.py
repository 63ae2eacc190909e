"""What was erased stays erased: every new fact is held against the tombstones before it is stored.

A fact that names an erased identifier and happened before the erasure is refused. What happens
later is of somebody who came back, and is taken; only where it goes on about a lead, deal or order
of the erased person, its erased identifiers stay the stand-ins they have become, so that what is
sold and refunded goes on to be counted and nobody is found again by it.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import blake2b
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import Connection, Engine, delete, func, insert, select

from service.kit.db import reading
from service.ledger.nameless import RECORDS, nameless, people_in
from service.ledger.tables import TABLES

if TYPE_CHECKING:
    from service.ledger.append import NewFact

ERASURES = TABLES["erasures"]
TOMBSTONES = TABLES["tombstones"]
AT_ONCE = 400
_OF_DIGESTS = "SELECT digest, ends_at, stand_in FROM tombstones WHERE digest"
_FIRST_KEY = select(ERASURES.c.key).order_by(ERASURES.c.id).limit(1)
Digest = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Stone:
    """Facts of this moment, microseconds, or earlier are held back; `stand_in` of a record."""

    ends_at: int
    stand_in: str | None


def last_erasure(engine: Engine) -> int:
    """The number of the newest erasure; 0 before the first. A mart made before it holds what was
    erased."""
    with reading(engine).connect() as connection:
        return connection.execute(select(func.max(ERASURES.c.id))).scalar() or 0


def ledger_key(connection: Connection) -> str:
    """The key of this ledger's digests, made for its first erasure."""
    return connection.execute(_FIRST_KEY).scalar() or token_hex(32)


def digest_with(key: str) -> Digest:
    secret = bytes.fromhex(key)
    return lambda text: blake2b(text.encode(), key=secret, digest_size=16).hexdigest()


def record_of(kind: str, payload: dict[str, Any]) -> str | None:
    """The name of the lead, deal or order that a fact is about."""
    return f"record\0{kind}\0{payload[kind]['id']}" if kind in RECORDS else None


def set_stones(
    connection: Connection,
    digest: Digest,
    identifiers: Collection[str],
    records: dict[str, str],
    ends_at: datetime,
) -> None:
    """Set the tombstones of identifiers, and of records with what stands for their person."""
    rows = [
        {"digest": digest(name), "ends_at": ends_at, "stand_in": stand_in}
        for name, stand_in in [*((i, None) for i in identifiers), *records.items()]
    ]
    for part in _parts([row["digest"] for row in rows]):
        connection.execute(delete(TOMBSTONES).where(TOMBSTONES.c.digest.in_(part)))
    connection.execute(insert(TOMBSTONES), rows)


def _parts(items: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (items[start : start + AT_ONCE] for start in range(0, len(items), AT_ONCE))


def screened(connection: Connection, facts: Sequence["NewFact"]) -> Sequence["NewFact | None"]:
    """Each fact as it may be stored, without the erased people of a record that goes on; None for
    one that may not be stored at all."""
    key = connection.execute(_FIRST_KEY).scalar()
    if key is None or not facts:
        return facts
    digest = digest_with(key)
    read = [orjson.loads(fact.payload) for fact in facts]
    people = [people_in(payload) for payload in read]
    records = [record_of(f.type, payload) or "" for f, payload in zip(facts, read, strict=True)]
    names = {name for groups in people for group in groups for name in group}
    stones = _stones(connection, {digest(name): name for name in names | set(records)})

    if not stones:
        return facts

    def judged(
        fact: "NewFact", payload: dict[str, Any], groups: list[list[str]], record: str
    ) -> "NewFact | None":
        erased = [group for group in groups if not stones.keys().isdisjoint(group)]
        if any(_holds(stones, group, fact.occurred_at) for group in erased):
            return None
        story = stones.get(record)
        if not erased or story is None or story.stand_in is None:
            return fact
        his = {name: story.stand_in for group in erased for name in group}
        return replace(fact, payload=nameless(payload, his))

    return [judged(*each) for each in zip(facts, read, people, records, strict=True)]


def _holds(stones: dict[str, Stone], names: Iterable[str], occurred_at: int) -> bool:
    return any(name in stones and occurred_at <= stones[name].ends_at for name in names)


def _stones(connection: Connection, names: dict[str, str]) -> dict[str, Stone]:
    """By name the tombstones there are; `names` by digest. One plain statement, as of `insert`: it
    stands in the way of every fact."""
    if connection.dialect.name == "postgresql":
        rows = connection.exec_driver_sql(f"{_OF_DIGESTS} = ANY(%s)", (list(names),))
    else:
        listed = orjson.dumps(list(names)).decode()
        rows = connection.exec_driver_sql(
            f"{_OF_DIGESTS} IN (SELECT value FROM json_each(?))", (listed,)
        )
    return {names[digest]: Stone(ends_at, stand_in) for digest, ends_at, stand_in in rows}
