"""Running services: one per module to be shared, one of a test's own, one on either database."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog

from service.kit.log import configure_log
from tests.api.harness import Service, running


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module", autouse=True)
def _log_as_the_service_does() -> Iterator[None]:
    """structlog's own default paints tracebacks with all their variables, which takes minutes."""
    before = structlog.get_config()
    configure_log()
    yield
    structlog.configure(**before)


@pytest.fixture(scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """One service for all tests of a module: each test uses people and days of its own."""
    async with running(tmp_path_factory.mktemp("service")) as shared:
        yield shared


@pytest.fixture
async def fresh(tmp_path: Path) -> AsyncIterator[Service]:
    """A service that has seen nothing yet."""
    async with running(tmp_path) as own:
        yield own


@pytest.fixture
async def either(database_url: str, tmp_path: Path) -> AsyncIterator[Service]:
    """A service that has seen nothing yet, on SQLite and again on PostgreSQL."""
    async with running(tmp_path, database_url) as own:
        yield own
