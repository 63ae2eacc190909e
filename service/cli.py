"""The command `throughline`. Every command works beside a running service."""

import gc
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from service import loading
from service.checkup import checkup
from service.erase_command import add_erase
from service.hook_commands import create_hooks_app
from service.kit.db import is_sqlite, make_engine
from service.kit.errors import ThroughlineError
from service.kit.log import configure_log
from service.ledger.keys import create_key, list_keys, revoke_key
from service.ledger.migrate import is_current, migrate
from service.ledger.read import last_seq
from service.link_commands import create_links_app
from service.main import (
    Role,
    configuration_of,
    create_app,
    identifier_reader,
    make_mender,
    memory_mart,
    sign_in,
)
from service.pull_command import add_pull
from service.settings import Settings

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Marketing attribution, from first touch to closed deal.",
)
keys_app = typer.Typer(no_args_is_help=True, help="Keys of the senders and readers.")
app.add_typer(keys_app, name="keys")
say = Console(stderr=True)


def _now() -> datetime:
    return datetime.now(UTC)


def _settings() -> Settings:
    try:
        settings = Settings()
    except ValidationError as error:
        for problem in error.errors():
            name = f"THROUGHLINE_{'_'.join(map(str, problem['loc']))}".upper()
            say.print(f"{name}: {problem['msg'].removeprefix('Value error, ')}", soft_wrap=True)
        raise typer.Exit(2) from None
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    return settings


def _ledger(settings: Settings) -> Any:
    """The engine of a ledger that has this version's tables; on SQLite they are made here."""
    engine = make_engine(settings.ledger_url)
    if is_sqlite(settings.ledger_url):
        migrate(engine)
    elif not is_current(engine):
        say.print("The ledger's tables are not of this version. Run: throughline migrate")
        raise typer.Exit(1)
    return engine


app.add_typer(create_hooks_app(_settings, _ledger), name="hooks")
app.add_typer(create_links_app(_settings, _ledger), name="links")
add_pull(app, _settings, _ledger)
add_erase(app, _settings, _ledger)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    role: Annotated[
        Role, typer.Option(help="all, collect (facts in) or query (answers out).")
    ] = "all",
    demo_if_empty: Annotated[
        bool, typer.Option(help="Load the demo world into an empty ledger first.")
    ] = False,
) -> None:
    """Run the service; prints the dashboard's address and a one-time sign-in link."""
    import uvicorn

    configure_log()
    settings = _settings()
    changed = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = settings.model_copy(update=changed)
    engine = _ledger(settings)
    if demo_if_empty and last_seq(engine) == 0:
        _load_demo(settings, engine)
    engine.dispose()
    config = uvicorn.Config(
        create_app(settings, role),
        host=settings.host,
        port=settings.port,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
    )
    _suit_many_threads()
    if role != "collect":
        link = sign_in(settings, _now).new_link(settings.public_url, admin=True)
        say.print(f"Dashboard: {settings.public_url}/", soft_wrap=True)
        say.print(f"Sign in once, within 24 hours: {link}", soft_wrap=True)
    else:
        say.print(f"Collecting at {settings.public_url}/v1/events", soft_wrap=True)
    uvicorn.Server(config).run()


def _suit_many_threads() -> None:
    """Let the threads of this process take turns quickly.

    The writer gives the interpreter away at each statement and would then wait for it up to 5 ms,
    longer than it writes; and what was imported needs no looking through for garbage. Nor do the
    thousands of objects of one batch, which were looked through a dozen times while it was read:
    a sixth of the time that a Segment message took.
    """
    sys.setswitchinterval(0.0005)
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000)


@app.command(name="sign-in")
def sign_in_link(
    admin: Annotated[
        bool,
        typer.Option(
            help="For an administrator, who may mend refused items and publish the rules of reports."
        ),
    ] = False,
) -> None:
    """Print a new one-time sign-in link for the dashboard."""
    settings = _settings()
    typer.echo(sign_in(settings, _now).new_link(settings.public_url, admin))


@app.command(name="migrate")
def migrate_command() -> None:
    """Bring the ledger's tables to this version."""
    migrate(make_engine(_settings().ledger_url))
    say.print("The ledger is of this version.")


@app.command()
def demo() -> None:
    """Load the demo world, a believable year, into an empty ledger."""
    settings = _settings()
    _load_demo(settings, _ledger(settings))


def _load_demo(settings: Settings, engine: Any) -> None:
    with _progress() as bar:
        task = bar.add_task("Demo world", total=None)
        loaded = loading.load_demo(
            engine,
            identifier_reader(settings),
            _now(),
            lambda done, total: bar.update(task, completed=done, total=total),
        )
    say.print(f"The demo world is loaded: {loaded:,} facts.")


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=say,
    )


@keys_app.command(name="create")
def keys_create(
    name: Annotated[str, typer.Option(help="What the key is called.")],
    scope: Annotated[
        list[str], typer.Option(help="collect, facts, read, people or admin; may be repeated.")
    ],
    source: Annotated[
        str | None, typer.Option(help="The sender it belongs to; default: its name.")
    ] = None,
) -> None:
    """Make a key; prints the key, and only the key, on standard output."""
    typer.echo(create_key(_ledger(_settings()), name, scope, _now(), source)[0])


@keys_app.command(name="list")
def keys_list() -> None:
    """List keys, without their secrets."""
    table = Table("id", "name", "source", "scopes", "key", "created", "revoked")
    for key in list_keys(_ledger(_settings())):
        revoked = key["revoked_at"].isoformat(" ", "minutes") if key["revoked_at"] else ""
        table.add_row(
            str(key["id"]), key["name"], key["source"], " ".join(key["scopes"]), key["hint"],
            key["created_at"].isoformat(" ", "minutes"), revoked,
        )  # fmt: skip
    Console().print(table)


@keys_app.command(name="revoke")
def keys_revoke(
    key_id: Annotated[int, typer.Argument(help="The id that `keys list` shows.")],
) -> None:
    """End a key, at once here and within seconds in a running service."""
    revoke_key(_ledger(_settings()), key_id, _now())
    say.print(f"Key {key_id} is revoked.")


@app.command(name="import")
def import_command(
    kind: Annotated[str, typer.Argument(help="events, spend, rates, leads or deals.")],
    file: Annotated[
        Path,
        typer.Argument(
            help="CSV, TSV, NDJSON, JSON or Parquet; .gz too.", exists=True, dir_okay=False
        ),
    ],
    source: Annotated[str, typer.Option(help="The sender the facts belong to.")] = "import",
    mapping: Annotated[
        Path | None,
        typer.Option(help="Mapping file, TOML or JSON; see docs/examples.", exists=True),
    ] = None,
    field: Annotated[
        list[str] | None,
        typer.Option(
            "--map", help="One field: target=column, or target==constant; may be repeated."
        ),
    ] = None,
    timezone: Annotated[
        str | None, typer.Option(help="IANA zone of moments without an offset.")
    ] = None,
    encoding: Annotated[str, typer.Option(help="Encoding of a text file.")] = "utf-8",
    delimiter: Annotated[str | None, typer.Option(help="Delimiter; default: found out.")] = None,
    decimal: Annotated[str, typer.Option(help="Decimal sign, . or ,")] = ".",
    resume: Annotated[
        bool, typer.Option(help="Go on where the last run of this import stopped.")
    ] = False,
) -> None:
    """Import a file; prints progress, and a receipt as JSON on standard output."""
    settings = _settings()
    engine = _ledger(settings)
    options = loading.import_options(
        kind, mapping, field or [], timezone, encoding, delimiter, decimal
    )
    sender = loading.sender_for(engine, source, identifier_reader(settings), _now())
    with _progress() as bar:
        task = bar.add_task(file.name, total=file.stat().st_size)
        receipt = loading.import_into(
            engine,
            file,
            options,
            sender,
            lambda p: bar.update(task, completed=p.bytes_done, total=p.bytes_total),
            settings.data_dir / "imports",
            resume,
        )
    typer.echo(orjson.dumps(receipt, option=orjson.OPT_INDENT_2).decode())
    if receipt["rejected"]:
        say.print(
            f"{sum(receipt['rejected'].values()):,} items were refused; they are in the quarantine."
        )


@app.command()
def replay(
    source: Annotated[str | None, typer.Option(help="Of this sender.")] = None,
    code: Annotated[str | None, typer.Option(help="Refused with this code.")] = None,
    item: Annotated[
        list[int] | None, typer.Option("--id", help="This item; may be repeated.")
    ] = None,
    put: Annotated[
        list[str] | None,
        typer.Option("--set", help="path=value to put into each message; may be repeated."),
    ] = None,
    remove: Annotated[
        list[str] | None,
        typer.Option(help="Path to take out of each message; may be repeated."),
    ] = None,
) -> None:
    """Read quarantined items again, mended alike; prints what became of them as JSON.

    A value is JSON where it can be read as such (12.5, true, {"a": 1}), else text. Exits with 1 when
    items are still refused.
    """
    if not (source or code or item):
        say.print("Say which: --source, --code, --id.")
        raise typer.Exit(2)
    settings = _settings()
    mender = make_mender(settings, _ledger(settings), _now)
    with _progress() as bar:
        task = bar.add_task("Replay", total=None)
        done = loading.replay_all(
            mender, source, code, item, loading.replacements(put or []), remove or [],
            lambda items: bar.update(task, completed=items),
        )  # fmt: skip
    typer.echo(orjson.dumps(done, option=orjson.OPT_INDENT_2).decode())
    raise typer.Exit(int(done.refused > 0))


@app.command()
def doctor() -> None:
    """Check the installation; exits with 1 when something needs attention."""
    settings = _settings()
    table = Table("check", "state", "what to do")
    worst = 0
    for check in checkup(settings):
        table.add_row(check.name, "ok" if check.good else "attention", check.advice)
        worst |= not check.good
    Console().print(table)
    raise typer.Exit(int(worst))


@app.command()
def rebuild(
    engine: Annotated[str, typer.Option(help="duckdb, the engine on one machine.")] = "duckdb",
) -> None:
    """Make the mart anew from the ledger; a running service changes over by itself."""
    from service.journeys.mart import rebuild_file

    if engine != "duckdb":
        say.print("This installation rebuilds with --engine duckdb only.")
        raise typer.Exit(2)
    settings = _settings()
    watermark = rebuild_file(
        settings.mart_file,
        _ledger(settings),
        configuration_of(settings),
        settings.mart_memory,
        settings.mart_threads,
    )
    say.print(f"The mart is rebuilt up to watermark {watermark}.")


@app.command()
def export(
    table: Annotated[
        str, typer.Argument(help="touchpoints, conversions, journeys, spend or people.")
    ],
    format: Annotated[str, typer.Option("--format", help="csv or parquet.")] = "csv",
    output: Annotated[
        Path | None, typer.Option(help="File to write; default: standard output.")
    ] = None,
) -> None:
    """Write a table of the mart, made from the ledger as it stands."""
    from service.reports.export import write_table

    settings = _settings()
    mart = memory_mart(settings, _ledger(settings))
    mart.refresh()
    with mart.reading() as connection:
        rows = write_table(connection, table, format, output or Path("/dev/stdout"))
    say.print(f"{rows:,} rows of {table}.")


@app.command()
def openapi() -> None:
    """Print the OpenAPI description, and nothing else, on standard output."""
    schema = create_app(Settings()).openapi()
    sys.stdout.buffer.write(orjson.dumps(schema, option=orjson.OPT_INDENT_2) + b"\n")


def main() -> None:
    """The entry point: our own errors are one line, not a trace."""
    try:
        app()
    except ThroughlineError as error:
        say.print(f"{error.code}: {error.detail}", soft_wrap=True)
        raise SystemExit(1) from None
