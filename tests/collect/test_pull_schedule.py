"""The file of pulls, and who runs them when."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from service.cli import app
from service.collect.pulls.asking import PullError
from service.collect.pulls.configured import load_pulls
from service.collect.pulls.run import LEASE
from service.collect.pulls.schedule import PullSchedule
from service.kit.errors import Refusal
from service.ledger.keys import ensure_source_id
from service.ledger.pulls import list_pulls, note_progress, take_pull
from service.main import create_app
from service.settings import Settings
from tests.collect.platform_server import Answer, FakePlatform, serving
from tests.collect.test_pulls import GOOGLE, NOW, SECRET, TOKEN, World, google, stream, world_on

FILE = """
[[pull]]
source = "google"
platform = "google_ads"
every = "6h"
days = 14
since = 2026-01-01
timezone = "Europe/Berlin"
customer_id = "123-456-7890"
developer_token = { env = "THE_DEVELOPER_TOKEN" }
client_id = "client"
client_secret = { file = "FOLDER/secret" }
refresh_token = "s3cr3t-of-the-platform"

[[pull]]
source = "meta"
platform = "meta_ads"
account_id = "77"
access_token = "s3cr3t-of-the-platform"
"""


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    with world_on(database_url) as made:
        yield made


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("THE_DEVELOPER_TOKEN", f"{SECRET}-dev")
    (tmp_path / "secret").write_text(f"{SECRET}-client\n")
    path = tmp_path / "pulls.toml"
    path.write_text(FILE.replace("FOLDER", str(tmp_path)))
    return path


def test_the_file_is_read_with_secrets_from_elsewhere(file: Path) -> None:
    google_pull, meta_pull = load_pulls(file)
    assert google_pull.secrets() == (f"{SECRET}-dev", f"{SECRET}-client", SECRET)
    assert (google_pull.every, meta_pull.days) == (timedelta(hours=6), 28)
    assert SECRET not in repr((google_pull, meta_pull))
    assert load_pulls(None) == ()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (('platform = "meta_ads"', 'platform = "myspace"'), "pull 2.platform"),
        (('account_id = "77"', 'account_id = "seven"'), "pull 2.account_id"),
        (('account_id = "77"', 'acount_id = "77"'), "pull 2.account_id"),
        (('source = "meta"', 'source = "google"'), "source"),
        (('"Europe/Berlin"', '"Berlin"'), "pull 1.timezone"),
        (('every = "6h"', 'every = "1m"'), "pull 1.every"),
        (("THE_DEVELOPER_TOKEN", "NO_SUCH_TOKEN"), "pull 1.developer_token"),
        (("/secret", "/nothing"), "pull 1.client_secret"),
        (('client_id = "client"', 'client_id = "client"\nbase_url = "ftp://x"'), "pull 1.base_url"),
        (('access_token = "s3cr3t-of-the-platform"', 'access_token = ["s3cr3t-of-the-platform"]'), "pull 2.access_token"),
        (("days = 14", 'days = 14\ncurrency = "EURO"'), "pull 1.currency"),
        (("days = 14", "days = 14\nvat_rate = 200"), "pull 1.vat_rate"),
        (("[[pull]]", "[[pulls]]"), "pulls.toml"),
        (("days = 14", "days = "), "pulls.toml"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_the_file_is_named_without_its_secrets(
    file: Path, change: tuple[str, str], field: str
) -> None:
    file.write_text(file.read_text().replace(*change))
    with pytest.raises(Refusal) as caught:
        load_pulls(file)
    assert (caught.value.code, caught.value.field) == ("bad_pulls", field)
    assert SECRET not in caught.value.detail


def test_a_service_with_a_bad_file_does_not_start(file: Path, tmp_path: Path) -> None:
    file.write_text("nonsense")
    settings = Settings(_env_file=None, data_dir=tmp_path, pulls_file=file)
    with pytest.raises(Refusal, match="not TOML"):
        create_app(settings)
    create_app(settings, "query")


def test_a_pull_runs_when_it_is_due_and_not_before(world: World) -> None:
    google(world, ("2026-03-01", "1", 1_000_000))
    schedule = PullSchedule([world.options("google_ads", every="6h")], world.puller)
    assert schedule.run_due() == ["google_ads"]
    assert schedule.run_due() == []
    world.now += timedelta(hours=5, minutes=59)
    assert schedule.run_due() == []
    world.now += timedelta(minutes=1)
    assert schedule.run_due() == ["google_ads"]
    assert len(world.platform.to(GOOGLE)) == 2


def test_a_failing_pull_holds_up_no_other_and_comes_back(world: World) -> None:
    google(world, ("2026-03-01", "1", 1_000_000))
    world.platform.on(GOOGLE, Answer(503))
    pulls = [
        world.options("google_ads"),
        world.options("meta_ads"),
        world.options("google_ads", source="third", customer_id="2"),
    ]
    world.platform.on("/v26.0/act_77", Answer(body={"currency": "USD"}))
    world.platform.on("/v26.0/act_77/insights", Answer(body={"data": []}))
    schedule = PullSchedule(pulls, world.puller)
    assert schedule.run_due() == ["meta_ads"]
    states = {pull["source"]: pull for pull in list_pulls(world.engine)}
    assert [states[s]["failures"] for s in ("google_ads", "meta_ads", "third")] == [1, 0, 1]
    assert states["third"]["last_error"].startswith("request: HTTP 404")
    world.now += timedelta(minutes=2)
    google(world, ("2026-03-01", "1", 1_000_000))
    assert schedule.run_due() == ["google_ads"], "the third cannot mend itself and waits its turn"


def test_only_one_process_takes_a_pull(world: World) -> None:
    source = ensure_source_id(world.engine, "ads", NOW)
    start, taken = threading.Barrier(4), []

    def take() -> None:
        start.wait()
        taken.append(take_pull(world.engine, source, "google_ads", NOW, NOW + LEASE))

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([state for state in taken if state is not None]) == 1
    # Whoever took it may have died: once the lease is over, another goes on from its cursor.
    note_progress(world.engine, source, "2026-02-28", NOW + LEASE)
    before = NOW + LEASE - timedelta(seconds=1)
    assert take_pull(world.engine, source, "google_ads", before, before + LEASE) is None
    after = NOW + LEASE
    state = take_pull(world.engine, source, "google_ads", after, after + LEASE)
    assert state is not None
    assert state.cursor == "2026-02-28"


def test_without_its_ledger_the_schedule_lives_on(world: World) -> None:
    schedule = PullSchedule([world.options("google_ads")], world.puller)

    def gone() -> None:
        raise OSError("no ledger")

    broken = replace(world.puller, clock=gone)  # type: ignore[arg-type]
    assert PullSchedule([world.options("google_ads")], broken).run_due() == []
    google(world)
    assert schedule.run_due() == ["google_ads"]


def test_the_thread_ends_when_it_is_told(world: World) -> None:
    ran = threading.Event()
    google(world)

    def clock() -> object:
        ran.set()
        return NOW

    puller = replace(world.puller, clock=clock)  # type: ignore[arg-type]
    schedule = PullSchedule([world.options("google_ads")], puller)
    schedule.start()
    assert ran.wait(30)
    schedule.stop()
    assert not any(thread.name == "spend-pulls" for thread in threading.enumerate())
    idle = PullSchedule([], puller)
    idle.start()
    idle.stop()


def _command(platform: FakePlatform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "pulls.toml"
    path.write_text(
        f'[[pull]]\nsource = "ads"\nplatform = "google_ads"\ncustomer_id = "1"\n'
        f'developer_token = "{SECRET}"\nclient_id = "c"\nclient_secret = "{SECRET}"\n'
        f'refresh_token = "{SECRET}"\nbase_url = "{platform.url}"\n'
        f'token_url = "{platform.url}/token"\n'
    )
    monkeypatch.setenv("THROUGHLINE_PULLS_FILE", str(path))
    monkeypatch.setenv("THROUGHLINE_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("THROUGHLINE_ALLOW_PRIVATE_ADDRESSES", "true")
    # The command sets the log up for its own output, which ends with it.
    monkeypatch.setattr("service.pull_command.configure_log", lambda: None)


def test_the_command_pulls_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as platform:
        _command(platform, tmp_path, monkeypatch)
        platform.on("/token", TOKEN)
        spent = stream(("2025-03-01", "1", 10_000))
        platform.on("/v26/customers/1/googleAds:searchStream", spent, stream())
        done = CliRunner().invoke(app, ["pull", "--source", "ads", "--since", "2025-03-01"])
        assert '"first_day":"2025-03-01"' in done.output, done.output
        platform.on("/token", Answer(400, {"error": "invalid_grant"}))
        failed = CliRunner().invoke(app, ["pull"])
        assert (failed.exit_code, "credentials" in failed.output) == (1, True)
        with pytest.raises(Exception, match="no such pull"):
            CliRunner().invoke(app, ["pull", "--source", "x"], catch_exceptions=False)


def test_what_a_run_raises_is_a_pull_error(world: World) -> None:
    google(world)
    world.platform.on("/token", Answer(401))
    with pytest.raises(PullError):
        world.puller.run(world.options("google_ads"))
