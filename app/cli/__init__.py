"""The command line, `radiolucent`: one module for each command; what is done lies in `studies`, `index` and `main`.

Exit status: 0 done; 1 done, but something was refused or found wrong; 2 it could not be started as asked.
"""

from __future__ import annotations

import os
import sys

import typer

from app import __version__
from app.cli import audit, backup, imports, keys, migrate, openapi, policy, purge, reindex, serve, settings, verify, webhooks
from app.errors import DicomwebError
from app.settings import SettingsError, variable

application = typer.Typer(
    name="radiolucent",
    help="A DICOMweb server: stores, finds and returns medical images over HTTP. Settings come from RADIOLUCENT_* variables and .env; "
    "`radiolucent settings` lists them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
application.command("serve")(serve.command)
application.command("import")(imports.command)
application.command("verify")(verify.command)
application.command("purge")(purge.purge_command)
application.command("undelete")(purge.undelete_command)
application.command("backup")(backup.backup_command)
application.command("restore")(backup.restore_command)
application.command("reindex")(reindex.command)
application.command("migrate")(migrate.command)
application.add_typer(webhooks.commands, name="webhooks")
application.add_typer(audit.commands, name="audit")
application.add_typer(keys.commands, name="keys")
application.add_typer(policy.commands, name="policy")
application.command("settings")(settings.command)
application.command("openapi")(openapi.command)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"radiolucent {__version__}")
        raise typer.Exit


def _tenant(name: str) -> str:
    if name:
        os.environ[variable("tenants", "selected")] = name  # as every option: whoever reads the settings finds it
    return name


@application.callback()
def _every_command(
    tenant: str = typer.Option(
        "", "--tenant", metavar="NAME", help="Work on the archive of this tenant (tenants.names).", callback=_tenant, show_default=False
    ),
    version: bool = typer.Option(False, "--version", help="Show the version and exit.", callback=_version, is_eager=True),
) -> None:
    pass


def main() -> None:
    """Run the command line; the last word on errors is one sentence, never a traceback of something foreseen."""
    try:
        application()
    except SettingsError as error:
        typer.echo(f"radiolucent: {error}", err=True)
        sys.exit(2)
    except DicomwebError as error:
        typer.echo(f"radiolucent: {error.detail}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
