"""`radiolucent settings --format now`: what applies here, and never a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.test_commands import Command

SECRETS = {
    "RADIOLUCENT_STORAGE__SECRET_ACCESS_KEY": "the-secret-of-s3",
    "RADIOLUCENT_DATABASE__URL": "postgresql://user:the-secret-of-sql@host/name",
    "RADIOLUCENT_ACCESS__SESSION_SECRET": "the-secret-of-sessions-is-long-enough",
    "RADIOLUCENT_METRICS__TOKEN": "the-secret-of-metrics",
    "RADIOLUCENT_TRACES__ENDPOINT": "http://me:the-secret-of-traces@collector:4318/v1/traces",
}


@pytest.fixture
def radiolucent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    monkeypatch.chdir(tmp_path)
    return Command(monkeypatch, capsys)


def test_nothing_is_said_of_defaults(radiolucent: Command) -> None:
    assert radiolucent("settings", "--format", "now").stdout == "# All is as by default\n"


def test_what_differs_is_shown_without_any_secret(radiolucent: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        **SECRETS,
        "RADIOLUCENT_HTTP__PORT": "8042",
        "RADIOLUCENT_HTTP__CORS_ORIGINS": "https://a.example,https://b.example",
    }.items():
        monkeypatch.setenv(name, value)
    shown = radiolucent("settings", "--format", "now").stdout
    assert "RADIOLUCENT_HTTP__PORT=8042\n" in shown
    assert "RADIOLUCENT_HTTP__CORS_ORIGINS=https://a.example,https://b.example\n" in shown
    assert all(name in shown for name in SECRETS)
    assert "the-secret" not in shown
