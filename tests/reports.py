"""SR documents for the tests, made with pydicom."""

from __future__ import annotations

from typing import Any

from pydicom.dataset import Dataset

from app.dicom.item import Item
from app.dicomweb import dicom_json
from tests.builders import dataset, part10
from tests.unit.dicom.corpus_files import opened_bytes


def code(meaning: str, value: str = "T1", scheme: str = "99TEST") -> Dataset:
    made = Dataset()
    made.CodeValue, made.CodingSchemeDesignator, made.CodeMeaning = value, scheme, meaning
    return made


def item(
    value_type: str, concept: str | Dataset | None = None, *children: Dataset, relationship: str = "CONTAINS", **keywords: Any
) -> Dataset:
    """A Content Item; `keywords` are DICOM keywords."""
    made = Dataset()
    made.RelationshipType, made.ValueType = relationship, value_type
    if concept is not None:
        made.ConceptNameCodeSequence = [code(concept) if isinstance(concept, str) else concept]
    if value_type == "CONTAINER":
        made.ContinuityOfContent = "SEPARATE"
    for keyword, value in keywords.items():
        setattr(made, keyword, value)
    if children:
        made.ContentSequence = list(children)
    return made


def number(concept: str | Dataset, value: str | None, unit: Dataset | None = None, *children: Dataset, **keywords: Any) -> Dataset:
    measured = Dataset()
    if value is not None:
        measured.NumericValue = value
        measured.MeasurementUnitsCodeSequence = [unit or code("millimeter", "mm", "UCUM")]
    return item("NUM", concept, *children, MeasuredValueSequence=[measured] if value is not None else [], **keywords)


def reference(sop_class: str, instance: str, **keywords: Any) -> list[Dataset]:
    """A Referenced SOP Sequence of one item."""
    made = Dataset()
    made.ReferencedSOPClassUID, made.ReferencedSOPInstanceUID = sop_class, instance
    for keyword, value in keywords.items():
        setattr(made, keyword, value)
    return [made]


def evidence(study: str, series: str, *instances: tuple[str, str]) -> list[Dataset]:
    """An Evidence Sequence of one study and series; instances as (SOP Class, SOP Instance)."""
    in_series, in_study = Dataset(), Dataset()
    in_series.SeriesInstanceUID = series
    in_series.ReferencedSOPSequence = [each for pair in instances for each in reference(*pair)]
    in_study.StudyInstanceUID, in_study.ReferencedSeriesSequence = study, [in_series]
    return [in_study]


def document(title: str | None, *children: Dataset, **keywords: Any) -> Dataset:
    """A Comprehensive 3D SR document, or of the class that `SOPClassUID` names."""
    root = item("CONTAINER", title, *children)
    del root.RelationshipType
    given: dict[str, Any] = {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.34", "SpecificCharacterSet": "ISO_IR 192"} | keywords
    made = dataset(modality="SR", rows=0, **given)
    made.update(root)
    return made


def metadata(made: Dataset) -> Item:
    """The data set as it stands in the Metadata once it is stored."""
    source, header, tree = opened_bytes(part10(made))
    encoded = dicom_json.encode(source, tree.dataset, bulkdata_root="/here", transfer_syntax=header.transfer_syntax)
    return Item(encoded.object)
