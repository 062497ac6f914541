"""The Capabilities Description (PS3.18 8.9, Annex H), drawn from the table of transactions: WADL, and the same as JSON."""

from __future__ import annotations

import re
from collections.abc import Iterable
from xml.etree import ElementTree

from app.dicomweb.parameters import PATH_PARAMETERS, QUERY_PARAMETERS
from app.dicomweb.transactions import Transaction
from app.model import JsonObject

NAMESPACE = "http://wadl.dev.java.net/2009/02"
_TEMPLATE = re.compile(r"{(\w+)}")


def as_wadl(rows: Iterable[Transaction], base: str) -> bytes:
    """A WADL document of every row that is there, its resources below `base`."""
    application = ElementTree.Element("application", xmlns=NAMESPACE)
    resources = ElementTree.SubElement(application, "resources", base=base)
    for path, methods in _by_path(rows).items():
        resource = ElementTree.SubElement(resources, "resource", path=path.removeprefix("/"))
        for name in _TEMPLATE.findall(path):
            parameter = ElementTree.SubElement(resource, "param", name=name, style="template", type="xs:string", required="true")
            ElementTree.SubElement(parameter, "doc").text = PATH_PARAMETERS[name].meaning
        for row in methods:
            _add_method(resource, row)
    ElementTree.indent(application)
    document: bytes = ElementTree.tostring(application, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def as_json(rows: Iterable[Transaction], base: str) -> JsonObject:
    """The same description as JSON: base, resources, their methods with parameters, media types and statuses."""
    resources = [{"path": path, "methods": [_method(row) for row in methods]} for path, methods in _by_path(rows).items()]
    return {"base": base, "resources": resources}


def _by_path(rows: Iterable[Transaction]) -> dict[str, list[Transaction]]:
    found: dict[str, list[Transaction]] = {}
    for row in rows:
        if not row.missing:
            found.setdefault(row.path, []).append(row)
    return found


def _add_method(resource: ElementTree.Element, row: Transaction) -> None:
    method = ElementTree.SubElement(resource, "method", name=row.method, id=_identifier(row))
    ElementTree.SubElement(method, "doc").text = row.summary
    request = ElementTree.SubElement(method, "request")
    for name in row.parameters:
        parameter = ElementTree.SubElement(request, "param", name=name, style="query", type="xs:string")
        ElementTree.SubElement(parameter, "doc").text = QUERY_PARAMETERS[name].meaning
    for media_type in row.body:
        ElementTree.SubElement(request, "representation", mediaType=media_type)
    for answer in row.answers:
        response = ElementTree.SubElement(method, "response", status=str(answer.status))
        ElementTree.SubElement(response, "doc").text = answer.meaning
        for media_type in answer.media_types:
            ElementTree.SubElement(response, "representation", mediaType=media_type)
    if row.errors:
        ElementTree.SubElement(method, "response", status=" ".join(str(status) for status in row.errors))


def _method(row: Transaction) -> JsonObject:
    return {
        "name": row.method,
        "id": _identifier(row),
        "summary": row.summary,
        "clause": row.clause,
        "parameters": list(row.parameters),
        "accepts": list(row.body),
        "answers": [{"status": answer.status, "meaning": answer.meaning, "mediaTypes": list(answer.media_types)} for answer in row.answers],
        "errors": list(row.errors),
    }


def _identifier(row: Transaction) -> str:
    """`Retrieve the metadata of a study` -> `RetrieveTheMetadataOfAStudy`."""
    return "".join(word.capitalize() for word in re.findall(r"\w+", row.summary))
