"""Every address of every format is served, with and without a slash, by its own methods alone."""

import pytest

from service.collect.formats import formats
from tests.api.harness import Service

pytestmark = pytest.mark.anyio
ADDRESSES = sorted(
    {
        (path.rstrip("/") or path, tuple(sorted(m for e in found for m in e.methods)))
        for wire in formats().values()
        for endpoint in wire.endpoints
        for path in endpoint.paths
        if "{" not in path
        for found in [
            [e for w in formats().values() for e in w.endpoints
             if path.rstrip("/") in [p.rstrip("/") for p in e.paths]]
        ]
    }
)  # fmt: skip


@pytest.mark.parametrize(("path", "methods"), ADDRESSES)
async def test_every_address(service: Service, path: str, methods: tuple[str, ...]) -> None:
    for address in (path, f"{path}/"):
        asked = await service.client.options(address, headers={"origin": "https://a.example"})
        assert asked.status_code == 204, address
        assert asked.headers["access-control-allow-origin"] == "https://a.example"
        for method in methods:
            answer = await service.client.request(method, address)
            assert answer.status_code not in (404, 405), (method, address)
        wrong = await service.client.delete(address)
        assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")
        assert set(wrong.headers["allow"].split(", ")) >= set(methods)


async def test_what_is_nowhere(service: Service) -> None:
    for address in ("/v1/batch/x", "/v1/batchx", "/V1/batch"):
        assert (await service.client.post(address, content=b"{}")).status_code == 404, address
