"""The description of the API: committed, valid, with an example for everything, and true."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from service.cli import openapi
from service.main import create_app
from service.settings import Settings
from tests.api.harness import EVERYTHING, Json, Service

pytestmark = pytest.mark.anyio
COMMITTED = Path(__file__).parents[2] / "openapi" / "openapi.json"
DESCRIPTION: Any = create_app(Settings(_env_file=None)).openapi()
OPERATIONS = [
    pytest.param(path, method, id=f"{method}-{path}")
    for path, methods in DESCRIPTION["paths"].items()
    for method in methods
]
REPORTS = ("attribution", "roi", "trend", "journeys", "paths", "funnel", "spend")
MARCH = {"from_": "2026-03-01", "to": "2026-04-01", "model": "linear"}


def test_it_is_committed_as_it_is(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """`make openapi` writes it anew; this test never does."""
    openapi()
    assert COMMITTED.read_bytes() == capsysbinary.readouterr().out


def test_it_does_not_depend_on_the_deployment(tmp_path: Path) -> None:
    other = Settings(_env_file=None, data_dir=tmp_path, currency="PLN", port=1, own_hosts="a.b")
    assert create_app(other).openapi() == DESCRIPTION


def test_it_is_openapi_3_1() -> None:
    from schemathesis.specs.openapi.definitions import OPENAPI_31

    assert DESCRIPTION["openapi"].startswith("3.1")
    assert [
        f"{'/'.join(map(str, error.instance_path))}: {error.message}"
        for error in jsonschema_rs.validator_for(OPENAPI_31).iter_errors(DESCRIPTION)
    ] == []


def validator(schema: Any) -> Any:
    return jsonschema_rs.Draft202012Validator({**schema, "components": DESCRIPTION["components"]})


def faults(schema: Any, value: Any) -> list[str]:
    return [
        f"{'/'.join(map(str, e.instance_path))}: {e.message}"
        for e in validator(schema).iter_errors(value)
    ]


def contents(operation: Any) -> Iterator[tuple[str, str, Any]]:
    """Every body of an operation: where it stands, its media type, its description."""
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        yield "request", media_type, content
    for status, response in operation["responses"].items():
        for media_type, content in response.get("content", {}).items():
            yield status, media_type, content


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_everything_is_said(path: str, method: str) -> None:
    operation = DESCRIPTION["paths"][path][method]
    for name in ("summary", "description", "operationId"):
        assert operation[name], name
    assert len(operation["tags"]) == 1
    for parameter in operation.get("parameters", []):
        assert parameter["description"], parameter["name"]
        assert "example" in parameter or parameter["schema"]["examples"], parameter["name"]
    assert all(response["description"] for response in operation["responses"].values())


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_body_has_an_example_that_fits(path: str, method: str) -> None:
    operation = DESCRIPTION["paths"][path][method]
    found = list(contents(operation))
    statuses = {status for status, _, _ in found}
    elsewhere = {"302", "204"} & set(operation["responses"])
    assert method == "delete" or elsewhere or statuses & {"200", "201", "202"}
    assert method != "post" or "request" in statuses or path in WITHOUT_BODY
    for status, media_type, content in found:
        if content["schema"].get("format") == "binary":
            continue
        assert "example" in content, (status, media_type)
        assert faults(content["schema"], content["example"]) == [], (status, media_type)
        if media_type == "application/problem+json":
            assert content["example"]["status"] == int(status)


def test_names_are_unique() -> None:
    ids = [op["operationId"] for m in DESCRIPTION["paths"].values() for op in m.values()]
    assert len(ids) == len(set(ids))
    known = {tag["name"] for tag in DESCRIPTION["tags"]}
    assert {
        t for m in DESCRIPTION["paths"].values() for op in m.values() for t in op["tags"]
    } == known


# The address says all there is to say.
WITHOUT_BODY = {"/v1/exports/{name}/push", "/v1/quarantine/{item_id}/dismiss"}

# The examples are one small world: what is posted in them gives the answers in them.


def example(path: str, method: str = "get", status: str = "200") -> Any:
    responses = DESCRIPTION["paths"][path][method]["responses"]
    return responses[status]["content"]["application/json"]["example"]


def body(path: str, media_type: str = "application/json") -> Any:
    return DESCRIPTION["paths"][path]["post"]["requestBody"]["content"][media_type]["example"]


def keys(value: Any) -> Any:
    """The names in a value, of lists those of the first element; values left out."""
    if isinstance(value, dict):
        return {name: keys(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [keys(value[0])] if value else []
    return None


@pytest.fixture(scope="module")
async def world(service: Service) -> Service:
    """A service to which the examples were posted."""
    receipt = await service.tell(*body("/v1/events"))
    assert keys(receipt) == keys(example("/v1/events", "post", "202"))
    await service.tell(*body("/v1/spend"), path="/v1/spend")
    await service.tell(*body("/v1/rates"), path="/v1/rates")
    refused = await service.post([{"id": "evt-9"}])
    assert keys(refused.json()) == keys(example("/v1/events", "post", "422"))
    return service


@pytest.mark.parametrize("name", REPORTS)
async def test_a_report_answers_as_its_example(world: Service, name: str) -> None:
    shown, answer = example(f"/v1/{name}"), await world.ask(f"/v1/{name}", **MARCH)
    assert keys(answer) == keys(shown)
    for part in ("rows", "points", "unattributed", "totals"):
        if part in shown:
            assert answer[part] == shown[part]


@pytest.mark.parametrize("path", ["/v1/journeys/{}", "/v1/conversions/{}/explain"])
async def test_a_conversion_answers_as_its_example(world: Service, path: str) -> None:
    answer = await world.ask(path.format("won:order:O1"), model="linear")
    assert keys(answer) == keys(example(path.format("{conversion_id}")))


async def test_the_others_answer_as_their_examples(world: Service) -> None:
    journey = await world.ask("/v1/journeys/won:order:O1")
    person_id = journey["conversion"]["person_id"]
    asked = {
        "/v1/people/{person_id}": await world.ask(f"/v1/people/{person_id}"),
        "/v1/models": await world.ask("/v1/models"),
        "/v1/quarantine": await world.ask("/v1/quarantine"),
        "/v1/keys": await world.ask("/v1/keys"),
        "/readyz": await world.ask("/readyz"),
        "/livez": await world.ask("/livez"),
    }
    asked["/v1/models"]["models"] = [
        m for m in asked["/v1/models"]["models"] if m["name"] == "linear"
    ]
    # Nothing is published here; what presets look like is told by the example alone.
    assert asked["/v1/models"]["settings"].pop("model_presets") == []
    asked["/v1/models"]["settings"]["model_presets"] = example("/v1/models")["settings"][
        "model_presets"
    ]
    for path, answer in asked.items():
        assert keys(answer) == keys(example(path)), path
    sources = (await world.ask("/v1/sources"))["items"]
    assert keys(next(s for s in sources if s["name"] == "website"))["outcomes"].keys() >= {
        "accepted"
    }
    made = await world.post(body("/v1/keys"), "/v1/keys")
    assert keys(made.json()) == keys(example("/v1/keys", "post", "201"))


@pytest.mark.parametrize("path", ["/v1/events", "/v1/spend", "/v1/rates"])
async def test_the_other_forms_of_a_body_say_the_same(world: Service, path: str) -> None:
    for media_type in DESCRIPTION["paths"][path]["post"]["requestBody"]["content"]:
        if media_type != "application/json":
            raw = body(path, media_type).encode()
            response = await world.post(raw, path, content_type=media_type)
            assert response.json()["rejected"] == [], response.text
            assert response.json()["duplicates"] == len(body(path))


@pytest.mark.parametrize("name", ["attribution", "roi"])
@pytest.mark.parametrize("model", ["linear", "incremental:half_life=1h"])
async def test_intervals_fit_their_schemas(world: Service, name: str, model: str) -> None:
    asked = {**MARCH, "model": model, "intervals": "true"}
    content = DESCRIPTION["paths"][f"/v1/{name}"]["get"]["responses"]["200"]["content"]
    schema: Json = content["application/json"]["schema"]
    answer = await world.ask(f"/v1/{name}", **asked)
    assert faults(schema, answer) == []
    entry = schema["properties"]["incremental"]["items"]["properties"]
    parts = (entry["rows"]["items"], entry["baseline"])
    for brought in answer["incremental"]:
        for cells, part in zip((brought["rows"], [brought["baseline"]]), parts, strict=True):
            for cell in cells:
                assert (
                    cell["interval"].keys() == part["properties"]["interval"]["properties"].keys()
                )
    assert ("incremental" in model) == bool(answer["incremental"])


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"model": "first_touch,time_decay:half_life=3d"},
        {"model": "incremental:half_life=1h"},
        {"group_by": "campaign,day"},
        {"group_by": "landing_page", "filter_channel": "paid_search"},
        {"basis": "touch", "conversion": "lead", "currency": "KZT"},
        {"from_": "1999-01-01", "to": "1999-01-02"},
    ],
    ids=["plain", "two_models", "incremental", "by_day", "filtered", "in_tenge", "nothing"],
)
async def test_answers_fit_their_schemas(world: Service, more: Json) -> None:
    for name in REPORTS:
        asked = {**MARCH, **more}
        if name == "funnel" and "day" in asked.get("group_by", ""):
            continue
        if name in ("paths", "spend", "journeys") and "filter_channel" in asked and name == "paths":
            continue
        content = DESCRIPTION["paths"][f"/v1/{name}"]["get"]["responses"]["200"]["content"]
        answer = await world.ask(f"/v1/{name}", key=EVERYTHING, **asked)
        assert faults(content["application/json"]["schema"], answer) == [], name
