"""An SR document, or another with a Content Sequence, made ready for reading (PS3.3 A.35, C.17): heading, content tree, what it refers to.

Made from the Metadata; one value, of which HTML and plain text are drawn. Must not know: markup, URLs, whether a reference can be followed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from app.dicom import readable, sop_classes, uid
from app.dicom.content_tree import ContentItem, tag, tree
from app.dicom.item import Item
from app.model import Target

EVIDENCE = 10_000
"""Referenced instances that are listed, over all sequences."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A referenced instance: where it is, and what."""

    target: Target
    sop_class: str


@dataclass(frozen=True, slots=True)
class Report:
    """`status` are the flags of the document, each with whether it reassures; `facts` label and value, in the order of reading.

    `targets` tells of each referenced SOP Instance UID where it lies, as the document says; `evidence` lists them under headings. The
    document is there for the sake of that list if it `selects` (Key Object Selection).
    """

    title: str
    status: tuple[tuple[str, bool], ...]
    facts: tuple[tuple[str, str], ...]
    root: ContentItem
    targets: Mapping[str, Target]
    evidence: tuple[tuple[str, tuple[Listed, ...]], ...]
    selects: bool


def report(dataset: Item) -> Report:
    """Whatever the data set lacks is left out."""
    sop_class = dataset.text(tag("SOPClassUID"))
    root = tree(dataset)
    title = (root.concept.words if root.concept else "") or dataset.text(tag("DocumentTitle"))
    evidence = tuple(_evidence(dataset))
    return Report(
        title or sop_classes.name(sop_class) or "Structured report",
        tuple(_status(dataset)),
        tuple(fact for fact in _facts(dataset) if fact[1]),
        root,
        {listed.target.instance: listed.target for _, group in evidence for listed in group if listed.target.instance},
        evidence,
        sop_class == "1.2.840.10008.5.1.4.1.1.88.59",
    )


_COMPLETION = {"COMPLETE": ("Complete", True), "PARTIAL": ("Partial: not complete", False)}
_VERIFICATION = {"VERIFIED": ("Verified", True), "UNVERIFIED": ("Not verified", False)}
_PRELIMINARY = {"FINAL": ("Final", True), "PRELIMINARY": ("Preliminary", False)}


def _status(dataset: Item) -> Iterator[tuple[str, bool]]:
    for keyword, words in (("CompletionFlag", _COMPLETION), ("PreliminaryFlag", _PRELIMINARY), ("VerificationFlag", _VERIFICATION)):
        value = dataset.text(tag(keyword))
        if value:
            yield words.get(value, (value, False))


def _facts(dataset: Item) -> Iterator[tuple[str, str]]:
    def text(keyword: str) -> str:
        return dataset.text(tag(keyword))

    def names(keyword: str) -> str:
        return "; ".join(filter(None, map(readable.name, dataset.values(tag(keyword)))))

    def moment(day: str, clock: str) -> str:
        return " ".join(filter(None, (readable.date(text(day)), readable.time(text(clock)))))

    yield "Patient", names("PatientName")
    yield "Patient ID", text("PatientID")
    yield "Born", readable.date(text("PatientBirthDate"))
    yield "Sex", {"F": "female", "M": "male", "O": "other"}.get(text("PatientSex"), text("PatientSex"))
    yield "Study", text("StudyDescription")
    yield "Study date", moment("StudyDate", "StudyTime")
    yield "Accession number", text("AccessionNumber")
    yield "Referring physician", names("ReferringPhysicianName")
    yield "Institution", text("InstitutionName")
    yield "Series", text("SeriesDescription")
    yield "Document date", moment("ContentDate", "ContentTime")
    yield "Completion", text("CompletionFlagDescription")
    for role, keyword in (("Author", "AuthorObserverSequence"), ("Participant", "ParticipantSequence")):
        for person in dataset.items(tag(keyword)):
            yield role, _joined(_person(person, "PersonName"), _device(person), person.text(tag("InstitutionName")))
    for observer in dataset.items(tag("VerifyingObserverSequence")):
        when = readable.date_time(observer.text(tag("VerificationDateTime")))
        yield "Verified by", _joined(_person(observer, "VerifyingObserverName"), observer.text(tag("VerifyingOrganization")), when)


def _person(item: Item, keyword: str) -> str:
    return "; ".join(filter(None, map(readable.name, item.values(tag(keyword)))))


def _device(item: Item) -> str:
    return _joined(item.text(tag("Manufacturer")), item.text(tag("ManufacturerModelName")))


def _joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


_HEADINGS = (
    ("CurrentRequestedProcedureEvidenceSequence", "Evidence"),
    ("PertinentOtherEvidenceSequence", "Other pertinent evidence"),
    ("PredecessorDocumentsSequence", "Earlier versions of this document"),
    ("IdenticalDocumentsSequence", "Identical documents"),
)


def _evidence(dataset: Item) -> Iterator[tuple[str, tuple[Listed, ...]]]:
    room = EVIDENCE
    for keyword, heading in _HEADINGS:
        found = tuple(each for each, _ in zip(_listed(dataset, keyword), range(room), strict=False))
        room -= len(found)
        if found:
            yield heading, found


def _listed(dataset: Item, keyword: str) -> Iterator[Listed]:
    """The instances of a Hierarchical SOP Instance Reference (Table C.17-3) whose UIDs are such."""
    for study in dataset.items(tag(keyword)):
        for series in study.items(tag("ReferencedSeriesSequence")):
            for instance in series.items(tag("ReferencedSOPSequence")):
                found = (
                    study.text(tag("StudyInstanceUID")),
                    series.text(tag("SeriesInstanceUID")),
                    instance.text(tag("ReferencedSOPInstanceUID")),
                )
                if all(map(uid.is_valid, found)):
                    yield Listed(Target(*map(uid.parse, found)), instance.text(tag("ReferencedSOPClassUID")))
