"""Settings from files, as secrets are mounted in containers: RADIOLUCENT_GROUP__NAME_FILE names a file that holds the value."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import PydanticBaseSettingsSource

from app.settings.groups import FILE_SUFFIX

PREFIX = "RADIOLUCENT_"


class SettingsError(ValueError):
    """A setting that we cannot start with. The sentence names the setting and never its value, which may be a secret."""


class Files(PydanticBaseSettingsSource):
    """A source of settings: the first line of each file that is named."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        found: dict[str, dict[str, str]] = {}
        for name, path in os.environ.items():
            group, separator, setting = name.upper().removeprefix(PREFIX).removesuffix(FILE_SUFFIX).lower().partition("__")
            if name.upper().startswith(PREFIX) and name.upper().endswith(FILE_SUFFIX) and separator:
                found.setdefault(group, {})[setting] = _first_line(name, path)
        return found


def _first_line(name: str, path: str) -> str:
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{name} names a file that cannot be read") from error
    return lines[0].strip() if lines else ""
