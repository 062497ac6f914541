"""`radiolucent policy check | explain`: whether a policy file can be used, and why a caller may or may not."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from app.access import policy_file
from app.access.certificates import KIND as CERTIFICATE
from app.access.claims import KIND as TOKEN
from app.access.keys import KIND as KEY
from app.access.policy import explain
from app.access.policy_file import PolicyError
from app.access.rules import RuleBook
from app.cli.options import DataDir, settings_for
from app.dicom import uid
from app.door import open_book
from app.errors import DicomwebError
from app.index import open_index
from app.model import Access, Action, Caller, Selection, Uid
from app.reasons import Explanation
from app.settings import Settings, load_settings
from app.studies.explaining import OfStudy, of_study

commands = typer.Typer(help="Who may do what: look at a policy file, and ask it.", no_args_is_help=True)
File = Annotated[Path | None, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="Else the one in access.policy.")]


@commands.command("check")
def check_command(file: File = None) -> None:
    """Read a policy file as the server would: says what is in it, or what is wrong with it. Exits with 1 if it cannot be used."""
    book = _book(load_settings(), file)
    if book is None:
        raise typer.BadParameter("name a FILE, or set RADIOLUCENT_ACCESS__POLICY")
    for rule in book.rules:
        actions = ", ".join(sorted(action.value for action in rule.actions)) or "everything"
        studies = " or ".join(_selected(selection) for selection in rule.studies) or "every study"
        typer.echo(f"{'permits' if rule.permits else 'denies '}  {rule.name}: {actions}; {studies}")
    typer.echo(f"{len(book.rules)} rules, {len(book.roles)} roles, {len(book.bearers)} certificates: the file can be used")


@commands.command("explain")
def explain_command(
    action: Annotated[str, typer.Argument(metavar="ACTION", help="search, retrieve, store, update, delete, administer or review.")],
    file: Annotated[Path | None, typer.Option("--policy", exists=True, dir_okay=False, help="A policy file, else access.policy.")] = None,
    data: DataDir = None,
    subject: Annotated[str, typer.Option("--subject", help="Who asks.")] = "somebody",
    kind: Annotated[str, typer.Option("--kind", help="token, key or certificate.")] = TOKEN,
    issuer: Annotated[str, typer.Option("--issuer", help="Who vouches for him.")] = "",
    role: Annotated[list[str] | None, typer.Option("--role", help="A role of his, more than once for more.")] = None,
    scope: Annotated[list[str] | None, typer.Option("--scope", help="A scope of his credential, more than once for more.")] = None,
    organisation: Annotated[str, typer.Option("--organisation", help="His organisation.")] = "",
    purpose: Annotated[list[str] | None, typer.Option("--purpose", help="A purpose of use, more than once for more.")] = None,
    patient: Annotated[str, typer.Option("--patient", help="Patient ID in whose context he was launched.")] = "",
    patient_issuer: Annotated[str, typer.Option("--patient-issuer", help="Issuer of that Patient ID.")] = "",
    address: Annotated[str, typer.Option("--address", help="From where he asks.")] = "127.0.0.1",
    at: Annotated[str, typer.Option("--at", help="When: 2026-01-31T08:15+01:00; else now.")] = "",
    study: Annotated[str, typer.Option("--study", help="A Study Instance UID in the archive: may he see this one?")] = "",
) -> None:
    """Tell what a caller may, and which rule says so. Exits with 1 if he may not."""
    if action not in {each.value for each in Action}:
        raise typer.BadParameter("ACTION has to be search, retrieve, store, update, delete, administer or review")
    if kind not in (TOKEN, KEY, CERTIFICATE):
        raise typer.BadParameter("--kind has to be token, key or certificate")
    caller = Caller(
        subject,
        kind,
        address,
        issuer=issuer,
        organisation=organisation,
        scopes=frozenset(scope or ()),
        roles=frozenset(role or ()),
        purposes=frozenset(purpose or ()),
        patient=(patient_issuer, patient) if patient else None,
    )
    settings = settings_for(data)
    if not _explain(_book(settings, file), caller, Action(action), _moment(at), settings, study):
        raise typer.Exit(1)


def _explain(book: RuleBook | None, caller: Caller, action: Action, now: float, settings: Settings, study: str) -> bool:
    told = explain(book, caller, action, now)
    typer.echo("scopes      " + (" ".join(told.scopes) or "none"))
    for verdict in told.verdicts:
        effect = ("permits" if verdict.permits else "denies") if verdict.applies else f"is silent: {verdict.why}"
        typer.echo(f"rule        {verdict.rule}: {effect}")
    if told.access is None:
        typer.echo(f"answer      no: {told.refusal}")
        return False
    for line in _lines(told.access):
        typer.echo(line)
    found = asyncio.run(_of_study(settings, action, told, uid.parse(study))) if study else None
    if found is None:
        typer.echo("answer      yes")
        return True
    for rule in found.rules:
        typer.echo(f"selects it  {rule}")
    typer.echo(f"answer      {'yes' if found.covered else 'no'}, " + ("for this study" if found.there else "for there is no such study"))
    return found.covered


async def _of_study(settings: Settings, action: Action, told: Explanation, study: Uid) -> OfStudy | None:
    index = open_index(settings.database_url)
    try:
        return await of_study(index, action, told, study)
    finally:
        await index.close()


def _lines(access: Access) -> list[str]:
    if access.permitted is None:
        found = ["permitted   every study"]
    else:
        found = [f"permitted   {_selected(selection)}" for selection in access.permitted]
    found += [f"only within {_selected(selection)}" for selection in access.within]
    return found + [f"denied      {_selected(selection)}" for selection in access.denied]


def _selected(selection: Selection) -> str:
    return " and ".join(f"{name}={value}" for name, value in selection.terms)


def _book(settings: Settings, file: Path | None) -> RuleBook | None:
    if file is None:
        return open_book(settings)()
    try:
        return policy_file.read(file.read_text(encoding="utf-8"), settings.search.keys)
    except (OSError, UnicodeDecodeError):
        raise typer.BadParameter(f"{file} cannot be read") from None
    except PolicyError as error:
        raise UnusableError(f"{file}: {error}") from None


class UnusableError(DicomwebError):
    """A policy file that cannot be used: said in one sentence, exit status 1."""


def _moment(text: str) -> float:
    if not text:
        return time.time()
    try:
        return datetime.fromisoformat(text).astimezone().timestamp()
    except ValueError:
        raise typer.BadParameter("--at has to be such as 2026-01-31T08:15+01:00") from None
