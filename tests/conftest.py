"""What every test may use: Hypothesis profiles, throw-away databases, and the shared test data.

Nothing here knows the service. Sockets are open to loopback only (see `addopts` in
pyproject.toml); PostgreSQL is started once per worker and only when a test asks for it.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, settings

POSTGRES_FIXTURES = {"postgres_cluster", "postgres_url", "postgres_database", "start_postgres"}
START_TRIES = 5
START_SECONDS = 60

settings.register_profile(
    "local",
    deadline=None,
    max_examples=50,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
# The same examples every time: a red run on one machine is red on the next one too.
settings.register_profile("ci", settings.get_profile("local"), derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs PostgreSQL; keep browser tests on one worker, so that one world serves all."""
    for item in items:
        if POSTGRES_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.postgres)
        if item.get_closest_marker("browser") and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group("browser"))


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of recorded requests, published cases and public data sets."""
    named = os.environ.get("THROUGHLINE_TEST_DATA")
    if not named:
        pytest.skip("THROUGHLINE_TEST_DATA does not name the folder of the shared test data")
    folder = Path(named).resolve()
    if not folder.is_dir():
        pytest.fail(f"THROUGHLINE_TEST_DATA names {named}, which is not a folder")
    return folder


class PostgresCluster:
    """A PostgreSQL server of our own on a free loopback port, in a folder that dies with it.

    `durable` keeps fsync on, for tests that kill the server; without it a commit is fast and
    means nothing. `start` after `kill` recovers the same data on the same port.
    """

    def __init__(self, binaries: Path, durable: bool) -> None:
        self.durable = durable
        self._binaries = binaries
        self._server: subprocess.Popen[bytes] | None = None
        # PostgreSQL refuses to run as root; its own user then needs a folder that it can reach.
        self._user = "postgres" if os.geteuid() == 0 else None
        self.folder = Path(tempfile.mkdtemp(prefix="throughline-postgres-"))
        if self._user:
            account = pwd.getpwnam(self._user)
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        self._port = 0
        self._names = count(1)

    @property
    def pid(self) -> int:
        assert self._server is not None, "the server is not running"
        return self._server.pid

    def url(self, database: str = "postgres") -> str:
        """The SQLAlchemy URL of one database."""
        return f"postgresql+psycopg://postgres@127.0.0.1:{self._port}/{database}"

    def create(self) -> None:
        """Make the cluster and start it; another port is tried when one was taken meanwhile."""
        self._call(
            "initdb", "--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8",
            "--locale=C.UTF-8", f"--pgdata={self.folder / 'data'}",
        )  # fmt: skip
        for _ in range(START_TRIES):
            self._port = _free_port()
            if self.start():
                return
        pytest.fail(f"PostgreSQL did not start:\n{self._log()[-4000:]}")

    def start(self) -> bool:
        """Start the server and wait until it answers; False if it ended instead.

        Right after `kill` the old server's children may still hold its shared memory: the new one
        then refuses at once, and is started again until they are gone.
        """
        deadline = monotonic() + START_SECONDS
        while monotonic() < deadline:
            seen = len(self._log())
            if self._launch():
                return True
            if "is still in use" not in self._log()[seen:]:
                return False
        return False

    def _launch(self) -> bool:
        durability = "on" if self.durable else "off"
        options = {
            "port": str(self._port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": durability,
            "full_page_writes": durability,
            "synchronous_commit": durability,
            "max_connections": "200",
            "shared_buffers": "64MB",
        }
        with (self.folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [str(self._binaries / "postgres"), "-D", str(self.folder / "data")]
                + [part for key, value in options.items() for part in ("-c", f"{key}={value}")],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                **self._account(),
            )
        while self._server.poll() is None:
            if self._answers():
                return True
        return False

    def stop(self) -> None:
        """End the server, rolling back what is open; nothing happens if it is down."""
        if self._server is not None and self._server.poll() is None:
            self._server.send_signal(signal.SIGINT)
            try:
                self._server.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self) -> None:
        """`kill -9` the server: no shutdown, no checkpoint; its children notice and end."""
        assert self._server is not None, "the server is not running"
        self._server.kill()
        self._server.wait()

    def remove(self) -> None:
        """Stop the server and delete all that it wrote."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def fresh_database(self) -> str:
        """Create an empty database; returns its name."""
        name = f"fresh_{next(self._names)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        return name

    def drop_database(self, name: str) -> None:
        """Drop a database although somebody may still be connected."""
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def execute(self, statement: str, database: str = "postgres") -> None:
        """Run one statement outside any transaction."""
        with psycopg.connect(
            self.url(database).replace("+psycopg", ""), autocommit=True
        ) as connection:
            connection.execute(statement.encode())

    def _answers(self) -> bool:
        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def _call(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self._binaries / program), *arguments],
            capture_output=True,
            text=True,
            cwd=self.folder,
            check=False,
            **self._account(),
        )
        if done.returncode:
            pytest.fail(f"{program} failed:\n{done.stderr}")

    def _account(self) -> dict[str, Any]:
        if self._user is None:
            return {}
        account = pwd.getpwnam(self._user)
        return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}

    def _log(self) -> str:
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _postgres_binaries() -> Path:
    """The newest server binaries: Debian's folders, else what pg_config or the path names."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4])
    )
    if found:
        return found[-1].parent
    if config := shutil.which("pg_config"):
        named = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=True)
        if (Path(named.stdout.strip()) / "initdb").exists():
            return Path(named.stdout.strip())
    if initdb := shutil.which("initdb"):
        return Path(initdb).resolve().parent
    pytest.skip("PostgreSQL's server binaries are not installed (apt-get install postgresql)")


@pytest.fixture(scope="session")
def start_postgres() -> Iterator[Callable[..., PostgresCluster]]:
    """`start_postgres(durable=True)` gives a cluster of one's own, to be killed and started."""
    made: list[PostgresCluster] = []

    def start(durable: bool = False) -> PostgresCluster:
        binaries = _postgres_binaries()
        if os.geteuid() == 0 and not any(entry.pw_name == "postgres" for entry in pwd.getpwall()):
            pytest.skip("there is no user postgres, and PostgreSQL refuses to run as root")
        made.append(PostgresCluster(binaries, durable))
        made[-1].create()
        return made[-1]

    yield start
    for cluster in made:
        cluster.remove()


@pytest.fixture(scope="session")
def postgres_cluster(start_postgres: Callable[..., PostgresCluster]) -> PostgresCluster:
    """This worker's cluster, without durability; leave it running."""
    return start_postgres()


@pytest.fixture(scope="session")
def postgres_url(postgres_cluster: PostgresCluster) -> str:
    """The URL of this worker's maintenance database."""
    return postgres_cluster.url()


@pytest.fixture
def postgres_database(postgres_cluster: PostgresCluster) -> Iterator[str]:
    """The URL of an empty PostgreSQL database, dropped afterwards."""
    name = postgres_cluster.fresh_database()
    yield postgres_cluster.url(name)
    postgres_cluster.drop_database(name)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty ledger, on SQLite and again on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.sqlite3'}"
    url: str = request.getfixturevalue("postgres_database")
    return url
