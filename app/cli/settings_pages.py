"""Two pages drawn from `Settings`: `.env.example` and `docs/reference/configuration.md`. A house test compares them with the files."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from types import UnionType
from typing import Any, Literal, cast, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from app.settings import ENV_FILE, Settings, variable
from app.settings.groups import FILE_SUFFIX, Group

WIDTH = 100

ENV_HEAD = f"""\
# Every setting of Radiolucent with its default. Copy to .env and take the # away from what you change.
# Drawn from app/settings/ by `make docs`. A secret can come from a file: add {FILE_SUFFIX} to its name and give the file's path.
"""

MARKDOWN_HEAD = f"""\
# Configuration

Drawn from `app/settings/` by `make docs`; do not edit.

Each setting is an environment variable, or a line of the same form in a file `.env` in the working folder (`{ENV_FILE}` names
another file). What stands on the command line wins, then the environment, then `.env`. Lists are written with commas or as JSON. Any
setting can come from a file: add `{FILE_SUFFIX}` to its name and give the path, as for mounted secrets. A wrong or unknown setting stops
the start with a sentence that names it.
"""


@dataclass(frozen=True, slots=True)
class Line:
    """One setting as it is shown; `default` is its text in the environment, empty if it has none."""

    variable: str
    default: str
    kind: str
    description: str


def groups() -> Iterator[tuple[str, str, list[Line]]]:
    """Name, description and settings of each group, in the order of `Settings`."""
    for name, field in Settings.model_fields.items():
        group = cast(type[Group], field.annotation)
        lines = [_line(name, setting, info) for setting, info in group.model_fields.items()]
        yield name, " ".join((group.__doc__ or "").split()), lines


def env_example() -> str:
    """The text of `.env.example`."""
    parts = [ENV_HEAD]
    for name, description, lines in groups():
        parts.append(f"\n# --- {name}: {description}\n")
        for line in lines:
            parts.append("".join(f"# {row}\n" for row in textwrap.wrap(line.description, WIDTH)))
            parts.append(f"#{line.variable}={line.default}\n")
    return "".join(parts)


def markdown() -> str:
    """The text of `docs/reference/configuration.md`."""
    parts = [MARKDOWN_HEAD]
    for name, description, lines in groups():
        parts.append(f"\n## {name}\n\n{description}\n\n| Variable | Default | Values | What it does |\n| --- | --- | --- | --- |\n")
        parts += [f"| `{line.variable}` | {_code(line.default)} | {line.kind} | {line.description} |\n" for line in lines]
    return "".join(parts)


def now(settings: Settings) -> str:
    """What differs from the defaults, as lines of an environment; of secrets only that they are set."""
    lines = []
    for name in Settings.model_fields:
        group = getattr(settings, name)
        for setting, info in type(group).model_fields.items():
            value = getattr(group, setting)
            if value != info.default:
                lines.append(f"{variable(name, setting)}={'(secret)' if isinstance(value, SecretStr) else _safe(_text(value))}\n")
    return "".join(lines) or "# All is as by default\n"


def _safe(text: str) -> str:
    """A URL without the password that may stand in it."""
    return re.sub(r"(\w://[^/@:\s]*):[^/@\s]*@", r"\1:(secret)@", text)


def _line(group: str, setting: str, info: FieldInfo) -> Line:
    return Line(variable(group, setting), _text(info.default), _kind(info.annotation), " ".join((info.description or "").split()))


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case Enum():
            return str(value.value)
        case tuple():
            return ",".join(str(item) for item in value)
        case _:
            return str(value)


def _kind(annotation: Any) -> str:
    origin = get_origin(annotation)
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in get_args(annotation))
    if origin is UnionType:
        return " or ".join(_kind(part) for part in get_args(annotation) if part is not type(None))
    if origin is tuple:
        return "list"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return " or ".join(f"`{member.value}`" for member in annotation)
    names = {"int": "number", "float": "number", "str": "text", "bool": "`true` or `false`", "Path": "path", "SecretStr": "secret text"}
    return names[annotation.__name__]


def _code(text: str) -> str:
    return f"`{text}`" if text else ""
