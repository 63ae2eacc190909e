"""The databases and the guard that other tests rely on."""

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import settings
from pytest_socket import SocketConnectBlockedError
from sqlalchemy import create_engine, inspect, make_url, text


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_gets_an_empty_database(database_url: str, turn: int) -> None:
    engine = create_engine(database_url)
    try:
        assert inspect(engine).get_table_names() == []
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE turns (turn BIGINT)"))
            connection.execute(text("INSERT INTO turns VALUES (:turn)"), {"turn": turn})
        with engine.connect() as connection:
            assert connection.execute(text("SELECT turn FROM turns")).scalar_one() == turn
    finally:
        engine.dispose()


def test_a_database_is_dropped_although_somebody_is_connected(postgres_cluster: Any) -> None:
    name = postgres_cluster.fresh_database()
    with psycopg.connect(postgres_cluster.url(name).replace("+psycopg", "")) as held:
        postgres_cluster.drop_database(name)
        with pytest.raises(psycopg.errors.AdminShutdown):
            held.execute("SELECT 1")


def test_the_shared_server_trades_durability_for_speed(postgres_url: str) -> None:
    with psycopg.connect(postgres_url.replace("+psycopg", "")) as connection:
        assert connection.execute("SHOW fsync").fetchone() == ("off",)
    assert make_url(postgres_url).host == "127.0.0.1"


def test_a_durable_server_survives_being_killed(start_postgres: Callable[..., Any]) -> None:
    cluster = start_postgres(durable=True)
    cluster.execute("CREATE TABLE kept (n BIGINT)")
    cluster.execute("INSERT INTO kept VALUES (7)")
    killed = cluster.pid
    cluster.kill()
    assert cluster.start()
    assert cluster.pid != killed
    with psycopg.connect(cluster.url().replace("+psycopg", "")) as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (7,)
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
    cluster.remove()
    assert not cluster.folder.exists()


def test_marks_are_set_for_tests_that_need_postgres(request: pytest.FixtureRequest) -> None:
    marked = {item.name for item in request.session.items if item.get_closest_marker("postgres")}
    here = {item.name for item in request.session.items if item.path == Path(__file__)}
    assert marked & here == here & {
        "test_each_test_gets_an_empty_database[postgres-1]",
        "test_each_test_gets_an_empty_database[postgres-2]",
        "test_a_database_is_dropped_although_somebody_is_connected",
        "test_the_shared_server_trades_durability_for_speed",
        "test_a_durable_server_survives_being_killed",
    }


@pytest.mark.filterwarnings("ignore:A test tried to use")
def test_only_loopback_can_be_reached() -> None:
    # 192.0.2.1 belongs to nobody (documentation range); the guard refuses before a packet leaves.
    with socket.socket() as client, pytest.raises(SocketConnectBlockedError):
        client.connect(("192.0.2.1", 80))
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()


def test_property_tests_have_no_deadline_and_repeat_in_ci() -> None:
    assert settings().deadline is None
    assert settings().derandomize is bool(os.environ.get("CI"))
