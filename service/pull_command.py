"""`throughline pull`: ask the ad platforms now, from the command line."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console

from service import loading
from service.collect.pulls.asking import PullError
from service.collect.pulls.configured import load_pulls
from service.collect.pulls.run import Puller
from service.kit.log import configure_log
from service.ledger.append import append
from service.main import identifier_reader
from service.settings import Settings

say = Console(stderr=True)


def add_pull(
    app: typer.Typer, settings_of: Callable[[], Settings], ledger_of: Callable[[Settings], Any]
) -> None:
    """Add the command, working on the ledger of the settings."""

    @app.command()
    def pull(
        source: Annotated[str | None, typer.Option(help="Only the pull of this source.")] = None,
        since: Annotated[
            datetime | None,
            typer.Option(formats=["%Y-%m-%d"], help="First day to ask for; default: as scheduled."),
        ] = None,
    ) -> None:
        """Ask the ad platforms of the pulls file now what they cost; prints a receipt a line."""
        configure_log()
        settings = settings_of()
        engine = ledger_of(settings)
        puller = Puller(
            engine,
            identifier_reader(settings),
            lambda batch: append(engine, [batch])[0],
            lambda: datetime.now(UTC),
            max_event_bytes=settings.max_event_bytes,
            allow_private=settings.allow_private_addresses,
        )
        failed = False
        day = since.date() if since else None
        for options, found in loading.pull_now(
            puller, load_pulls(settings.pulls_file), source, day
        ):
            if isinstance(found, PullError):
                failed = True
                say.print(f"{options.source}: {found.code}: {found.detail}", soft_wrap=True)
            else:
                typer.echo(orjson.dumps({"source": options.source, **found}).decode())
        raise typer.Exit(int(failed))
