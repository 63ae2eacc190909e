"""Every touchpoint of a person's journey can say by which facts it is that person's."""

import orjson
from hypothesis import strategies as st
from sqlalchemy import text

from service.reports.joined import Ways
from tests.laws.laws import law
from tests.laws.ledgers import Ledger
from tests.laws.worlds import worlds

_JOURNEYS = (
    "SELECT c.kind, c.object_id, LIST(j.seq) FROM journeys AS j "
    "JOIN conversions AS c ON c.conversion_key = j.conversion_key WHERE j.of_person "
    "GROUP BY c.conversion_key, c.kind, c.object_id"
)


@law(sqlite=5, postgres=0)
def test_touchpoints_are_joined_by_facts(ledger: Ledger, data: st.DataObject) -> None:
    """From an identifier of the touchpoint to one of the conversion, each link in one fact."""
    ledger.send(data.draw(worlds()))
    mart = ledger.rebuilt()
    with ledger.engine.connect() as connection:
        rows = connection.execute(text("SELECT seq, payload FROM facts")).all()
    payloads = {row.seq: row.payload for row in rows}
    with mart.reading() as reader:
        for kind, object_id, seqs in reader.execute(_JOURNEYS).fetchall():
            ways = Ways(reader, kind, object_id, seqs)
            for seq in seqs:
                found = ways.of(seq)
                assert found is not None
                assert found.by in ("identifier", "links")
                named = orjson.loads(payloads[seq])["identifiers"]
                if found.by == "identifier":
                    assert found.shared_name is not None
                    assert ways.names[found.shared_name] in named
                    continue
                assert ways.names[found.links[0].left] in named
                for link, onward in zip(found.links, found.links[1:], strict=False):
                    assert link.right == onward.left
                for link in found.links:
                    said = payloads[link.seq]
                    assert orjson.dumps(ways.names[link.left]).decode() in said
                    assert orjson.dumps(ways.names[link.right]).decode() in said
    mart.close()
