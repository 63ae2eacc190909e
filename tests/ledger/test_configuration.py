"""Named configuration: versions in order, none lost, none made for the same words."""

from concurrent.futures import ThreadPoolExecutor

from service.kit.db import make_engine
from service.ledger.configuration import read_setting, write_setting
from service.ledger.migrate import migrate
from tests.api.harness import NOW


def test_versions_of_a_setting(database_url: str) -> None:
    engine = make_engine(database_url)
    migrate(engine)
    assert read_setting(engine, "hook:1") == (0, None)
    assert write_setting(engine, "hook:1", {"b": 1, "a": [2]}, NOW, "api") == 1
    assert write_setting(engine, "hook:1", {"a": [2], "b": 1}, NOW, "cli") == 1
    assert write_setting(engine, "hook:1", {}, NOW, "cli") == 2
    assert write_setting(engine, "hook:1", {"b": 1, "a": [2]}, NOW, "cli") == 3
    assert read_setting(engine, "hook:1") == (3, {"a": [2], "b": 1})
    assert read_setting(engine, "hook:2") == (0, None)
    engine.dispose()


def test_several_write_at_once(database_url: str) -> None:
    engine = make_engine(database_url)
    migrate(engine)

    def write(value: int) -> int:
        return write_setting(engine, "hook:1", {"said": value}, NOW, "api")

    with ThreadPoolExecutor(4) as threads:
        versions = list(threads.map(write, range(4)))
    assert sorted(versions) == [1, 2, 3, 4]
    assert read_setting(engine, "hook:1")[0] == 4
    engine.dispose()
