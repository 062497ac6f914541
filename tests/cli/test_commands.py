"""The commands as a person runs them, all but a serving one: what they print, and their exit status."""

import json
import socket
import sqlite3
import subprocess
import sys
import zipfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from app import __version__
from app.cli import main
from app.cli.serve import greeting
from app.settings import load_settings
from tests.builders import instance, study


@dataclass(frozen=True, slots=True)
class Answer:
    returncode: int
    stdout: str
    stderr: str


class Command:
    """`main` with these arguments, from this folder: in the test's own process, since starting one takes most of the time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, *arguments: str | Path) -> Answer:
        self._monkeypatch.setattr(sys, "argv", ["radiolucent", *map(str, arguments)])
        self._capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        return Answer(code, *self._capsys.readouterr())


@pytest.fixture
def radiolucent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    monkeypatch.chdir(tmp_path)
    return Command(monkeypatch, capsys)


def counts(output: str) -> dict[str, int]:
    rows = [line.split(maxsplit=1) for line in output.splitlines() if line[:9].strip().isdigit()]
    return {words: int(number) for number, words in rows}


def files_of(folder: Path, contents: list[bytes]) -> Path:
    folder.mkdir(parents=True)
    for number, content in enumerate(contents):
        (folder / f"{number}.dcm").write_bytes(content)
    return folder


@pytest.mark.parametrize("command", [(), ("serve",), ("import",), ("verify",), ("reindex",), ("migrate",), ("settings",), ("openapi",)])
def test_every_command_explains_itself(command: tuple[str, ...], radiolucent: Command) -> None:
    answer = radiolucent(*command, "--help")
    assert answer.returncode == 0
    assert "Usage:" in answer.stdout


def test_the_package_runs_as_the_command(root: Path) -> None:
    command = [sys.executable, "-m", "app", "--version"]
    answer = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=False)
    assert answer.stdout == f"radiolucent {__version__}\n"


def test_import_tells_what_was_stored_what_was_there_and_what_was_refused(radiolucent: Command, tmp_path: Path) -> None:
    contents = study(series=2, instances=3)
    folder = files_of(tmp_path / "in", contents[:4])
    with zipfile.ZipFile(folder / "rest.zip", "w") as archive:
        for number, content in enumerate(contents[3:]):
            archive.writestr(f"{number}", content)
    (folder / "notes.txt").write_text("not an instance, whoever looks at it " * 20)

    first = radiolucent("import", folder, "--data", "archive")
    assert counts(first.stdout) == {"stored": 6, "already there": 1, "refused": 1}
    assert "notes.txt" in first.stdout
    assert first.returncode == 1

    again = radiolucent("import", folder, "--data", "archive")
    assert counts(again.stdout) == {"stored": 0, "already there": 7, "refused": 1}

    sound = radiolucent("verify", "--data", "archive", "--grace", "0")
    assert (sound.returncode, sound.stdout) == (0, "6 instances checked: 0 orphan, 0 missing, 0 damaged, 0 wrong\n")


def test_import_refuses_other_content_under_a_known_uid_and_names_the_file(
    radiolucent: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid = "1.2.826.0.1.3680043.8.498.1"
    study_uids = {"StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.3.4", "SOPInstanceUID": uid}
    folder = files_of(tmp_path / "in", [instance(**study_uids, PatientID="A"), instance(**study_uids, PatientID="B")])
    answer = radiolucent("import", folder)
    assert counts(answer.stdout) == {"stored": 1, "refused": 1}
    assert "other content" in answer.stdout
    assert answer.returncode == 1
    monkeypatch.setenv("RADIOLUCENT_STORE__ON_CONFLICT", "replace")
    replacing = radiolucent("import", folder / "1.dcm")
    assert replacing.returncode == 0


def test_reindex_makes_a_lost_database_anew_and_never_touches_a_filled_one(radiolucent: Command, tmp_path: Path) -> None:
    folder = files_of(tmp_path / "in", study(series=1, instances=5))
    assert radiolucent("import", folder).returncode == 0
    for file in (tmp_path / "data").glob("index.sqlite3*"):
        file.unlink()
    answer = radiolucent("reindex")
    assert (answer.returncode, answer.stdout) == (0, "5 instances indexed\n")
    assert radiolucent("verify").returncode == 0
    refused = radiolucent("reindex")
    assert refused.returncode == 1
    assert "not empty" in refused.stderr


def test_verify_tells_damage_and_repair_removes_left_overs_only(radiolucent: Command, tmp_path: Path) -> None:
    folder = files_of(tmp_path / "in", study(series=1, instances=2))
    radiolucent("import", folder)
    one, two = sorted(path for path in (tmp_path / "data/blobs/instances").rglob("*") if path.is_file())
    one.write_bytes(one.read_bytes()[:-2])
    left_over = two.with_name(two.name[:-4] + "0000")
    left_over.write_bytes(b"left over")
    answer = radiolucent("verify", "--repair", "--grace", "0")
    assert answer.returncode == 1
    assert "1 orphan, 0 missing, 1 damaged" in answer.stdout
    assert (one.exists(), two.exists(), left_over.exists()) == (True, True, False)


def test_serve_refuses_an_address_that_others_reach_and_says_what_to_add(radiolucent: Command) -> None:
    answer = radiolucent("serve", "--host", "0.0.0.0")
    assert answer.returncode == 2
    assert "--insecure" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_wrong_setting_ends_every_command_with_a_sentence(radiolucent: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RADIOLUCENT_HTTP__PROT", "8080")
    answer = radiolucent("verify")
    assert (answer.returncode, answer.stderr) == (2, "radiolucent: RADIOLUCENT_HTTP__PROT: there is no such setting\n")


def test_import_to_a_server_that_is_not_there_ends_with_a_sentence(radiolucent: Command, tmp_path: Path) -> None:
    folder = files_of(tmp_path / "in", [instance()])
    answer = radiolucent("import", folder, "--url", "http://127.0.0.1:9/dicom-web")
    assert answer.returncode == 1
    assert "does not answer" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_openapi_is_written_and_compared(radiolucent: Command, tmp_path: Path) -> None:
    assert radiolucent("openapi", "described").returncode == 0
    written = tmp_path / "described" / "openapi" / "dicomweb.json"
    assert json.loads(written.read_text())["openapi"].startswith("3.")
    assert radiolucent("openapi", "described", "--check").returncode == 0
    written.write_text("{}")
    assert radiolucent("openapi", "described", "--check").returncode == 1


def test_the_greeting_says_where_it_listens_where_the_data_lie_and_three_commands(tmp_path: Path) -> None:
    settings = load_settings(http={"host": "::1", "port": 8042}, storage={"data_dir": tmp_path})
    text = greeting(settings)
    assert "http://[::1]:8042/dicom-web" in text
    assert str(tmp_path) in text
    assert "local mode" in text
    assert text.count("  curl ") == 3


def test_a_data_folder_that_cannot_be_made_is_told_in_one_sentence(radiolucent: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    answer = radiolucent("migrate", "--data", tmp_path / "file" / "data")
    assert answer.returncode == 2
    assert answer.stderr.startswith("radiolucent: The data folder ")
    assert answer.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["verify", "reindex"])
def test_a_misspelt_data_folder_is_not_made_and_found_faultless(command: str, radiolucent: Command, tmp_path: Path) -> None:
    answer = radiolucent(command, "--data", tmp_path / "dta")
    assert answer.returncode == 2
    assert not (tmp_path / "dta").exists()


def test_a_taken_port_is_told_in_one_sentence_before_any_greeting(root: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "app", "serve", "--port", port, "--data", str(tmp_path / "data")]
        answer = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=False)
    assert answer.returncode == 2
    assert answer.stdout == ""
    assert answer.stderr.startswith(f"radiolucent: Cannot listen on 127.0.0.1 port {port}")


def test_import_to_what_is_no_web_address_is_refused_at_once(radiolucent: Command, tmp_path: Path) -> None:
    answer = radiolucent("import", tmp_path, "--url", "localhost:8080/dicom-web")
    assert answer.returncode == 2
    assert "http://" in answer.stderr


@pytest.mark.parametrize("command", ["migrate", "verify"])
def test_a_database_of_a_newer_release_is_left_alone_with_a_sentence(command: str, radiolucent: Command, tmp_path: Path) -> None:
    assert radiolucent("migrate", "--data", tmp_path / "data").returncode == 0
    with closing(sqlite3.connect(tmp_path / "data" / "index.sqlite3")) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
        database.commit()
    answer = radiolucent(command, "--data", tmp_path / "data")
    assert answer.returncode == 1
    assert "newer release" in answer.stderr


def test_reindex_keys_brings_new_search_keys_to_what_is_stored(
    radiolucent: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, files = tmp_path / "data", files_of(tmp_path / "in", [instance(SliceThickness="1.5"), instance(SliceThickness="2")])
    assert radiolucent("import", files, "--data", data).returncode == 0
    monkeypatch.setenv("RADIOLUCENT_SEARCH__KEYS", "instance:SliceThickness")
    answer = radiolucent("reindex", "--keys", "--data", data)
    assert (answer.returncode, answer.stdout) == (0, "2 instances brought to the search keys\n")
    with closing(sqlite3.connect(data / "index.sqlite3")) as database:
        assert database.execute("SELECT name FROM filled_key").fetchall() == [("instance:00180050:DS",)]
        assert len(database.execute("SELECT value FROM attribute_value WHERE path = '00180050'").fetchall()) == 2
    monkeypatch.setenv("RADIOLUCENT_SEARCH__KEYS", "instance:Nonsense")
    answer = radiolucent("reindex", "--keys", "--data", data)
    assert (answer.returncode, "RADIOLUCENT_SEARCH__KEYS" in answer.stderr) == (2, True)
