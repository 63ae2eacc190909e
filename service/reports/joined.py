"""Why a touchpoint is this conversion's: the facts that said its visitor and the buyer are one.

A person is what links join, and there may be many ways from one identifier to another. Shown is the
shortest, each link by the fact that said it first; where a link was withdrawn and said again, by the
fact that said it last. Links that were withdrawn, and those of shared identifiers, join nobody.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from service.reports.journeys import identifier_dict

# One after the other, each with what the one before found as a list: DuckDB then looks the few up,
# and reads the whole table where they come out of another part of the same query.
_SETS_OF_TOUCHES = """
SELECT seq, set_id FROM page_views WHERE seq IN (SELECT UNNEST($seqs))
UNION ALL SELECT seq, set_id FROM touches WHERE seq IN (SELECT UNNEST($seqs))
"""
_PEOPLE_OF_SETS = """
SELECT named.set_id, named.person_id, people.public_id
FROM set_people AS named JOIN people ON people.person_id = named.person_id
WHERE named.set_id IN (SELECT UNNEST($sets))
"""

# How the conversion names its people: its own facts, its contacts, and the facts of its lead.
_SETS_OF_CONVERSION = """
WITH own AS MATERIALIZED (
    SELECT set_id, lead_id FROM object_facts WHERE kind = $kind AND object_id = $object_id
)
SELECT p.set_id, p.person_id FROM set_people AS p WHERE p.set_id IN (
    SELECT set_id FROM own
    UNION ALL
    SELECT set_id FROM object_contacts WHERE kind = $kind AND object_id = $object_id
    UNION ALL
    SELECT set_id FROM object_facts
    WHERE kind = 'lead' AND object_id IN (SELECT lead_id FROM own)
) ORDER BY p.set_id
"""

_MEMBERS = """
SELECT m.set_id, m.identifier_id, ip.person_id, i.identifier, i.known
FROM identifier_people AS ip
JOIN set_members AS m ON m.identifier_id = ip.identifier_id
JOIN identifiers AS i ON i.identifier_id = ip.identifier_id
WHERE ip.person_id IN (SELECT UNNEST($people))
ORDER BY m.set_id, NOT i.known, i.identifier
"""

_SAID = """
SELECT set_id, MIN(first_seq), MAX(last_at), ARG_MAX(last_seq, ROW(last_at, -last_seq))
FROM set_seen WHERE set_id IN (SELECT UNNEST($sets)) GROUP BY set_id
"""

_WITHDRAWN = """
SELECT left_id, right_id, MAX(occurred_at) FROM unlinks
WHERE left_id IN (SELECT UNNEST($ids)) AND right_id IN (SELECT UNNEST($ids)) GROUP BY ALL
"""


@dataclass(frozen=True, slots=True)
class Link:
    """One fact that said that two identifiers are one person: from the touchpoint's side to the
    conversion's."""

    left: int
    right: int
    seq: int


@dataclass(frozen=True, slots=True)
class Joined:
    """How a touchpoint belongs to a conversion.

    Attributes:
        by: `identifier` (both name the same one), `links`, or `account` (a colleague's touchpoint,
            which scope `account` counts).
        person: the public id of the touchpoint's person.
        shared_name: by `identifier` the one that both name.
        links: by `links` the way, otherwise none.
    """

    by: str
    person: str
    shared_name: int | None
    links: tuple[Link, ...]


class Ways:
    """The ways from the touchpoints of one conversion to those whom its object names."""

    def __init__(
        self,
        mart: duckdb.DuckDBPyConnection,
        kind: str,
        object_id: str,
        touches: Sequence[int],
    ) -> None:
        self._touched = _touched(mart, touches)
        object_of = {"kind": kind, "object_id": object_id}
        ends = mart.execute(_SETS_OF_CONVERSION, object_of).fetchall()
        people = sorted({person for _, person, _ in self._touched.values()})
        rows = mart.execute(_MEMBERS, {"people": people}).fetchall()
        self.names: dict[int, str] = {}
        self._sets: dict[int, list[int]] = {}
        self._sets_of: dict[int, list[int]] = {}
        self._person_of: dict[int, int] = {}
        for set_id, identifier, person, name, _ in rows:
            self.names[identifier] = name
            self._person_of[identifier] = person
            self._sets.setdefault(set_id, []).append(identifier)
            self._sets_of.setdefault(identifier, []).append(set_id)
        # Of a set of two people the one whom its facts belong to.
        self._ends = {
            identifier: None
            for set_id, person in ends
            for identifier in self._sets.get(set_id, ())
            if self._person_of[identifier] == person
        }
        linking = [s for s, members in self._sets.items() if len(members) > 1]
        self._said = {
            s: (first, last_at, last)
            for s, first, last_at, last in mart.execute(_SAID, {"sets": linking}).fetchall()
        }
        self._cut = _withdrawn(mart, list(self.names))
        self._onward = self._search()

    def of(self, touch: int) -> Joined | None:
        """How the touch with this seq belongs to the conversion; None where nobody is named."""
        if touch not in self._touched:
            return None
        set_id, person, name = self._touched[touch]
        starts = [i for i in self._sets.get(set_id, ()) if self._person_of[i] == person]
        for start in starts:
            if start in self._ends:
                return Joined("identifier", name, start, ())
        ways = [self._way(start) for start in starts if start in self._onward]
        if not ways:
            return Joined("account", name, None, ())
        return Joined("links", name, None, min(ways, key=len))

    def _way(self, start: int) -> tuple[Link, ...]:
        links = []
        while (step := self._onward[start]) is not None:
            links.append(step)
            start = step.right
        return tuple(links)

    def _search(self) -> dict[int, Link | None]:
        """By identifier the next link towards the conversion, breadth first from its own ones."""
        onward: dict[int, Link | None] = dict(self._ends)
        queue = deque(onward)
        while queue:
            right = queue.popleft()
            linking = [s for s in self._sets_of[right] if s in self._said]
            for set_id in sorted(linking, key=lambda s: self._said[s][0]):
                for left in self._sets[set_id]:
                    seq = self._fact(set_id, left, right)
                    if left not in onward and seq is not None:
                        onward[left] = Link(left, right, seq)
                        queue.append(left)
        return onward

    def _fact(self, set_id: int, left: int, right: int) -> int | None:
        """The fact by which the set links the two; None where it does not."""
        if left == right or self._person_of[left] != self._person_of[right]:
            return None
        first, last_at, last = self._said[set_id]
        cut = self._cut.get(frozenset((left, right)))
        if cut is None:
            return int(first)
        return int(last) if last_at > cut else None


def _touched(
    mart: duckdb.DuckDBPyConnection, touches: Sequence[int]
) -> dict[int, tuple[int, int, str]]:
    """By seq the set of identifiers that a touch names, its person and that one's public id."""
    told = mart.execute(_SETS_OF_TOUCHES, {"seqs": list(touches)}).fetchall()
    sets = {"sets": sorted({set_id for _, set_id in told if set_id is not None})}
    named = {row[0]: row for row in mart.execute(_PEOPLE_OF_SETS, sets).fetchall()}
    return {seq: named[set_id] for seq, set_id in told if set_id in named}


def _withdrawn(mart: duckdb.DuckDBPyConnection, ids: list[int]) -> dict[frozenset[int], int]:
    """When each pair was last said not to be one."""
    latest: dict[frozenset[int], int] = {}
    for left, right, moment in mart.execute(_WITHDRAWN, {"ids": ids}).fetchall():
        pair = frozenset((left, right))
        latest[pair] = max(moment, latest.get(pair, moment))
    return latest


def joined_dict(
    ways: Ways, touch: int, facts: Mapping[int, dict[str, Any]]
) -> dict[str, Any] | None:
    """As readers see it. Args: facts: of every seq in `facts_of`, as an answer shows them."""
    found = ways.of(touch)
    if found is None:
        return None

    def named(identifier: int) -> dict[str, Any]:
        shown = identifier_dict(ways.names[identifier], False, 0, found.person)
        return {name: shown[name] for name in ("kind", "value")}

    return {
        "by": found.by,
        "person_id": found.person,
        "identifier": None if found.shared_name is None else named(found.shared_name),
        "links": [
            {"left": named(link.left), "right": named(link.right), "fact": facts[link.seq]}
            for link in found.links
        ],
    }


def facts_of(ways: Ways, touches: Iterable[int]) -> set[int]:
    """The seqs of all facts on the ways of these touches."""
    return {link.seq for t in touches if (found := ways.of(t)) for link in found.links}


def without_values(touchpoints: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same, for readers who may not see what identifiers are."""

    def hidden(identifier: dict[str, Any] | None) -> dict[str, Any] | None:
        return None if identifier is None else {**identifier, "value": None}

    return [
        {
            **touchpoint,
            "joined": touchpoint["joined"]
            and {
                **touchpoint["joined"],
                "identifier": hidden(touchpoint["joined"]["identifier"]),
                "links": [
                    {**link, "left": hidden(link["left"]), "right": hidden(link["right"])}
                    for link in touchpoint["joined"]["links"]
                ],
            },
        }
        for touchpoint in touchpoints
    ]
