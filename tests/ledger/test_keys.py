"""A key opens what it was made for, until it is revoked; who holds the database holds no key."""

import hashlib
from datetime import timedelta

import pytest
from sqlalchemy import Engine, event

from service.kit.errors import Conflict, NotFound, Refusal, Unauthenticated
from service.ledger import remembered
from service.ledger.intake import list_sources
from service.ledger.keys import (
    KeyRing,
    create_key,
    ensure_source_id,
    list_keys,
    revoke_key,
)
from tests.ledger.samples import NOW, Ledger


def test_a_key_names_its_source_and_scopes(engine: Engine) -> None:
    secret, key = create_key(engine, "shop", ["read", "facts"], NOW)
    caller = KeyRing(engine).caller(secret)
    assert (caller.source, caller.scopes) == ("shop", {"facts", "read"})
    assert (caller.key_id, caller.source_id) == (key.id, key.source_id)
    assert caller.may("read")
    assert not caller.may("admin")


@pytest.mark.parametrize(
    ("scopes", "prefix"),
    [
        pytest.param(["collect"], "pk_", id="for public places"),
        pytest.param(["collect", "facts"], "sk_", id="for servers"),
        pytest.param(["read"], "sk_", id="for readers"),
    ],
)
def test_the_prefix_says_where_a_key_may_be_shown(
    engine: Engine, scopes: list[str], prefix: str
) -> None:
    secret, _ = create_key(engine, "shop", scopes, NOW)
    assert secret.startswith(prefix)
    assert len(secret) == len(prefix) + 43  # 256 bits in Base64


@pytest.mark.parametrize(
    ("name", "scopes", "code"),
    [
        pytest.param("shop", [], "unknown_scope", id="no scope"),
        pytest.param("shop", ["read", "write"], "unknown_scope", id="unknown scope"),
        pytest.param("", ["read"], "bad_name", id="no name"),
        pytest.param("x" * 101, ["read"], "bad_name", id="long name"),
        pytest.param("a\nb", ["read"], "bad_name", id="line break"),
    ],
)
def test_a_key_that_makes_no_sense_is_refused(
    engine: Engine, name: str, scopes: list[str], code: str
) -> None:
    with pytest.raises(Refusal) as refused:
        create_key(engine, name, scopes, NOW)
    assert refused.value.code == code
    assert list_keys(engine) == []
    assert list_sources(engine, NOW) == []


def test_the_secret_is_nowhere_in_the_ledger(ledger: Ledger) -> None:
    secret, _ = create_key(ledger.engine, "shop", ["read"], NOW)
    rows = ledger.rows("*", "keys") + ledger.rows("*", "sources")
    assert secret[3:] not in repr(rows)
    assert hashlib.sha256(secret.encode()).hexdigest() in repr(rows)
    (listed,) = list_keys(ledger.engine)
    assert listed["hint"] == f"{secret[:7]}…{secret[-4:]}"
    assert set(listed) == {"id", "name", "source", "scopes", "hint", "created_at", "revoked_at"}


def test_two_keys_may_speak_for_one_source(engine: Engine) -> None:
    create_key(engine, "old", ["facts"], NOW, source="shop")
    create_key(engine, "new", ["admin", "facts"], NOW, source="shop")
    assert [(k["name"], k["source"], k["scopes"]) for k in list_keys(engine)] == [
        ("old", "shop", ["facts"]),
        ("new", "shop", ["facts", "admin"]),
    ]
    assert [s["name"] for s in list_sources(engine, NOW)] == ["shop"]


@pytest.mark.parametrize("key", ["", "sk_unknown", "sk_\ud800", "x" * 10_000])
def test_an_unknown_key_opens_nothing(engine: Engine, key: str) -> None:
    with pytest.raises(Unauthenticated) as refused:
        KeyRing(engine).caller(key)
    assert refused.value.code == "unknown_key"


def test_a_revoked_key_opens_nothing_once_forgotten(engine: Engine) -> None:
    secret, key = create_key(engine, "shop", ["read"], NOW)
    ring = KeyRing(engine)
    ring.caller(secret)
    revoke_key(engine, key.id or 0, NOW + timedelta(days=1))
    ring.forget()
    with pytest.raises(Unauthenticated):
        ring.caller(secret)
    assert list_keys(engine)[0]["revoked_at"] == NOW + timedelta(days=1)


def test_another_process_revoking_is_noticed_after_a_while(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret, key = create_key(engine, "shop", ["read"], NOW)
    ring = KeyRing(engine)
    ring.caller(secret)
    revoke_key(engine, key.id or 0, NOW)
    assert ring.caller(secret).source == "shop"
    monkeypatch.setattr(remembered, "FORGET_AFTER_SECONDS", -1.0)
    with pytest.raises(Unauthenticated):
        ring.caller(secret)


def test_revoking_what_is_not_there_is_said(engine: Engine) -> None:
    with pytest.raises(NotFound):
        revoke_key(engine, 1_000_000, NOW)
    _, key = create_key(engine, "shop", ["read"], NOW)
    revoke_key(engine, key.id or 0, NOW)
    with pytest.raises(Conflict):
        revoke_key(engine, key.id or 0, NOW)


def test_a_key_is_remembered_and_a_guess_too(engine: Engine) -> None:
    secret, _ = create_key(engine, "shop", ["read"], NOW)
    ring = KeyRing(engine)
    asked: list[str] = []

    def note(*said: object) -> None:
        asked.append(str(said[2]))

    event.listen(engine, "before_cursor_execute", note)
    try:
        for _ in range(3):
            ring.caller(secret)
            with pytest.raises(Unauthenticated):
                ring.caller("sk_guess")
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert len(asked) == 2


def test_a_source_is_made_once(engine: Engine) -> None:
    first = ensure_source_id(engine, "web", NOW)
    assert ensure_source_id(engine, "web", NOW) == first
    assert ensure_source_id(engine, "crm", NOW) != first
