"""`throughline erase`: take a person out of the ledger, from the command line."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from sqlalchemy import Engine

from service.kit.errors import ThroughlineError
from service.kit.log import configure_log
from service.ledger.erasure import erase as erase_person
from service.main import identifier_reader, memory_mart
from service.reports.erasure import person_to_erase
from service.settings import Settings

AUTHOR = "command line"
say = Console(stderr=True)


def add_erase(
    app: typer.Typer, settings_of: Callable[[], Settings], ledger_of: Callable[[Settings], Engine]
) -> None:
    """Add the command, working on the ledger of the settings."""

    @app.command()
    def erase(
        identifiers: Annotated[
            list[str], typer.Argument(help="Who: email=ann@example.com, or another KIND=VALUE.")
        ],
        yes: Annotated[bool, typer.Option("--yes", help="Do not ask first.")] = False,
    ) -> None:
        """Erase a person with all that these identifiers are linked to; prints the receipt.

        Reports keep their numbers. It cannot be undone.
        """
        configure_log()
        settings = settings_of()
        engine = ledger_of(settings)
        mart = memory_mart(settings, engine)
        try:
            person = person_to_erase(mart, identifier_reader(settings), _pairs(identifiers))
            known = f"{len(person.identifiers)} identifiers belong to this person. Erase them?"
            if not yes and not typer.confirm(known, err=True):
                raise typer.Exit(1)
            receipt = erase_person(engine, person, datetime.now(UTC), AUTHOR)
        except ThroughlineError as error:
            say.print(f"{error.code}: {error.detail}", soft_wrap=True)
            raise typer.Exit(2) from None
        finally:
            mart.close()
        typer.echo(orjson.dumps(receipt).decode())


def _pairs(words: list[str]) -> dict[str, Any]:
    pairs = [word.partition("=") for word in words]
    for kind, sign, value in pairs:
        if not sign or not value:
            raise typer.BadParameter(f"write KIND=VALUE, such as email={kind}")
    return {kind: value for kind, _, value in pairs}
