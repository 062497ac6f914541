"""Tables of attributes by level: which can be matched, which are always returned, to which level any tag belongs.

Knows the data dictionary (PS3.6) and the levels of the information model (PS3.4 C.6.2.1). Must not know: HTTP, SQL, encodings.
Attribute sets: PS3.18 10.6.1 (matching keys) and 10.6.3 (return attributes).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from pydicom.datadict import dictionary_has_tag, dictionary_VM, dictionary_VR, tag_for_keyword

from app.dicom import modules
from app.model import Level

DEPTH = {Level.STUDY: 0, Level.SERIES: 1, Level.INSTANCE: 2}
"""How far down each level lies; `DEPTH[a] > DEPTH[b]` says that a is the lower level."""


class Kind(StrEnum):
    """The normal form in which the values of an attribute are compared (`dicom.values`)."""

    UID = "uid"
    TEXT = "text"
    NAME = "name"
    DATE = "date"
    TIME = "time"
    DATETIME = "datetime"
    INTEGER = "integer"
    DECIMAL = "decimal"


@dataclass(frozen=True, slots=True)
class Key:
    """An attribute that can be matched.

    `path` is one 8-hex uppercase tag, or sequence and leaf; `vr` and `kind` are those of the leaf. `column` names the index's column of
    the table of that level; None if the values are kept one by one (names, multi-valued, nested) or nowhere: `computed_from` is the
    keyword of the lower-level key whose values, gathered over the study, make up this one. A site's own key (`site_keys`) may have a
    private attribute in its path, as `0009xx01:CREATOR`.
    """

    keyword: str
    path: tuple[str, ...]
    vr: str
    level: Level
    kind: Kind
    column: str | None
    computed_from: str = ""


KINDS = {"UI": Kind.UID, "PN": Kind.NAME, "DA": Kind.DATE, "TM": Kind.TIME, "DT": Kind.DATETIME, "DS": Kind.DECIMAL}
KINDS |= dict.fromkeys(("IS", "US", "SS", "UL", "SL", "SV", "UV"), Kind.INTEGER) | dict.fromkeys(("FL", "FD"), Kind.DECIMAL)

_COMPUTED = {"ModalitiesInStudy": "Modality", "SOPClassesInStudy": "SOPClassUID"}

# Several are possible for a resource, but this archive offers each instance in one transfer syntax.
_ONE_VALUE = frozenset({"AvailableTransferSyntaxUID"})

_STUDY = """
    StudyInstanceUID StudyDate StudyTime AccessionNumber StudyID StudyDescription ReferringPhysicianName ConsultingPhysicianName
    PhysiciansOfRecord NameOfPhysiciansReadingStudy RequestingPhysician RequestingService RequestedProcedureDescription
    AdmittingDiagnosesDescription AdmissionID PatientName PatientID IssuerOfPatientID TypeOfPatientID PatientBirthDate
    PatientBirthTime PatientSex PatientAge PatientSize PatientWeight OtherPatientIDs OtherPatientNames PatientSpeciesDescription
    PatientBreedDescription ResponsiblePerson PatientIdentityRemoved ClinicalTrialProtocolID ClinicalTrialSubjectID
    ClinicalTrialTimePointID ProcedureCodeSequence.CodeValue ProcedureCodeSequence.CodingSchemeDesignator
    IssuerOfAccessionNumberSequence.LocalNamespaceEntityID IssuerOfAccessionNumberSequence.UniversalEntityID
    OtherPatientIDsSequence.PatientID OtherPatientIDsSequence.IssuerOfPatientID
    ReferencedStudySequence.ReferencedSOPInstanceUID ModalitiesInStudy SOPClassesInStudy
"""

_SERIES = """
    SeriesInstanceUID Modality SeriesNumber SeriesDate SeriesTime SeriesDescription BodyPartExamined Laterality ProtocolName
    PatientPosition PresentationIntentType PerformedProcedureStepStartDate PerformedProcedureStepStartTime
    PerformedProcedureStepEndDate PerformedProcedureStepEndTime PerformedProcedureStepID PerformedProcedureStepDescription
    PerformingPhysicianName OperatorsName Manufacturer ManufacturerModelName StationName InstitutionName
    InstitutionalDepartmentName DeviceSerialNumber SoftwareVersions FrameOfReferenceUID SynchronizationFrameOfReferenceUID
    ClinicalTrialSeriesID
    RequestAttributesSequence.ScheduledProcedureStepID RequestAttributesSequence.RequestedProcedureID
    RequestAttributesSequence.AccessionNumber RequestAttributesSequence.StudyInstanceUID
    RequestAttributesSequence.RequestedProcedureDescription PerformedProtocolCodeSequence.CodeValue
    ReferencedPerformedProcedureStepSequence.ReferencedSOPInstanceUID
"""

_INSTANCE = """
    SOPInstanceUID SOPClassUID InstanceNumber ContentDate ContentTime AcquisitionDate AcquisitionTime AcquisitionDateTime
    AcquisitionNumber AcquisitionUID InstanceCreationDate InstanceCreationTime ImageType NumberOfFrames Rows Columns BitsAllocated
    PhotometricInterpretation ContentLabel ContentDescription ContentCreatorName DocumentTitle VerificationFlag CompletionFlag
    PresentationCreationDate PresentationCreationTime StructureSetLabel RTPlanLabel SliceLocation AvailableTransferSyntaxUID
    ImageLaterality ViewPosition ContrastBolusAgent
    ConceptNameCodeSequence.CodeValue ConceptNameCodeSequence.CodingSchemeDesignator ReferencedSeriesSequence.SeriesInstanceUID
    AnatomicRegionSequence.CodeValue SourceImageSequence.ReferencedSOPInstanceUID
"""


def tag(keyword: str) -> str:
    """The 8-hex uppercase tag of a keyword of PS3.6; KeyError if there is none."""
    number = tag_for_keyword(keyword)
    if number is None:
        raise KeyError(keyword)
    return f"{number:08X}"


def vr_of(hexadecimal: str) -> str:
    """The VR of a tag of PS3.6, the first one where there is a choice; UN for private and unknown tags."""
    number = int(hexadecimal, 16)
    return dictionary_VR(number).split(" or ")[0] if dictionary_has_tag(number) else "UN"


def _snake(keyword: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", keyword).lower().replace("_i_ds", "_ids")


def _key(name: str, level: Level) -> Key:
    path = tuple(tag(keyword) for keyword in name.split("."))
    vr = vr_of(path[-1])
    kind = KINDS.get(vr, Kind.TEXT)
    single = len(path) == 1 and kind is not Kind.NAME and (dictionary_VM(int(path[0], 16)) == "1" or name in _ONE_VALUE)
    return Key(name, path, vr, level, kind, _snake(name) if single else None, _COMPUTED.get(name, ""))


def _keys() -> Iterator[Key]:
    for level, names in ((Level.STUDY, _STUDY), (Level.SERIES, _SERIES), (Level.INSTANCE, _INSTANCE)):
        for name in names.split():
            yield _key(name, level)


KEYS: tuple[Key, ...] = tuple(_keys())
"""Every attribute that can be matched, from the top level down."""

KEY_BY_PATH: dict[tuple[str, ...], Key] = {key.path: key for key in KEYS}

KEYS_OF: dict[Level, tuple[Key, ...]] = {level: tuple(key for key in KEYS if key.level is level) for level in Level}

PATIENT_TAGS = frozenset(map(tag, modules.PATIENT.split()))
"""Tags of the Patient module: among those of a study, the ones that say who it is (PS3.3 C.7.1)."""

STUDY_TAGS = frozenset(map(tag, (modules.PATIENT + modules.STUDY).split()))
SERIES_TAGS = frozenset(map(tag, (modules.SERIES + modules.EQUIPMENT).split()))


def level_of(hexadecimal: str) -> Level:
    """The level to which a tag (8 hex digits, uppercase) belongs; what no module of a patient, study or series names is the instance's."""
    if hexadecimal in STUDY_TAGS:
        return Level.STUDY
    return Level.SERIES if hexadecimal in SERIES_TAGS else Level.INSTANCE


def _tags(keywords: str) -> tuple[str, ...]:
    return tuple(sorted(map(tag, keywords.split())))


REQUIRED: dict[Level, tuple[str, ...]] = {
    Level.STUDY: _tags(
        "SpecificCharacterSet StudyDate StudyTime AccessionNumber InstanceAvailability ModalitiesInStudy ReferringPhysicianName "
        "RetrieveURL PatientName PatientID PatientBirthDate PatientSex StudyInstanceUID StudyID NumberOfStudyRelatedSeries "
        "NumberOfStudyRelatedInstances"
    ),
    Level.SERIES: _tags(
        "SpecificCharacterSet InstanceAvailability Modality RetrieveURL SeriesInstanceUID SeriesNumber NumberOfSeriesRelatedInstances"
    ),
    Level.INSTANCE: _tags("SpecificCharacterSet SOPClassUID SOPInstanceUID InstanceAvailability RetrieveURL InstanceNumber"),
}
"""Tags that stand in every answer of a level, empty if there is no value (PS3.18 10.6.3, tables 10.6.3-3 to 10.6.3-5)."""

ALWAYS: dict[Level, tuple[str, ...]] = {
    Level.STUDY: _tags("TimezoneOffsetFromUTC StudyDescription SOPClassesInStudy IssuerOfPatientID"),
    Level.SERIES: _tags(
        "TimezoneOffsetFromUTC SeriesDate SeriesTime SeriesDescription BodyPartExamined PerformedProcedureStepStartDate "
        "PerformedProcedureStepStartTime RequestAttributesSequence StudyInstanceUID"
    ),
    Level.INSTANCE: _tags(
        "TimezoneOffsetFromUTC AvailableTransferSyntaxUID NumberOfFrames Rows Columns BitsAllocated StudyInstanceUID SeriesInstanceUID"
    ),
}
"""Tags that stand in every answer of a level if they have a value: the conditional ones of the same tables, and what viewers read."""

SHARED = _tags("TimezoneOffsetFromUTC")
"""Tags of the SOP Common module that are returned at every level (PS3.18 10.6.3)."""
