"""What is written about the settings is what the settings say."""

from pathlib import Path

from app.cli import settings_pages
from app.model import Limits
from app.settings import Settings, load_settings
from app.settings.groups import LimitSettings


def test_env_example_is_drawn_from_the_settings(root: Path) -> None:
    assert (root / ".env.example").read_text(encoding="utf-8") == settings_pages.env_example(), "run `make docs`"


def test_the_reference_page_is_drawn_from_the_settings(root: Path) -> None:
    assert (root / "docs/reference/configuration.md").read_text(encoding="utf-8") == settings_pages.markdown(), "run `make docs`"


def test_every_setting_says_what_it_does() -> None:
    assert [line.variable for _, _, lines in settings_pages.groups() for line in lines if not line.description] == []


def test_env_example_with_every_line_taken_in_gives_the_defaults(root: Path, tmp_path: Path) -> None:
    example = (root / ".env.example").read_text(encoding="utf-8")
    env = tmp_path / "all.env"
    env.write_text(example.replace("\n#RADIOLUCENT_", "\nRADIOLUCENT_"), encoding="utf-8")
    assert env.read_text(encoding="utf-8").count("\nRADIOLUCENT_") == sum(len(lines) for _, _, lines in settings_pages.groups())
    assert Settings(_env_file=env) == load_settings()


def test_the_limits_that_can_be_set_are_the_limits_of_the_model() -> None:
    assert LimitSettings().limits() == Limits()
