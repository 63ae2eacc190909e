"""Which visits are none."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from service.collect.bots import Judge, read_hosts
from service.collect.native import Sender, to_fact
from service.ledger.keys import Caller
from tests.collect.sending import READER, RECEIVED

GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
LAMBDA = "Mozilla/5.0 AWS-Lambda"


@pytest.mark.parametrize(
    ("agent", "referrer", "plain", "strict"),
    [
        (GOOGLEBOT, None, "bot", "bot"),
        (FIREFOX, None, None, None),
        (None, None, None, None),
        ("", None, None, None),
        (FIREFOX, "https://semalt.com/x", "spam", "spam"),
        (FIREFOX, "http://www.SEMALT.com", "spam", "spam"),
        (FIREFOX, "https://notsemalt.com/", None, None),
        (FIREFOX, "https://semalt.com.example.org/", None, None),
        (FIREFOX, "https://mine.example/", "spam", "spam"),
        (GOOGLEBOT, "https://semalt.com/", "bot", "bot"),
        (FIREFOX, "http://ec2-1-2-3-4.compute.amazonaws.com/", None, "bot"),
        (LAMBDA, None, None, "bot"),
        (FIREFOX, "not an address", None, None),
    ],
)
def test_flags(agent: str | None, referrer: str | None, plain: str | None, strict: str) -> None:
    mine = frozenset({"mine.example"})
    assert Judge(mine).flag(agent, referrer) == plain
    assert Judge(mine, data_centres=True).flag(agent, referrer) == strict


def test_a_file_of_hosts(tmp_path: Path) -> None:
    path = tmp_path / "spam.txt"
    path.write_text("# ours\nMine.example  # since May\n\nother.example\n")
    assert read_hosts(path) == {"mine.example", "other.example"}


@pytest.mark.parametrize(
    ("agent", "referrer", "flags", "kept"),
    [
        (GOOGLEBOT, "", ("bot",), {"bot": True}),
        (FIREFOX, "https://semalt.com/", ("spam",), {"spam": True}),
        (FIREFOX, "https://example.org/", (), {}),
    ],
)
def test_a_flagged_fact(
    agent: str, referrer: str, flags: tuple[str, ...], kept: dict[str, Any]
) -> None:
    event = {
        "id": "e1",
        "type": "page",
        "occurred_at": "2026-03-01T10:00:00Z",
        "identifiers": {"anonymous_id": "a1"},
        "context": {"user_agent": agent},
        "page": {"url": "https://shop.test/", "referrer": referrer},
    }
    who = Sender(Caller(1, 1, "site", frozenset({"collect"})), RECEIVED, READER)
    fact = to_fact(event, 0, who)
    payload = orjson.loads(fact.payload)
    assert fact.flags == flags
    assert {name: payload[name] for name in ("bot", "spam") if name in payload} == kept
    assert agent not in fact.payload
