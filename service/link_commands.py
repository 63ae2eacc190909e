"""`throughline links`: addresses that count their clicks, from the command line."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine

from service.collect.links import read_link
from service.ledger.links import create_link, end_link, list_links
from service.settings import Settings

AUTHOR = "command line"
Said = Annotated[str | None, typer.Option()]


def create_links_app(
    settings_of: Callable[[], Settings], ledger_of: Callable[[Settings], Engine]
) -> typer.Typer:
    """The commands, working on the ledger of the settings."""
    app = typer.Typer(no_args_is_help=True, help="Links, QR and offline codes that count clicks.")

    @app.command(name="add")
    def add(
        target: Annotated[str, typer.Argument(help="Where clicks are sent: https://…")],
        code: Annotated[
            str | None, typer.Option(help="What stands after /r/; default: made here.")
        ] = None,
        sender: Annotated[
            str, typer.Option(help="The source of facts that the clicks belong to.")
        ] = "links",
        source: Said = None,
        medium: Said = None,
        campaign: Said = None,
        campaign_id: Said = None,
        content: Said = None,
        term: Said = None,
        channel: Annotated[
            str | None, typer.Option(help="Goes before the channel rules; for posters and print.")
        ] = None,
        carry_click: Annotated[
            bool, typer.Option(help="Tell the target's snippet which click it was.")
        ] = False,
    ) -> None:
        """Register a link; prints its address, and only that, on standard output."""
        given = {
            "target": target, "code": code, "sender": sender, "source": source,
            "medium": medium, "campaign": campaign, "campaign_id": campaign_id,
            "content": content, "term": term, "channel": channel, "carry_click": carry_click,
        }  # fmt: skip
        settings = settings_of()
        made, link = read_link(given)
        now = datetime.now(UTC)
        create_link(ledger_of(settings), made, link.model_dump(), now, AUTHOR)
        typer.echo(f"{settings.public_url}/r/{made}")

    @app.command(name="list")
    def show() -> None:
        """List the links and where they lead."""
        table = Table("code", "target", "sender", "source", "medium", "campaign", "registered")
        for link in list_links(ledger_of(settings_of())):
            names = ("code", "target", "sender", "source", "medium", "campaign", "created_at")
            table.add_row(*(link[name] or "" for name in names))
        Console().print(table)

    @app.command(name="remove")
    def remove(code: Annotated[str, typer.Argument(help="What stands after /r/.")]) -> None:
        """End a link, at once here and within seconds in a running service."""
        end_link(ledger_of(settings_of()), code, datetime.now(UTC), AUTHOR)
        Console(stderr=True).print(f"The link {code} has ended.")

    return app
