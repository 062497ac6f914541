"""`radiolucent audit verify | show | export`: the audit trail, checked, read, and carried elsewhere."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from inspect import Parameter, Signature, signature
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from app.audit import questions, trail
from app.audit.dicom_message import Site, message
from app.audit.events import aggregated
from app.audit.fhir import resource
from app.audit.keys import Keys, key_name, open_keys, read_public
from app.audit.sinks import heads_path
from app.audit.verify import Report, verify
from app.cli.intake import CALLER
from app.cli.options import ExistingDataDir, settings_for
from app.errors import BadRequest
from app.main import build_archive
from app.model import Action
from app.records import Question, Record
from app.settings import Settings, SettingsError
from app.studies.review import review_all, whom

PORTION = 20_000
"""Records that are made into events at a time."""

commands = typer.Typer(help="The audit trail: whether it is whole, and what it tells.", no_args_is_help=True)

FILTERS: dict[str, Any] = {
    "patient": Annotated[str, typer.Option("--patient", metavar="ID", help="On this patient; his PatientID.")],
    "issuer": Annotated[str, typer.Option("--issuer", metavar="NAME", help="Who issued that id (IssuerOfPatientID); none, if not given.")],
    "study": Annotated[str, typer.Option("--study", metavar="UID", help="On this study.")],
    "subject": Annotated[str, typer.Option("--subject", help="By this user, service or key's owner.")],
    "action": Annotated[str, typer.Option("--action", help=", ".join(action.value for action in Action))],
    "outcome": Annotated[
        str, typer.Option("--outcome", help="success, NotModified, or the name of an error: Unauthorized, Forbidden, NotFound …")
    ],
    "since": Annotated[
        str, typer.Option("--since", metavar="TIME", help="From then on: 2026-01-31, 2026-01-31T08:00 (UTC), …T08:00+01:00.")
    ],
    "until": Annotated[str, typer.Option("--until", metavar="TIME", help="Before then.")],
}


def asking(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose `question` is made of the filters: its options are read from its signature, which gets them here."""
    own = [each for each in signature(command, eval_str=True).parameters.values() if each.name != "question"]
    filters = [Parameter(name, Parameter.KEYWORD_ONLY, default="", annotation=option) for name, option in FILTERS.items()]

    def asked(**given: Any) -> None:
        told = {name: given.pop(name) for name in FILTERS}
        command(question=_question(**told), **given)

    asked.__doc__ = command.__doc__
    asked.__signature__ = Signature([*(each.replace(kind=Parameter.KEYWORD_ONLY) for each in own), *filters])  # type: ignore[attr-defined]
    asked.__annotations__ = {each.name: each.annotation for each in (*own, *filters)}
    return asked


@commands.command("verify")
def verify_command(
    data: ExistingDataDir = None,
    key: Annotated[
        list[Path] | None, typer.Option("--public-key", metavar="FILE", exists=True, help="Keys that signed; as a rule the trail's own.")
    ] = None,
    heads: Annotated[
        Path | None,
        typer.Option("--heads", metavar="FILE", exists=True, help="Heads from elsewhere, in the place of those beside the trail."),
    ] = None,
    kept_since: Annotated[
        str, typer.Option("--kept-since", metavar="TIME", help="What is older may be gone, as your retention has it.")
    ] = "",
) -> None:
    """Find records that were edited, removed, put elsewhere or made up, and an end that was cut off. Exits with 1 if there is any."""
    settings = settings_for(data)
    path = settings.audit_path
    report = Report()
    publics = [read_public(file) for file in key] if key else [_keys(settings).public]
    signed = heads or heads_path(path)
    lines = (line for file in trail.files(path) for line in trail.lines(file))
    found = 0
    for finding in verify(
        lines,
        signed.read_bytes().splitlines(keepends=True) if signed.exists() else [],
        {key_name(public): public for public in publics},
        report,
        _time(kept_since),
    ):
        found += 1
        typer.echo(f"{finding.kind:9} {finding.where}: {finding.sentence}")
    for note in report.notes:
        typer.echo(f"note: {note}")
    typer.echo(
        f"{report.records} records of {report.writers} writers, {report.heads} signed heads: " + (f"{found} findings" if found else "whole")
    )
    if found:
        raise typer.Exit(1)


@commands.command("show")
@asking
def show_command(question: Question, data: ExistingDataDir = None) -> None:
    """Who has done what on whom, when and why, also from rotated files. Looking is on record as well."""
    for record in _asked(settings_for(data), question, "show"):
        typer.echo(line(record))


class Format(StrEnum):
    """How records are carried elsewhere."""

    DICOM = "dicom"
    FHIR = "fhir"
    JSON = "json"


@commands.command("export")
@asking
def export_command(
    question: Question,
    data: ExistingDataDir = None,
    form: Annotated[
        Format,
        typer.Option(
            "--format", help="dicom: audit messages of PS3.15 A.5; fhir: R4 AuditEvents; json: the records themselves. One a line."
        ),
    ] = Format.DICOM,
    each: Annotated[bool, typer.Option("--each", help="An event for each record, not one for a minute's requests on a study.")] = False,
) -> None:
    """What is asked for as `show` does, in a form that others read. It is on record as well."""
    settings = settings_for(data)
    for portion in _portions(_asked(settings, question, "export"), 1 if each else PORTION):
        for text in exported(portion, form, Site(settings.audit.source, settings.audit.site)):
            typer.echo(text)


def exported(records: Sequence[Mapping[str, Any]], form: Format, site: Site) -> Iterator[str]:
    """A line for each."""
    if form is Format.JSON:
        yield from (json.dumps(record, separators=(",", ":")) for record in records)
        return
    for event in aggregated(records):
        if form is Format.DICOM:
            yield message(event, site).decode()
        else:
            yield json.dumps(resource(event, site), separators=(",", ":"))


def _portions(records: Iterable[Mapping[str, Any]], most: int) -> Iterator[list[Mapping[str, Any]]]:
    """Bounds memory; what falls apart at the border of two portions becomes two events."""
    source = iter(records)
    while portion := list(islice(source, most)):
        yield portion


def _question(patient: str, issuer: str, study: str, subject: str, action: str, outcome: str, since: str, until: str) -> Question:
    try:
        return Question(whom(patient, issuer), study, subject, action, outcome, _time(since), _time(until))
    except BadRequest:
        raise SettingsError("--patient: this is no PatientID") from None


def _asked(settings: Settings, question: Question, command: str) -> Iterator[Record]:
    """The records that are asked for, once it is on record that they are."""

    async def asked() -> Iterator[Record]:
        async with build_archive(settings) as archive:
            return await review_all(archive, CALLER, question, command=command)

    return asyncio.run(asked())


def line(record: Mapping[str, Any]) -> str:
    """One record for people: time, who, from where, what, on what, how it ended, why."""
    who = record["subject"] or "?"
    who += f" ({record['issuer']})" if record.get("issuer") else ""
    place = "/".join(record[name] for name in ("study", "series", "instance") if record.get(name))
    reasons = [name for key in ("purposes", "roles") for name in record.get(key, ())]
    detail = {name: value for name, value in record.get("detail", {}).items() if value not in (None, "", [])}
    parts = [record["time"], who, record.get("address") or "-", record["action"], place or "-", record["outcome"]]
    parts += [f"for {','.join(reasons)}"] if reasons else []
    parts += [f"of {record['organisation']}"] if record.get("organisation") else []
    return "  ".join([*map(_plain, parts), *([json.dumps(detail)] if detail else [])])


def _plain(text: str) -> str:
    """Without what could move a terminal's cursor: subjects come from elsewhere."""
    return "".join(character if character.isprintable() else "?" for character in text)


def _keys(settings: Settings) -> Keys:
    return open_keys(settings.audit_key)


def _time(text: str, read: Callable[[str], str] = questions.time_of) -> str:
    try:
        return read(text) if text else ""
    except ValueError:
        raise SettingsError("Write times like 2026-01-31 or 2026-01-31T08:00+01:00") from None
