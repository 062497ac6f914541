"""Settings: where they come from, what is refused, and that no sentence shows a value."""

from pathlib import Path

import pytest

from app.dicomweb.hosts import is_loopback
from app.model import ConflictRule
from app.settings import Settings, SettingsError, load_settings, refuse_unsafe


def test_without_any_setting_all_lies_under_the_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load_settings()
    assert settings.data_dir == tmp_path / "data"
    assert settings.storage_url == (tmp_path / "data" / "blobs").as_uri()
    assert settings.database_url == f"sqlite:///{tmp_path}/data/index.sqlite3"
    assert settings.audit_path == tmp_path / "data" / "audit.jsonl"
    assert (settings.http.host, settings.http.port, settings.http.base_path) == ("127.0.0.1", 8080, "/dicom-web")


@pytest.mark.parametrize(
    "text", ["https://a.example,https://b.example", ' ["https://a.example", "https://b.example"]', "https://a.example , https://b.example,"]
)
def test_lists_are_written_with_commas_or_as_json(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RADIOLUCENT_HTTP__CORS_ORIGINS", text)
    assert load_settings().http.cors_origins == ("https://a.example", "https://b.example")


def test_code_wins_over_environment_over_files_over_env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env = tmp_path / "settings.env"
    lines = ("HTTP__PORT=1001", "HTTP__HOST=127.0.0.2", "HTTP__WORKERS=2", "LOG__LEVEL=error")
    env.write_text("".join(f"RADIOLUCENT_{line}\n" for line in lines))
    workers = tmp_path / "workers"
    workers.write_text("3\n")
    monkeypatch.setenv("RADIOLUCENT_ENV_FILE", str(env))
    monkeypatch.setenv("RADIOLUCENT_HTTP__WORKERS_FILE", str(workers))
    monkeypatch.setenv("RADIOLUCENT_HTTP__HOST", "127.0.0.3")
    monkeypatch.setenv("RADIOLUCENT_HTTP__PORT", "1003")
    settings = load_settings(http={"port": 1004})
    assert (settings.http.port, settings.http.host, settings.http.workers, settings.log.level) == (1004, "127.0.0.3", 3, "error")


def test_a_secret_from_a_file_is_used_and_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = tmp_path / "url"
    secret.write_text("postgresql://radiolucent:hunter2@db/archive\n")
    monkeypatch.setenv("RADIOLUCENT_DATABASE__URL_FILE", str(secret))
    settings = load_settings()
    assert settings.database_url == "postgresql://radiolucent:hunter2@db/archive"
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in settings.model_dump_json()


def test_a_secret_file_that_is_not_there_is_named_by_its_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RADIOLUCENT_DATABASE__URL_FILE", "/nowhere/at/all")
    with pytest.raises(SettingsError, match="RADIOLUCENT_DATABASE__URL_FILE names a file that cannot be read") as caught:
        load_settings()
    assert "nowhere" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("RADIOLUCENT_HTTP__PROT", "8080", "RADIOLUCENT_HTTP__PROT: there is no such setting"),
        ("RADIOLUCENT_HTPP__PORT", "8080", "RADIOLUCENT_HTPP__PORT is not a setting"),
        ("RADIOLUCENT_LOG__FILE", "log.txt", "RADIOLUCENT_LOG__FILE: there is no such setting"),
        ("RADIOLUCENT_HTTP__PORT", "70000", "RADIOLUCENT_HTTP__PORT: "),
        ("RADIOLUCENT_HTTP__BASE_PATH", "dicom-web", "RADIOLUCENT_HTTP__BASE_PATH: must begin with a slash"),
        ("RADIOLUCENT_HTTP__PUBLIC_BASE_URL", "pacs.example.org", "RADIOLUCENT_HTTP__PUBLIC_BASE_URL: must be a whole http"),
        ("RADIOLUCENT_HTTP__CORS_ORIGINS", "[broken", "RADIOLUCENT_HTTP__CORS_ORIGINS: "),
        ("RADIOLUCENT_DATABASE__URL", "mysql://a:hunter2@b/c", "RADIOLUCENT_DATABASE__URL: must begin with sqlite:/// or postgresql://"),
        ("RADIOLUCENT_STORAGE__URL", "ftp://a/b", "RADIOLUCENT_STORAGE__URL: must begin with file:///, s3:// or memory://"),
        ("RADIOLUCENT_LIMITS__FRAMES", "0", "RADIOLUCENT_LIMITS__FRAMES: "),
    ],
)
def test_a_wrong_setting_stops_the_start_with_its_name_and_not_its_value(
    name: str, value: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert str(caught.value).startswith(sentence)
    assert "hunter2" not in str(caught.value)


def test_the_variables_that_kubernetes_adds_for_a_service_of_our_name_are_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RADIOLUCENT_PORT", "tcp://10.0.0.1:8080")
    monkeypatch.setenv("RADIOLUCENT_SERVICE_HOST", "10.0.0.1")
    assert load_settings() == Settings(_env_file=None)


def test_base_path_and_public_url_lose_their_last_slash() -> None:
    settings = load_settings(http={"base_path": "/", "public_base_url": "https://pacs.example.org/dicom-web/"})
    assert settings.http.base_path == ""
    assert settings.http.public_base_url == "https://pacs.example.org/dicom-web"


def test_conflicting_bytes_are_refused_unless_replacing_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().store.on_conflict is ConflictRule.REFUSE
    monkeypatch.setenv("RADIOLUCENT_STORE__ON_CONFLICT", "replace")
    assert load_settings().store.on_conflict is ConflictRule.REPLACE


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "LOCALHOST", "::1", "[::1]"])
def test_loopback_addresses_need_no_authentication(host: str) -> None:
    assert is_loopback(host)
    refuse_unsafe(load_settings(http={"host": host}))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "pacs.example.org", "localhost.example.org", "", "127.0.0.1.example.org"])
def test_any_other_address_is_refused_until_insecure_is_given_by_name(host: str) -> None:
    with pytest.raises(SettingsError, match="--insecure"):
        refuse_unsafe(load_settings(http={"host": host}))
    refuse_unsafe(load_settings(http={"host": host}, access={"insecure": True}))


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE__URL", "STORAGE__URL", "AUDIT__PATH", "HTTP__PORT"):
        monkeypatch.setenv(f"RADIOLUCENT_{name}", "")
    assert load_settings() == Settings(_env_file=None)
