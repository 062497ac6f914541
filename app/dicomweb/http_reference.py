"""The HTTP reference for people, drawn from the table of transactions: a Markdown page with a curl line for each row, and a Postman
collection of the same requests."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence

from app.dicomweb.parameters import PATH_PARAMETERS, QUERY_PARAMETERS
from app.dicomweb.transactions import Transaction
from app.model import JsonObject

POSTMAN_SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
_NAME = re.compile(r"{(\w+)}")
_BODY_FILE = "image.dcm"


def as_markdown(rows: Sequence[Transaction]) -> str:
    """One section a service, one entry a row: what it does, clause, curl, answers."""
    lines = [
        "# HTTP reference",
        "",
        "Every route below the base URL, drawn from the table of transactions (`make docs`). `$BASE` stands for the base URL, such as",
        "`http://127.0.0.1:8080/dicom-web`. Errors are problem documents (RFC 9457) with a stable `code` and a `request_id`.",
        "With `openapi/examples/image.dcm` as `image.dcm` the lines work as they stand, from the top down to the deletions.",
    ]
    for service in dict.fromkeys(row.service for row in rows):
        lines += ["", f"## {service}"]
        for row in rows:
            if row.service == service and not row.missing:
                lines += ["", *_entry(row)]
    lines += ["", "## Parameters", "", "| name | meaning | example |", "|---|---|---|"]
    for name, parameter in {**PATH_PARAMETERS, **QUERY_PARAMETERS}.items():
        meaning = parameter.meaning.replace("|", "\\|")
        lines.append(f"| `{name}` | {meaning} | `{parameter.example}` |")
    missing = [f"- `{row.method} {row.path}`: {row.missing}" for row in rows if row.missing]
    if missing:
        lines += ["", "## Not there yet", "", *missing]
    return "\n".join(lines) + "\n"


def as_postman(rows: Iterable[Transaction]) -> JsonObject:
    """A collection (format 2.1) with one folder a service; the variable `base` holds the base URL."""
    folders: dict[str, list[JsonObject]] = {}
    for row in rows:
        if not row.missing:
            folders.setdefault(row.service, []).append(_request(row))
    return {
        "info": {"name": "Radiolucent", "schema": POSTMAN_SCHEMA},
        "variable": [{"key": "base", "value": "http://127.0.0.1:8080/dicom-web"}],
        "item": [{"name": name, "item": items} for name, items in folders.items()],
    }


def example_path(row: Transaction) -> str:
    """The path with example values, and the first query parameters of a search."""
    path = _NAME.sub(lambda name: PATH_PARAMETERS[name[1]].example, row.path)
    if row.service == "Search":
        return f"{path}?PatientName={QUERY_PARAMETERS['PatientName'].example}&limit=10"
    if row.service == "URI":
        required = ("requestType", "studyUID", "seriesUID", "objectUID", "contentType")
        return f"{path}?" + "&".join(f"{name}={QUERY_PARAMETERS[name].example}" for name in required)
    if "after" in row.parameters:
        return f"{path}?after={QUERY_PARAMETERS['after'].example}&limit=1"
    if "resource" in row.parameters:
        return f"{path}?resource={QUERY_PARAMETERS['resource'].example}"
    return path


def _entry(row: Transaction) -> list[str]:
    clause = f" (PS3.18 {row.clause})" if row.clause else ""
    remark = f" {row.remark[:1].upper()}{row.remark[1:]}." if row.remark else ""
    answers = "; ".join(f"{answer.status} {answer.meaning}" for answer in row.answers)
    media_types = list(dict.fromkeys(kind for answer in row.answers for kind in answer.media_types))
    errors = ", ".join(str(status) for status in row.errors)
    lines = [f"### {row.method} {row.path or '(base URL)'}", "", f"{row.summary}{clause}.{remark}", "", f"    {_curl(row)}", ""]
    lines.append(f"- Answers: {answers}.")
    if media_types:
        lines.append("- Media types: " + ", ".join(f"`{kind}`" for kind in media_types) + ".")
    if row.body:
        lines.append("- Takes: " + ", ".join(f"`{kind}`" for kind in row.body) + ".")
    if row.parameters:
        lines.append("- Parameters: " + ", ".join(f"[`{name}`](#parameters)" for name in row.parameters) + ".")
    if errors:
        lines.append(f"- Else: {errors}.")
    return lines


def _curl(row: Transaction) -> str:
    words = ["curl"]
    if row.method not in {"GET", "POST"}:
        words += ["-X", row.method]
    for name, value in headers(row).items():
        words += ["-H", f"{name}: {value}"]
    if row.body:
        words += ["--data-binary", f"@{_BODY_FILE}"]
    return " ".join(shlex.quote(word) for word in words) + f' "$BASE{example_path(row)}"'


def headers(row: Transaction) -> dict[str, str]:
    """Accept: the default; Content-Type: the media type of a single file."""
    named = {}
    media_types = [kind for answer in row.answers for kind in answer.media_types]
    if media_types:
        named["Accept"] = media_types[0]
    if row.body:
        named["Content-Type"] = next(kind for kind in row.body if not kind.startswith("multipart"))
    return named


def _request(row: Transaction) -> JsonObject:
    request: JsonObject = {
        "method": row.method,
        "header": [{"key": name, "value": value} for name, value in headers(row).items()],
        "url": "{{base}}" + example_path(row),
        "description": row.summary + (f" (PS3.18 {row.clause})" if row.clause else ""),
    }
    if row.body:
        request["body"] = {"mode": "file", "file": {"src": _BODY_FILE}}
    return {"name": row.summary, "request": request}
