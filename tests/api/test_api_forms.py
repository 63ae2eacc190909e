"""One answer in every form: JSON, CSV, Parquet, Arrow; HEAD, ETag, pages."""

import csv
import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.api.harness import Json, Service, order, touch, unique

pytestmark = pytest.mark.anyio
YEAR = {"from": "2010-01-01", "to": "2011-01-01"}
REPORTS = ("attribution", "roi", "trend", "journeys", "paths", "funnel", "spend")
TYPES = {
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "arrow": "application/vnd.apache.arrow.stream",
    "json": "application/json",
}


@pytest.fixture(scope="module", autouse=True)
async def _sales(service: Service) -> None:
    """Ten sales over campaigns with awkward names, and what they cost."""
    names = ["=1+1", "+cmd", "-2", "@x", "a,b", 'say "no"', "two\nlines", "ą\u202eż", "true", "0"]
    for number, name in enumerate(names, 1):
        who = unique("visitor")
        await service.tell(
            touch(who, "2010-03-01T10:00:00Z", "google/cpc", campaign=name),
            touch(who, "2010-03-02T10:00:00Z", "newsletter/email"),
            order(who, f"2010-03-{number + 2:02d}T10:00:00Z", f"{number}.50"),
        )
    line = {"source": "google", "medium": "cpc", "currency": "EUR"}
    await service.tell(
        *({**line, "date": f"2010-03-{day:02d}", "campaign": name, "amount": f"{day}.25"}
          for day, name in enumerate(names, 1)),
        {**line, "date": "2010-03-31", "amount": "-5.00"},
        path="/v1/spend",
    )  # fmt: skip
    await service.ask("/v1/attribution")


def cells(row: Json) -> Json:
    """A row as any of the forms has it: numbers as floats, nothing as nothing."""
    found = {}
    for name, value in row.items():
        if value in (None, "", []):
            continue
        if isinstance(value, bool):
            value = str(value).lower()
        found[name] = float(value) if isinstance(value, int | float) else value
    return found


def rows_of_csv(text: str) -> list[Json]:
    """Quoted cells are text; what is not quoted is a number. The apostrophe that disarms a formula
    is not part of the text."""
    rows = list(csv.DictReader(io.StringIO(text, newline=""), quoting=csv.QUOTE_NONNUMERIC))
    return [
        cells({k: v.removeprefix("'") if isinstance(v, str) else v for k, v in row.items()})
        for row in rows
    ]


@pytest.mark.parametrize("group_by", ["channel", "campaign", "day,channel"])
@pytest.mark.parametrize("report", REPORTS)
async def test_the_same_rows_in_every_form(service: Service, report: str, group_by: str) -> None:
    if report == "funnel" and "day" in group_by:
        group_by = "source"
    params = {**YEAR, "group_by": group_by, "min_watermark": service.watermark}
    found: dict[str, list[Json]] = {}
    for form, media_type in TYPES.items():
        by_ending = await service.client.get(
            f"/v1/{report}.{form}", params=params, headers=service.bearer("read")
        )
        accept = {"accept": media_type.partition(";")[0], **service.bearer("read")}
        by_accept = await service.client.get(f"/v1/{report}", params=params, headers=accept)
        assert by_ending.status_code == by_accept.status_code == 200
        assert by_ending.headers["content-type"] == media_type
        assert by_ending.content == by_accept.content
        if form == "csv":
            found[form] = rows_of_csv(by_ending.content.decode())
        elif form == "parquet":
            table = pq.read_table(io.BytesIO(by_ending.content))
            found[form] = [cells(row) for row in table.to_pylist()]
        elif form == "arrow":
            table = pa.ipc.open_stream(by_ending.content).read_all()
            found[form] = [cells(row) for row in table.to_pylist()]
        else:
            answer = by_ending.json()
            names = ("stages",) if report == "funnel" else ("rows", "points", "items")
            found[form] = next(answer[name] for name in names if name in answer)
    assert found["csv"] == found["parquet"] == found["arrow"]
    assert len(found["csv"]) >= len(found["json"]) > 0
    for row, table_row in zip(found["json"], found["csv"], strict=False):
        for name, value in cells(row).items():
            if isinstance(value, str | float):
                assert table_row[name] == value


async def test_nothing_in_a_table_is_a_formula(service: Service) -> None:
    response = await service.get(
        "/v1/attribution.csv", group_by="campaign", from_="2010-01-01", to="2011-01-01"
    )
    text = response.content.decode()
    for name in ("=1+1", "+cmd", "-2", "@x"):
        assert f'"\'{name}"' in text
    # Numbers stay numbers, negative ones too.
    spend = await service.get("/v1/spend.csv", from_="2010-03-31", to="2010-04-01")
    assert ",-5," in spend.content.decode()
    # The names of the columns, ten campaigns, none, and the unattributed.
    assert text.count("\r\n") == 1 + 10 + 2


async def test_tables_of_nothing(service: Service) -> None:
    for report in REPORTS:
        for form in TYPES:
            response = await service.get(
                f"/v1/{report}.{form}", from_="1999-01-01", to="1999-01-02"
            )
            assert response.status_code == 200, (report, form)


@pytest.mark.parametrize(
    "path",
    ["/v1/attribution", "/v1/roi.csv", "/v1/models", "/v1/sources", "/v1/keys", "/v1/quarantine",
     "/livez", "/v1/journeys", "/v1/spend.parquet"],
)  # fmt: skip
async def test_head_and_etag(service: Service, path: str) -> None:
    whole = await service.get(path)
    headers = service.bearer("everything")
    head = await service.client.head(path, headers=headers)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["etag"] == whole.headers["etag"]
    assert head.headers["content-type"] == whole.headers["content-type"]
    assert int(head.headers["content-length"]) > 0
    etag = whole.headers["etag"]
    for asked in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        again = await service.client.get(path, headers={**headers, "if-none-match": asked})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == etag
    other = await service.client.get(path, headers={**headers, "if-none-match": '"other"'})
    assert (other.status_code, other.content) == (200, whole.content)
    assert "Authorization" in whole.headers["vary"]


async def test_the_etag_changes_with_the_rows(fresh: Service) -> None:
    tags = []
    for amount in ("1.00", "2.00"):
        await fresh.tell(order("a-1", "2026-03-01T10:00:00Z", amount))
        await fresh.ask("/v1/attribution")
        tags.append((await fresh.get("/v1/attribution")).headers["etag"])
        assert (await fresh.get("/v1/attribution")).headers["etag"] == tags[-1]
    assert tags[0] != tags[1]


async def test_large_answers_are_packed_when_asked(service: Service) -> None:
    headers = {**service.bearer("read"), "accept-encoding": "gzip"}
    packed = await service.client.get("/v1/models", headers=headers)
    plain = await service.client.get(
        "/v1/models", headers={**service.bearer("read"), "accept-encoding": "identity"}
    )
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.json() == plain.json()


@pytest.mark.parametrize(
    ("report", "name"), [("journeys", "items"), ("paths", "rows"), ("spend", "items")]
)
@pytest.mark.parametrize("limit", [1, 3, 1000])
async def test_pages_make_the_whole(service: Service, report: str, name: str, limit: int) -> None:
    query = {"from_": "2010-01-01", "to": "2011-01-01"}
    whole = (await service.ask(f"/v1/{report}", limit=1000, **query))[name]
    assert len(whole) > (0 if report == "paths" else 3)
    found: list[Any] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await service.ask(f"/v1/{report}", limit=limit, cursor=cursor, **query)
        assert len(page[name]) <= limit
        found += page[name]
        cursor = page["next"]
    assert found == whole


async def test_the_same_question_gives_the_same_bytes(service: Service) -> None:
    service.parts.desk.forget()
    first = await service.get("/v1/roi", from_="2010-01-01", to="2011-01-01", group_by="campaign")
    service.parts.desk.forget()
    again = await service.get("/v1/roi", group_by="campaign", to="2011-01-01", from_="2010-01-01")
    assert first.content == again.content
