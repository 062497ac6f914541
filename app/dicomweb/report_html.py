"""A Report as an HTML document (PS3.18 8.7.4, category Text): for reading on screen, phone and paper; it is well-formed XML as well.

No script, no image, nothing from outside; every value is escaped by `markup`. References become links to this server's own rendered
resources where the document says in which study and series they lie. Must not know: whether the caller may follow a link.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby

from app.dicom import sop_classes
from app.dicom.content_tree import Code, ContentItem, Reference
from app.dicom.report import Listed, Report
from app.dicomweb import report_words as words
from app.dicomweb import resources
from app.dicomweb.markup import Markup, element, escape, join
from app.model import BASE_MARK, Target

STYLE = """
:root { color-scheme: light; font: 1rem/1.45 system-ui, sans-serif; color: #1a1a1a; background: #fff; }
body { max-width: 60rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.6rem; margin: 0 0 .4rem; } h2 { font-size: 1.25rem; } h3 { font-size: 1.1rem; } h4, h5, h6 { font-size: 1rem; }
h2, h3, h4, h5, h6 { margin: 1rem 0 .3rem; }
header { border-bottom: 2px solid #1f4e79; padding-bottom: .6rem; margin-bottom: .8rem; }
table { border-collapse: collapse; width: 100%; margin: .3rem 0; }
th, td { text-align: start; vertical-align: top; padding: .2rem .6rem .2rem 0; border-bottom: 1px solid #ddd; overflow-wrap: anywhere; }
th { font-weight: 600; } tbody th, header th { width: 16rem; }
thead th { color: #555; border-bottom: 1px solid #888; overflow-wrap: normal; } thead th:nth-child(2) { text-align: end; }
td.amount { white-space: nowrap; text-align: end; width: 7rem; }
section { margin-inline-start: .2rem; } section section { border-inline-start: 2px solid #d5dfe9; padding-inline-start: .8rem; }
.text { white-space: pre-wrap; } .none { color: #777; }
.rel, .code, .when { color: #5f6b76; font-size: .85em; font-weight: 400; } .rel { display: block; font-style: italic; }
li .rel, p .rel { display: inline; } .flag { display: inline-block; border: 1px solid; border-radius: 1rem; padding: 0 .6rem; }
.good { color: #1b5e20; } .bad { color: #9c2b00; } ul { margin: .1rem 0; padding-inline-start: 1.1rem; } a { color: #1f4e79; }
footer { margin-top: 1.2rem; border-top: 1px solid #bbb; padding-top: .4rem; font-size: .9rem; }
@media (max-width: 40rem) { tbody th, header th, td.amount { width: auto; } .facts tr, .rows tr { display: block; padding: .3rem 0; }
.facts th, .facts td, .rows th, .rows td { display: block; border: 0; padding: 0; } }
@media print { body { max-width: none; padding: 0; font-size: 10pt; } tr, h2, h3, h4 { break-inside: avoid; break-after: auto; } }
"""

CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'; sandbox allow-popups allow-top-navigation-by-user-activation"
)
"""What must stand in the Content-Security-Policy header of every answer that carries this document: nothing runs, nothing is fetched."""

_BASE = Markup(BASE_MARK.decode())
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Page:
    """What the whole document knows of itself: where referenced instances lie, and every item by its position."""

    targets: Mapping[str, Target]
    items: Mapping[str, ContentItem]


def html(report: Report) -> bytes:
    """UTF-8, with BASE_MARK where the service's base URL belongs (`resources.with_base`)."""
    page = _Page(report.targets, {item.position: item for item in _all(report.root)})
    root = report.root
    content = _body(page, root, 2) if root.value_type in ("CONTAINER", "") else _rows(page, [root])
    lists = [_evidence(heading, group, is_open=report.selects) for heading, group in report.evidence]
    document = element(
        "html",
        element(
            "head",
            element("meta", charset="utf-8"),
            element("meta", name="viewport", content="width=device-width, initial-scale=1"),
            element("title", report.title),
            element("style", Markup(STYLE)),
        ),
        element("body", _head(report), element("main", content, lang=_language(root), dir="auto"), element("footer", *lists)),
        xmlns="http://www.w3.org/1999/xhtml",
        lang="en",
    )
    return b"<!DOCTYPE html>\n" + document.encode("utf-8")


def _all(item: ContentItem) -> Iterable[ContentItem]:
    yield item
    for child in item.children:
        yield from _all(child)


def _language(item: ContentItem) -> str | None:
    return item.language if _LANGUAGE.fullmatch(item.language) else None


def _head(report: Report) -> Markup:
    flags = [join([element("span", text, class_=f"flag {'good' if good else 'bad'}"), " "]) for text, good in report.status]
    facts = [element("tr", element("th", label, scope="row"), element("td", value, dir="auto")) for label, value in report.facts]
    return element(
        "header",
        element("h1", report.title, dir="auto"),
        element("p", *flags) if flags else "",
        element("table", element("tbody", *facts), class_="facts") if facts else "",
    )


def _body(page: _Page, item: ContentItem, level: int) -> Markup:
    """What stands within a container: running text, or sections, tables of measurements and tables of other items as they come."""
    if item.continuous:
        return _running(page, item, level)
    parts: list[Markup] = []
    for kind, run in groupby(item.children, _kind):
        items = list(run)
        if kind == "section":
            parts += [_section(page, child, level) for child in items]
        else:
            parts.append(_measurements(page, items) if kind == "measurements" else _rows(page, items))
    if item.deeper:
        parts.append(element("p", "What is nested deeper is not shown.", class_="none"))
    return join(parts)


def _kind(item: ContentItem) -> str:
    if item.value_type == "CONTAINER":
        return "section"
    return "measurements" if item.value_type == "NUM" and item.relationship == "CONTAINS" else "rows"


def _section(page: _Page, item: ContentItem, level: int) -> Markup:
    heading = (
        element(f"h{min(level, 6)}", _concept(item), " ", _relationship(item), _observed(item)) if item.concept else _relationship(item)
    )
    return element("section", heading, _body(page, item, level + 1), id=_id(item), dir="auto", lang=_language(item))


def _running(page: _Page, item: ContentItem, level: int) -> Markup:
    """CONTINUOUS: one text of all values, each with what modifies it in brackets (PS3.3 C.18.8.1.1)."""
    parts: list[Markup] = []
    sentence: list[str] = []
    for child in item.children:
        if child.value_type == "CONTAINER":
            parts += [element("p", *sentence), _section(page, child, level)]
            sentence = []
            continue
        about = [join([_relationship(each), " ", _concept(each), ": ", _value(page, each), _nested(page, each)]) for each in child.children]
        bracket = join([" [", *(join([each, "; "]) for each in about[:-1]), *about[-1:], "]"]) if about else ""
        title = None if child.concept is None else child.concept.words
        sentence += [element("span", _value(page, child), id=_id(child), title=title), bracket, " "]
    return join([*parts, element("p", *sentence, dir="auto") if sentence else ""])


def _rows(page: _Page, items: Iterable[ContentItem]) -> Markup:
    rows = [
        element(
            "tr",
            element("th", _concept(item), _relationship(item), scope="row", dir="auto"),
            element("td", _value(page, item), _observed(item), _nested(page, item), dir="auto"),
            id=_id(item),
            lang=_language(item),
        )
        for item in items
    ]
    return element("table", element("tbody", *rows), class_="rows")


def _measurements(page: _Page, items: list[ContentItem]) -> Markup:
    """A table such as a Measurement Group of TID 1500 asks for; what modifies a measurement stands in its row."""
    more = any(item.children or item.observed for item in items)
    heads = [element("th", head, scope="col") for head in ("Measurement", "Value", "Unit", *(["Details"] if more else []))]
    rows = []
    for item in items:
        number = item.number
        unit = number.unit if number is not None else None
        qualifier = number.qualifier if number is not None else None
        amount = [number.value if number is not None else "", element("div", qualifier.words, class_="code") if qualifier else ""]
        rows.append(
            element(
                "tr",
                element("th", _concept(item), scope="row", dir="auto"),
                element("td", *(amount if any(amount) else [_nothing()]), class_="amount"),
                element("td", words.unit(number) if number is not None else "", title=unit.words if unit else None, dir="auto"),
                element("td", _observed(item), _nested(page, item), dir="auto") if more else "",
                id=_id(item),
            )
        )
    return element("table", element("thead", element("tr", *heads)), element("tbody", *rows), class_="measurements")


def _nested(page: _Page, item: ContentItem) -> Markup:
    """What stands below a value: its modifiers, contexts, properties, and what it was inferred or selected from."""
    if not item.children:
        return element("p", "What is nested deeper is not shown.", class_="none") if item.deeper else Markup()
    lines = []
    for child in item.children:
        if child.value_type == "CONTAINER":
            lines.append(element("li", _section(page, child, 6)))
            continue
        text = [_relationship(child), " ", element("b", _concept(child)), ": ", _value(page, child)]
        lines.append(element("li", *text, _observed(child), _nested(page, child), id=_id(child), dir="auto", lang=_language(child)))
    return element("ul", *lines)


def _id(item: ContentItem) -> str:
    return f"item-{item.position}"


def _concept(item: ContentItem) -> Markup:
    if item.target:
        return Markup("Item")
    return element("span", words.concept(item), title=words.coded(item.concept) or None) if item.concept else escape(words.concept(item))


def _relationship(item: ContentItem) -> Markup:
    text = words.relationship(item)
    return element("span", text, class_="rel") if text else Markup()


def _observed(item: ContentItem) -> Markup:
    return element("span", f" observed {item.observed}", class_="when") if item.observed else Markup()


def _nothing() -> Markup:
    return element("span", "no value", class_="none")


def _value(page: _Page, item: ContentItem) -> Markup:
    if item.target:
        return _by_reference(page, item.target)
    if item.reference is not None:
        return _reference(page, item.reference)
    if item.code is not None:
        return _code(item.code)
    text = words.value(item)
    return element("span", text, class_="text", dir="auto", lang=_language(item)) if text else _nothing()


def _code(code: Code) -> Markup:
    which = words.coded(code) if code.meaning else code.scheme
    return join([element("bdi", code.words), element("span", f" ({which})", class_="code") if which else ""])


def _by_reference(page: _Page, position: str) -> Markup:
    """A by-reference relationship (PS3.3 C.17.3.1.2): a link to the item, if there is such a one."""
    found = page.items.get(position)
    if found is None:
        return join(["item ", position])
    return element("a", words.concept(found), " (item ", position, ")", href=f"#{_id(found)}")


def _reference(page: _Page, reference: Reference) -> Markup:
    target = page.targets.get(reference.instance)
    text = words.referenced(reference)
    if target is None:
        return join([text, element("span", f" {reference.instance}", class_="code") if reference.instance else ""])
    links = [_link(resources.instance(target), text)]
    if len(reference.frames) > 1 or (reference.frames and target.instance):
        links += [
            _link(resources.frames_uri(target, number), f"frame {number}") for number in reference.frames[: words.POINTS] if number > 0
        ]
    presentation = page.targets.get(reference.presentation)
    if presentation is not None:
        links.append(_link(resources.instance(presentation), "as its presentation state shows it"))
    return join([part for link in links for part in (link, " ")][:-1])


def _link(path: str, text: str) -> Markup:
    """A link to the rendered form of a resource; `path` is made of UIDs that were checked."""
    return element("a", text, href=Markup(f"{_BASE}{path}/rendered"))


def _evidence(heading: str, group: tuple[Listed, ...], *, is_open: bool) -> Markup:
    lines = [
        element(
            "li",
            _link(resources.instance(listed.target), sop_classes.name(listed.sop_class) or "Instance"),
            element("span", f" {listed.target.instance}", class_="code"),
        )
        for listed in group
    ]
    summary = element("summary", f"{heading}: {len(group)} instance{'s' if len(group) > 1 else ''}")
    return element("details", summary, element("ul", *lines), open="open" if is_open else None)
