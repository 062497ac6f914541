"""The ten examples of docs/reference/policy.md do what stands below them, and `radiolucent policy` says the same."""

from __future__ import annotations

import re
import shlex
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from app.access import policy_file
from app.access.policy import decide
from app.access.policy_file import PolicyError
from app.dicomweb.selection import covers
from app.errors import Forbidden
from app.model import Action, Caller, InstanceRecord
from tests.cli.test_commands import Command
from tests.contract.records import record

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "policy.md"
STUDIES: dict[str, list[InstanceRecord]] = {
    "A": [record("1", "1.1", "1.1.1", InstitutionName="North Hospital", Modality="CT", PatientID="1", StudyDate="20240301")],
    "B": [record("2", "2.1", "2.1.1", InstitutionName="South Hospital", Modality="MR", PatientID="2", StudyDate="20250301")],
    "C": [
        record(
            "3", f"3.{number}", f"3.{number}.1", InstitutionName="North Hospital", Modality=modality, PatientID="VIP7", StudyDate="20250601"
        )
        for number, modality in enumerate(("CT", "PT"), 1)
    ],
}
SETS = ("roles", "scope", "purpose")


def examples() -> list[Any]:
    found = []
    for part in PAGE.read_text(encoding="utf-8").split("\n### ")[1:]:
        policy, questions = re.findall(r"```(?:toml)?\n(.*?)```", part, re.DOTALL)
        found += [pytest.param(policy, line, id=f"{part.split('.')[0]} {' '.join(line.split())}") for line in questions.splitlines()]
    return found


def read(line: str) -> tuple[Action, dict[str, str], str]:
    question, _, expected = line.partition("->")
    action, *words = question.split()
    return Action(action), dict(word.split("=", 1) for word in words), " ".join(expected.split())


def caller_of(facts: dict[str, str]) -> Caller:
    sets = {name: frozenset([facts[name]] if name in facts else []) for name in SETS}
    patient = ("", facts["patient"]) if "patient" in facts else None
    return Caller(
        facts.get("subject", "somebody"),
        facts.get("kind", "token"),
        facts.get("address", "127.0.0.1"),
        issuer=facts.get("issuer", ""),
        organisation=facts.get("organisation", ""),
        scopes=sets["scope"],
        roles=sets["roles"],
        purposes=sets["purpose"],
        patient=patient,
    )


def test_there_are_ten() -> None:
    assert len(re.findall(r"^### \d+\. ", PAGE.read_text(encoding="utf-8"), re.MULTILINE)) == 10
    assert len(examples()) > 20


@pytest.mark.parametrize(("policy", "line"), examples())
def test_the_example_does_what_stands_below_it(policy: str, line: str) -> None:
    action, facts, expected = read(line)
    at = datetime.fromisoformat(facts.get("at", "2026-01-28T12:00+00:00")).timestamp()
    try:
        access = decide(policy_file.read(policy), caller_of(facts), action, at)
    except Forbidden:
        assert expected == "403"
        return
    assert " ".join(name for name, own in STUDIES.items() if covers(access, own)) == expected


@pytest.fixture
def radiolucent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    monkeypatch.chdir(tmp_path)
    return Command(monkeypatch, capsys)


@pytest.mark.parametrize(("policy", "line"), examples()[::4])
def test_the_command_gives_the_same_answer(policy: str, line: str, radiolucent: Command, tmp_path: Path) -> None:
    action, facts, expected = read(line)
    (tmp_path / "policy.toml").write_text(policy)
    assert radiolucent("policy", "check", "policy.toml").returncode == 0
    options = [text for name, value in facts.items() for text in (f"--{'role' if name == 'roles' else name}", value)]
    told = radiolucent("policy", "explain", action.value, "--policy", "policy.toml", *options)
    assert told.returncode == (1 if expected == "403" else 0), told.stdout
    assert f"answer      {'no' if expected == '403' else 'yes'}" in told.stdout


WRONG = {
    "not TOML": ("[[rules]", "not TOML"),
    "unknown table": ("[groups]", "no groups"),
    "unknown name": ('[[rules]]\neffect = "permit"\nstudy = {}', "rule 1"),
    "no effect": ('[[rules]]\nname = "x"', "effect"),
    "unknown effect": ('[[rules]]\neffect = "allow"', "effect"),
    "unknown action": ('[[rules]]\neffect = "deny"\ndo = ["read"]', "there is no 'read'"),
    "unknown key": ('[[rules]]\neffect = "deny"\nstudies = { Colour = "red" }', "Colour"),
    "all but nothing": ('[[rules]]\neffect = "deny"\nstudies = { PatientID = "*" }', "wildcard"),
    "empty list": ('[[rules]]\neffect = "deny"\nstudies = { PatientID = [] }', "no value"),
    "number": ('[[rules]]\neffect = "deny"\nstudies = { PatientID = 7 }', "text"),
    "date": ('[[rules]]\neffect = "deny"\nstudies = { StudyDate = "yesterday" }', "StudyDate"),
    "network": ('[[rules]]\neffect = "deny"\nwhen = { networks = ["10.0.0.300"] }', "networks"),
    "zone": ('[[rules]]\neffect = "deny"\nwhen = { zone = "Moon/Base" }', "zone"),
    "time": ('[[rules]]\neffect = "deny"\nwhen = { from = "25:00" }', "from"),
    "day": ('[[rules]]\neffect = "deny"\nwhen = { days = ["monday"] }', "days"),
    "scope": ('[roles]\nreader = ["everything"]', "scope"),
    "role of a certificate": ('[[certificates]]\nsubject = "CN=x"\nroles = ["none"]', "no role"),
    "twice": ('[[rules]]\nname = "x"\neffect = "deny"\n[[rules]]\nname = "x"\neffect = "deny"', "same name"),
    "kind": ('[[rules]]\neffect = "deny"\nwho = { kinds = ["robot"] }', "robot"),
}


@pytest.mark.parametrize("case", list(WRONG))
def test_what_cannot_be_meant_is_refused_with_its_place(case: str, radiolucent: Command, tmp_path: Path) -> None:
    text, says = WRONG[case]
    with pytest.raises(PolicyError, match=re.escape(says)):
        policy_file.read(text)
    (tmp_path / "policy.toml").write_text(text)
    told = radiolucent("policy", "check", "policy.toml")
    assert (told.returncode, says in told.stderr) == (1, True)


def test_hours_may_run_over_midnight() -> None:
    policy = policy_file.read('[[rules]]\neffect = "permit"\nwhen = { from = "22:00", until = "06:00" }')
    caller = Caller("x", "token", scopes=frozenset({"user/ImagingStudy.s"}))
    for hour, allowed in ((23, True), (3, True), (6, False), (12, False)):
        try:
            decide(policy, caller, Action.SEARCH, hour * 3600.0)
        except Forbidden:
            assert not allowed
        else:
            assert allowed


def test_a_patient_who_looks_like_a_wildcard_opens_nothing() -> None:
    for patient in ("*", "1*", "?", "", "a\\b"):
        caller = Caller("x", "token", scopes=frozenset({"patient/ImagingStudy.rs"}), patient=("", patient))
        with pytest.raises(Forbidden):
            decide(None, caller, Action.RETRIEVE, 0.0)


def test_the_page_shows_commands_that_exist(radiolucent: Command) -> None:
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("radiolucent "):
            assert radiolucent(*shlex.split(line.partition("#")[0])[1:3], "--help").returncode == 0
