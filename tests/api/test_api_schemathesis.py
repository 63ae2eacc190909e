"""Requests drawn from the description itself: what it promises is what comes back."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.python.asgi import shutdown_lifespans
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from service.kit.db import make_engine
from service.ledger.hooks import create_hook
from service.ledger.keys import SCOPES, create_key
from service.ledger.migrate import migrate
from service.main import create_app
from service.settings import Settings
from tests.api.harness import NOW

CHECKS: Any = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


# The key of a hook of each address.
HOOKS: dict[str, str] = {}


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The description of an application that runs on an empty ledger, with a key that may all."""
    told = Settings(_env_file=None, data_dir=tmp_path_factory.mktemp("described"), mart_threads=1)
    engine = make_engine(told.ledger_url)
    migrate(engine)
    key, _ = create_key(engine, "website", SCOPES, NOW)
    for place, kind in (("/v1/webhooks", "webhook"), ("/postback", "postback")):
        HOOKS[place] = create_hook(engine, kind, kind, {}, NOW)[0]
    engine.dispose()
    schema = schemathesis.openapi.from_asgi("/openapi.json", create_app(told, clock=lambda: NOW))
    schema.config.update(headers={"Authorization": f"Bearer {key}"})
    yield schema
    shutdown_lifespans()


DESCRIPTION: Any = create_app(Settings(_env_file=None)).openapi()
# Not the end of keys: one of them would be the key in use.
OPERATIONS = [
    (path, method)
    for path, methods in DESCRIPTION["paths"].items()
    for method in methods
    if method != "delete"
]


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_what_is_described_is_what_happens(described: Any, path: str, method: str) -> None:
    @settings(
        max_examples=8,
        deadline=None,
        suppress_health_check=[
            HealthCheck.too_slow,
            HealthCheck.filter_too_much,
            HealthCheck.data_too_large,
        ],
    )
    @given(case=described[path][method].as_strategy())
    def check(case: schemathesis.Case) -> None:
        if path.endswith("/{hook_key}"):
            case.path_parameters["hook_key"] = HOOKS[path.removesuffix("/{hook_key}")]
        response = case.call_and_validate(checks=CHECKS)
        # An address that holds a key of its own is described with one that nobody has.
        assert "_key}" in path or response.status_code not in (401, 403)

    check()
