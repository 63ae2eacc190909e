"""Matomo's script and clients: what they sent, and what became of it."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest

from service.collect.formats.matomo import MAX_HITS, answer, pixel, sent_key
from service.collect.wire import GIF
from service.kit.errors import BadRequest, Forbidden
from service.ledger.append import Receipt
from tests.collect.recorded import calls, payloads, reasons
from tests.collect.sending import READER, RECEIVED, call, send, sender

PUBLIC, SECRET = "pk_" + "a" * 43, "sk_" + "b" * 43
ID = "0123456789abcdef"
URL = "https://ex.com/?utm_source=google&gclid=abc"
HIT = {"idsite": "1", "rec": "1", "_id": ID, "url": "https://ex.com/"}
SEEN = {
    "identifiers": ["user_id:u1", f"anonymous_id:{ID}"],
    "click_ids": {"gclid": "abc"},
    "touch": {"source": "google", "clicks": "gclid"},
}
CHROME = {"Accept-Language": "en", "User-Agent": "Mozilla/5.0 Chrome/147"}
MINUTE_LATER = RECEIVED + timedelta(minutes=1)


def shown(hit: Any, headers: Any = None, **options: Any) -> Any:
    """A pixel with the hit; a None takes a field out."""
    query = urlencode({k: v for k, v in {**HIT, **hit}.items() if v is not None})
    return call("/matomo.php", b"", query, headers, method="GET", **options)


def bulk(*hits: Any, **around: Any) -> Any:
    written = [f"?{urlencode({**HIT, **h})}" if isinstance(h, dict) else h for h in hits]
    return call("/matomo.php", {"requests": written, **around})


def told(hit: Any, who: Any = None, **options: Any) -> dict[str, Any]:
    (payload,) = payloads(send("matomo", shown(hit, **options), who))
    return payload


def test_the_node_client(test_data: Path) -> None:
    goal, more = (send("matomo", asked) for asked in calls(test_data, "matomo-node"))
    assert payloads(goal) == [
        {
            "type": "track",
            **SEEN,
            "page": {"url": URL},
            "track": {"name": "goal", "properties": {"goal": "1", "revenue": "10.5"}},
        }
    ]
    assert goal.facts[0].occurred_at == 1767323045_000_000
    order = {"id": "o1", "status": "completed", "amount_minor": 9950, "currency": "EUR"}
    assert payloads(more) == [{"type": "order", "order": order}]
    # It says neither whose event it was nor asks as a browser would.
    assert reasons(more) == [("missing_identifiers", "_id")]


def test_the_python_client(test_data: Path) -> None:
    batches = [send("matomo", asked) for asked in calls(test_data, "matomo-python")]
    assert [reasons(batch) for batch in batches] == [[]] * 4
    page, event, goal, order, second = [told for batch in batches for told in payloads(batch)]
    assert page == {
        "type": "page",
        **SEEN,
        "page": {"url": URL, "referrer": "https://www.google.com/", "title": "Home"},
    }
    assert event == {
        "type": "track",
        **SEEN,
        "page": {"url": URL},
        "track": {"name": "lead", "properties": {"category": "crm", "label": "x", "value": "5"}},
    }
    assert goal["track"] == {"name": "goal", "properties": {"goal": "1", "revenue": "10.5"}}
    assert order == {
        "type": "order",
        "identifiers": SEEN["identifiers"],
        "order": {
            "id": "o1",
            "status": "completed",
            "amount_minor": 9950,
            "currency": "EUR",
            "items": [{"sku": "sku", "name": "name", "quantity": 1, "amount_minor": 9950}],
        },
    }
    assert second["page"]["title"] == "B"
    assert {fact.occurred_at for fact in batches[3].facts} == {1767323045_000_000}
    kept = "".join(fact.payload for batch in batches for fact in batch.facts)
    assert "203.0.113.7" not in kept
    assert "xxxx" not in kept


@pytest.mark.parametrize("name", ["matomo-node", "matomo-python"])
def test_every_recorded_request_is_answered_as_its_client_wants(test_data: Path, name: str) -> None:
    for asked in calls(test_data, name):
        reply = answer(asked, Receipt(1))
        if b"requests" in asked.body:
            assert orjson.loads(reply.body)["status"] == "success"
        elif b"send_image=0" in asked.body:
            assert (reply.status, reply.body) == (204, b"")
        else:
            assert (reply.status, reply.media_type, reply.body) == (200, "image/gif", GIF)


@pytest.mark.parametrize(
    ("hit", "name", "properties"),
    [
        ({"e_c": "Video", "e_a": "Played", "e_n": "A", "e_v": "3"}, "Played",
         {"category": "Video", "label": "A", "value": "3"}),
        ({"e_c": "Video"}, "event", {"category": "Video"}),
        ({"e_a": "Purchase"}, "Purchase", {}),
        ({"idgoal": "3"}, "goal", {"goal": "3"}),
        ({"idgoal": "3", "ec_id": "O1", "revenue": "5"}, "goal", {"goal": "3", "revenue": "5"}),
        ({"idgoal": "0", "revenue": "5"}, "cart update", {"goal": "0", "revenue": "5"}),
        ({"search": "shoes", "search_count": "0"}, "site search",
         {"search": "shoes", "search_count": "0"}),
        ({"download": "https://ex.com/a.pdf"}, "download", {"file": "https://ex.com/a.pdf"}),
        ({"link": "https://other.com/"}, "outlink", {"target": "https://other.com/"}),
        ({"c_n": "Ad", "c_p": "a.jpg"}, "content impression",
         {"content": "Ad", "content_piece": "a.jpg"}),
        ({"c_n": "Ad", "c_i": "click"}, "content interaction",
         {"content": "Ad", "content_interaction": "click"}),
        ({"ping": "1", "dimension1": "gold"}, "ping", {"dimension1": "gold"}),
    ],
)  # fmt: skip
def test_hits_that_are_no_page(hit: Any, name: str, properties: Any) -> None:
    found = told({**hit, "action_name": "A title"}, sender(scopes=("collect",)))
    assert found["type"] == "track"
    assert found["page"] == {"url": "https://ex.com/"}
    said = {"properties": properties} if properties else {}
    assert found["track"] == {"name": name, **said}


def test_campaigns_in_the_address_go_before_those_of_the_goal() -> None:
    said = {"_rcn": "spring", "_rck": "crm"}
    assert told(said)["touch"] == {"campaign": "spring", "term": "crm"}
    assert told({**said, "idgoal": "1"})["touch"] == {"campaign": "spring", "term": "crm"}
    url = "https://ex.com/?mtm_campaign=autumn&mtm_source=news&pk_kwd=shoes"
    assert told({**said, "url": url})["touch"] == {
        "campaign": "autumn",
        "source": "news",
        "term": "shoes",
    }


def test_who_it_was() -> None:
    assert told({"cid": "fedcba9876543210"})["identifiers"] == ["anonymous_id:fedcba9876543210"]
    email = READER.read("user_id", "ann@example.com")
    assert email is not None
    assert told({"uid": "ann@example.com"})["identifiers"] == [
        f"user_id:{email.value}",
        f"anonymous_id:{ID}",
    ]
    nobody = shown({"_id": None})
    assert reasons(send("matomo", nobody)) == [("missing_identifiers", "_id")]
    (visitor,) = told({"_id": None}, headers=CHROME)["identifiers"]
    assert visitor.startswith("visitor:")
    # Only a server may say at which address its visitor is.
    elsewhere = {"_id": None, "cip": "203.0.113.7", "ua": CHROME["User-Agent"]}
    assert told(elsewhere)["identifiers"] == [visitor]
    public = send("matomo", shown(elsewhere), sender(scopes=("collect",)))
    assert reasons(public) == [("missing_identifiers", "_id")]


def test_a_moment_older_than_a_day_comes_from_servers() -> None:
    (fact,) = send("matomo", shown({"cdt": "2026-02-01 10:00:00"})).facts
    assert fact.occurred_at == 1769940000_000_000
    public = sender(scopes=("collect",))
    refused = send("matomo", shown({"cdt": "2026-02-01 10:00:00"}), public)
    assert reasons(refused) == [("scope_missing", "cdt")]
    assert send("matomo", shown({"cdt": "2026-02-28 12:00:00"}), public).facts
    assert reasons(send("matomo", shown({"cdt": "yesterday"}))) == [("bad_timestamp", "cdt")]


def test_an_order_from_a_public_place_is_refused() -> None:
    batch = send("matomo", shown({"idgoal": "0", "ec_id": "O1", "revenue": "5"}),
                 sender(scopes=("collect",)))  # fmt: skip
    assert (batch.facts, reasons(batch)) == ([], [("scope_missing", "ec_id")])


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        ({"revenue": None}, ("missing_field", "revenue")),
        ({"revenue": "12,50"}, ("bad_amount", "revenue")),
        ({"revenue": "1.999"}, ("too_many_decimals", "revenue")),
        ({"revenue": "-5"}, ("out_of_range", "revenue")),
    ],
)
def test_orders_that_are_refused(order: Any, reason: tuple[str, str]) -> None:
    batch = send("matomo", shown({"idgoal": "0", "ec_id": "O1", **order}))
    assert (batch.facts, reasons(batch)) == ([], [reason])


def test_lines_that_cannot_be_read_cost_no_order() -> None:
    lines = [["A", "Shoe", "Shoes", "10.00", 2], ["B"], "C", ["", "", "", "x", 1]]
    who = sender()
    hit = {"idgoal": "0", "ec_id": "O1", "revenue": "20", "ec_items": json.dumps(lines)}
    found = told(hit, who)
    assert found["order"]["items"] == [
        {"sku": "A", "name": "Shoe", "quantity": 2, "amount_minor": 2000},
        {"sku": "B", "quantity": 1},
    ]
    assert [said["code"] for said in who.adjusted] == ["product_left_out"] * 2
    who = sender()
    assert "items" not in told({**hit, "ec_items": "{"}, who)["order"]
    assert [said["field"] for said in who.adjusted] == ["ec_items"]


def test_robots_and_servers() -> None:
    robot = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
    assert told({"ua": robot})["bot"] is True
    public = sender(scopes=("collect",))
    assert told({}, public, headers={"User-Agent": robot})["bot"] is True
    assert "bot" not in told({}, headers={"User-Agent": "python-requests/2.32"})
    assert "bot" not in told({"ua": CHROME["User-Agent"]}, headers={"User-Agent": robot})


def test_the_same_hit_sent_again() -> None:
    def ids(hit: Any, **options: Any) -> str:
        return send("matomo", shown(hit, **options)).facts[0].fact_id

    for once in ({"rand": "7"}, {"cdt": "2026-03-01 11:00:00"}, {"pv_id": "abc"}):
        assert ids(once) == ids(once, received_at=MINUTE_LATER)
    assert ids({}) == ids({}, received_at=RECEIVED + timedelta(seconds=9))
    assert ids({}) != ids({}, received_at=MINUTE_LATER)
    assert ids({"rand": "7"}) != ids({"rand": "8"})
    assert ids({"token_auth": "x", "rand": "7"}) == ids({"rand": "7"})


def test_a_hit_with_a_number_of_its_own_is_the_same_whoever_passes_it_on() -> None:
    """On another day the visitor without cookies is another, in another bulk the place; a hit that
    names its visitor is neither's."""
    hits = [{"rand": "1"}, {"rand": "2", "cip": "198.51.100.7"}, {"cdt": "2026-03-01 11:00:00"}]

    def ids(*of: Any, headers: Any = None, at: Any = RECEIVED) -> list[str]:
        body = {"requests": [f"?{urlencode({**HIT, **hit})}" for hit in of]}
        batch = send("matomo", call("/matomo.php", body, headers=headers, received_at=at))
        return [fact.fact_id for fact in batch.facts]

    first, tomorrow = ids(*hits), RECEIVED + timedelta(days=1)
    assert ids(*hits, headers=CHROME, at=tomorrow) == first
    assert ids(hits[1], at=tomorrow) + ids(hits[0], at=tomorrow) == [first[1], first[0]]
    assert ids({**hits[0], "_id": ID[::-1]}) != first[:1]


def test_hits_of_a_bulk_are_told_apart_and_again_the_same() -> None:
    first, again = send("matomo", bulk({}, {})), send("matomo", bulk({}, {}))
    assert len({fact.fact_id for fact in first.facts}) == 2
    assert [f.fact_id for f in first.facts] == [f.fact_id for f in again.facts]


def test_a_bulk_keeps_the_good_beside_the_bad() -> None:
    asked = bulk({}, {"url": ""}, 7, None, "", "&".join(f"a{i}=1" for i in range(1_001)), {})
    batch = send("matomo", asked)
    assert [fact.index for fact in batch.facts] == [0, 6]
    assert [(r.index, r.code, r.field) for r in batch.refused] == [
        (1, "bad_url", "url"),
        (2, "not_an_object", ""),
        (3, "not_an_object", ""),
        (4, "not_an_object", ""),
        (5, "too_many_fields", "requests"),
    ]
    reply = answer(asked, Receipt(1, 1, list(batch.refused)))
    assert orjson.loads(reply.body) == {
        "status": "success",
        "tracked": 2,
        "invalid": 5,
        "invalid_indices": [1, 2, 3, 4, 5],
    }


def test_a_form_and_the_address_are_one_hit() -> None:
    form = call("/piwik.php", b"action_name=Home&url=https%3A%2F%2Fex.com%2F", f"_id={ID}&rec=1")
    (found,) = payloads(send("matomo", form))
    assert found["page"] == {"url": "https://ex.com/", "title": "Home"}


@pytest.mark.parametrize("body", [[], {"requests": {}}, {"requests": ["a=1"] * (MAX_HITS + 1)}])
def test_bodies_that_make_no_sense(body: Any) -> None:
    with pytest.raises(BadRequest):
        send("matomo", call("/matomo.php", body))


def test_the_key() -> None:
    assert sent_key(shown({"idsite": PUBLIC})) == PUBLIC
    assert sent_key(shown({"key": PUBLIC})) == PUBLIC
    assert sent_key(shown({"token_auth": "x" * 32})) is None
    assert sent_key(shown({}, {"Authorization": f"Bearer {SECRET}"})) == SECRET
    assert sent_key(bulk({}, token_auth=SECRET)) == SECRET
    assert sent_key(bulk({}, {"token_auth": SECRET})) == SECRET
    assert sent_key(bulk({"idsite": PUBLIC})) == PUBLIC
    form = call("/matomo.php", f"rec=1&idsite={PUBLIC}&token_auth={SECRET}".encode())
    assert sent_key(form) == SECRET
    for name in ("key", "token_auth", "idsite"):
        with pytest.raises(Forbidden):
            sent_key(shown({name: SECRET}))
    (refused,) = send("matomo", bulk({"idsite": SECRET, "token_auth": SECRET, "url": ""})).refused
    assert SECRET not in refused.raw


def test_a_pixel_is_a_pixel_whatever_happens() -> None:
    assert pixel(shown({}), Receipt()).body == GIF
    assert pixel(shown({"send_image": "0"}), Receipt()).status == 204
    crowded = call("/matomo.php", b"", "&".join(f"a{i}" for i in range(1_001)), method="GET")
    assert pixel(crowded, Receipt()).body == GIF
