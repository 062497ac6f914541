"""`radiolucent audit verify | show | export`: the audit trail, checked, read, and carried elsewhere."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from app.audit import questions, trail
from app.audit.dicom_message import Site, message
from app.audit.events import aggregated
from app.audit.fhir import resource
from app.audit.keys import Keys, key_name, open_keys, read_public
from app.audit.questions import Question
from app.audit.sinks import heads_path
from app.audit.verify import Report, verify
from app.cli.intake import CALLER
from app.cli.options import ExistingDataDir, settings_for
from app.dicomweb.who import named
from app.main import build_archive
from app.model import Action, Target
from app.settings import Settings, SettingsError
from app.studies.audited import audited

PORTION = 20_000
"""Records that are made into events at a time."""

commands = typer.Typer(help="The audit trail: whether it is whole, and what it tells.", no_args_is_help=True)

PatientOption = Annotated[str, typer.Option("--patient", metavar="ID", help="On this patient; his PatientID.")]
IssuerOption = Annotated[str, typer.Option("--issuer", metavar="NAME", help="Who issued that id (IssuerOfPatientID); none, if not given.")]
StudyOption = Annotated[str, typer.Option("--study", metavar="UID", help="On this study.")]
SubjectOption = Annotated[str, typer.Option("--subject", help="By this user, service or key's owner.")]
ActionOption = Annotated[str, typer.Option("--action", help=", ".join(action.value for action in Action))]
OutcomeOption = Annotated[
    str, typer.Option("--outcome", help="success, NotModified, or the name of an error: Unauthorized, Forbidden, NotFound …")
]
SinceOption = Annotated[
    str, typer.Option("--since", metavar="TIME", help="From then on: 2026-01-31, 2026-01-31T08:00 (UTC), …T08:00+01:00.")
]
UntilOption = Annotated[str, typer.Option("--until", metavar="TIME", help="Before then.")]


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
def show_command(
    data: ExistingDataDir = None,
    patient: PatientOption = "",
    issuer: IssuerOption = "",
    study: StudyOption = "",
    subject: SubjectOption = "",
    action: ActionOption = "",
    outcome: OutcomeOption = "",
    since: SinceOption = "",
    until: UntilOption = "",
) -> None:
    """Who has done what on whom, when and why, also from rotated files. Looking is on record as well."""
    question = Question("", study, subject, action, outcome, _time(since), _time(until))
    for record in _asked(settings_for(data), question, patient, issuer, "show"):
        typer.echo(line(record))


class Format(StrEnum):
    """How records are carried elsewhere."""

    DICOM = "dicom"
    FHIR = "fhir"
    JSON = "json"


@commands.command("export")
def export_command(
    data: ExistingDataDir = None,
    form: Annotated[
        Format,
        typer.Option(
            "--format", help="dicom: audit messages of PS3.15 A.5; fhir: R4 AuditEvents; json: the records themselves. One a line."
        ),
    ] = Format.DICOM,
    each: Annotated[bool, typer.Option("--each", help="An event for each record, not one for a minute's requests on a study.")] = False,
    patient: PatientOption = "",
    issuer: IssuerOption = "",
    study: StudyOption = "",
    subject: SubjectOption = "",
    action: ActionOption = "",
    outcome: OutcomeOption = "",
    since: SinceOption = "",
    until: UntilOption = "",
) -> None:
    """What is asked for as `show` does, in a form that others read. It is on record as well."""
    settings = settings_for(data)
    question = Question("", study, subject, action, outcome, _time(since), _time(until))
    for portion in _portions(_asked(settings, question, patient, issuer, "export"), 1 if each else PORTION):
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


@dataclass(frozen=True, slots=True)
class _Whom:
    digest: str = ""
    studies: Collection[str] = ()


def _asked(settings: Settings, question: Question, patient: str, issuer: str, command: str) -> Iterator[Mapping[str, Any]]:
    """The records that are asked for, once it is on record that they are."""
    whom = asyncio.run(_on_record(settings, question, patient, issuer, command))
    yield from questions.asked(
        Question(whom.digest, question.study, question.subject, question.action, question.outcome, question.since, question.until),
        partial(trail.records, settings.audit_path),
        whom.studies,
    )


async def _on_record(settings: Settings, question: Question, patient: str, issuer: str, command: str) -> _Whom:
    who = named(patient, issuer) if patient else None
    if patient and who is None:
        raise SettingsError("--patient: this is no PatientID")
    facts = {name: value for name in Question.__slots__ if name not in ("patient", "study") and (value := getattr(question, name))}
    async with (
        build_archive(settings) as archive,
        audited(archive, CALLER, Action.REVIEW, Target(), command=command, asked=facts) as granted,
    ):
        if question.study:
            granted.detail["studies"] = [question.study]
        if who is None:
            return _Whom()
        granted.patients.add(who)
        return _Whom(_keys(settings).patient(who), [str(uid) for uid in await archive.index.studies_of(who)])


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
