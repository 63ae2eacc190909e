"""`throughline hooks`: addresses for CRMs' webhooks and networks' postbacks, from the command line."""

import tomllib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine

from service.collect.hooks import (
    HIDDEN,
    address_of,
    renewed,
    secrets_of,
    without_secrets,
)
from service.kit.errors import Refusal
from service.ledger.hooks import create_hook, end_hook, find_hook, list_hooks, set_options
from service.settings import Settings

OptionsFile = Annotated[
    Path | None,
    typer.Option("--options", help="What the sender's words mean: TOML or JSON.", exists=True),
]
Secret = Annotated[
    str | None, typer.Option(help="Signs the sender's requests, where the kind has signatures.")
]
AUTHOR = "command line"


SettingsOf = Callable[[], Settings]
LedgerOf = Callable[[Settings], Engine]
say = Console(stderr=True)


def create_hooks_app(settings_of: SettingsOf, ledger_of: LedgerOf) -> typer.Typer:
    """The commands, working on the ledger of the settings."""
    app = typer.Typer(no_args_is_help=True, help="Addresses for webhooks and postbacks.")
    _add_create(app, settings_of, ledger_of)
    _add_list(app, settings_of, ledger_of)
    _add_changes(app, settings_of, ledger_of)
    return app


def _add_create(app: typer.Typer, settings_of: SettingsOf, ledger_of: LedgerOf) -> None:

    @app.command(name="create")
    def create(
        kind: Annotated[str, typer.Option(help="Who posts: webhook, hubspot, postback …")],
        source: Annotated[str, typer.Option(help="The sender that the facts belong to.")],
        options: OptionsFile = None,
        secret: Secret = None,
    ) -> None:
        """Make a hook; prints its address, and only the address, on standard output."""
        settings = settings_of()
        said = renewed(kind, read_options(options, secret), {})
        key, hook_id = create_hook(
            ledger_of(settings), kind, source, said, datetime.now(UTC), AUTHOR
        )
        typer.echo(address_of(kind, key, settings.public_url))
        say.print(f"Hook {hook_id} is made. The address is shown this once; keep it secret.")


def _add_list(app: typer.Typer, settings_of: SettingsOf, ledger_of: LedgerOf) -> None:
    @app.command(name="list")
    def listed() -> None:
        """List hooks, without their secrets."""
        table = Table("id", "kind", "source", "key", "version", "options", "created", "ended")
        for hook in list_hooks(ledger_of(settings_of())):
            shown = without_secrets(hook["kind"], hook["options"])
            ended = hook["revoked_at"].isoformat(" ", "minutes") if hook["revoked_at"] else ""
            table.add_row(
                str(hook["id"]), hook["kind"], hook["source"], hook["hint"], str(hook["version"]),
                orjson.dumps(shown).decode(), hook["created_at"].isoformat(" ", "minutes"), ended,
            )  # fmt: skip
        Console().print(table)


def _add_changes(app: typer.Typer, settings_of: SettingsOf, ledger_of: LedgerOf) -> None:
    @app.command(name="set")
    def change(
        hook_id: Annotated[int, typer.Argument(help="The id that `hooks list` shows.")],
        options: OptionsFile = None,
        secret: Secret = None,
    ) -> None:
        """Give a hook new options in place of those it had; a running service takes them within
        seconds. A secret that is not named stays."""
        engine = ledger_of(settings_of())
        hook = find_hook(engine, hook_id)
        given = read_options(options, secret)
        if options is None:
            given = {**hook["options"], **given}
        unsaid = {name: HIDDEN for name in secrets_of(hook["kind"]) if hook["options"].get(name)}
        said = renewed(hook["kind"], {**unsaid, **given}, hook["options"])
        version = set_options(engine, hook_id, said, datetime.now(UTC), AUTHOR)
        say.print(f"Hook {hook_id} has options of version {version}.")

    @app.command(name="end")
    def end(
        hook_id: Annotated[int, typer.Argument(help="The id that `hooks list` shows.")],
    ) -> None:
        """End a hook, at once here and within seconds in a running service; what it brought stays."""
        end_hook(ledger_of(settings_of()), hook_id, datetime.now(UTC))
        say.print(f"Hook {hook_id} is ended.")


def read_options(file: Path | None, secret: str | None) -> dict[str, Any]:
    """The options of a TOML or JSON file, and the secret beside it. Raises Refusal."""
    told: Any = {}
    if file is not None:
        text = file.read_text("utf-8")
        try:
            told = orjson.loads(text) if file.suffix == ".json" else tomllib.loads(text)
        except (orjson.JSONDecodeError, tomllib.TOMLDecodeError) as error:
            raise Refusal(
                "bad_options", "options", f"{file.name} cannot be read: {error}"
            ) from None
    if not isinstance(told, dict):
        raise Refusal("bad_options", "options", f"{file} holds no table of options")
    return {**told, **({"secret": secret} if secret is not None else {})}
