"""Every transaction on every resource, as one table (PS3.18 10): what is asked, what it takes, what it answers, what is not there.

The routers, the Capabilities Description, the OpenAPI document, the HTTP reference and the conformance statement are all drawn from these
rows, and the tests read them. Must not know how a transaction is done. Paths are relative to the base URL; `{frames}` and the like are
described in PATH_PARAMETERS.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.dicomweb.media_types import DICOM as ONE_PART10
from app.dicomweb.media_types import DICOM_JSON, ZIP
from app.dicomweb.media_types import DICOM_XML as ONE_DICOM_XML
from app.dicomweb.media_types import OCTET_STREAM as ONE_OCTETS
from app.dicomweb.resources import INSTANCE, SERIES, STUDY

DICOM_XML = 'multipart/related; type="application/dicom+xml"'
JSON_AND_BULKDATA = 'multipart/related; type="application/dicom+json"'
NDJSON = "application/x-ndjson"
PART10 = 'multipart/related; type="application/dicom"'
OCTETS = 'multipart/related; type="application/octet-stream"'
JSON = "application/json"
WADL = "application/vnd.sun.wadl+xml"
BYTE_RANGES = "multipart/byteranges"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A part of the path or of the query: what it means, and an example value."""

    meaning: str
    example: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One status with its meaning, and the media types that its body can have; the first is the default."""

    status: int
    meaning: str
    media_types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Transaction:
    """One method on one resource. `missing` is empty, or says how the server answers because it does not have it yet.

    `parameters` name rows of QUERY_PARAMETERS, `body` the media types that a request's body can have, `errors` further statuses.
    """

    method: str
    path: str
    summary: str
    clause: str
    service: str
    answers: tuple[Answer, ...] = ()
    errors: tuple[int, ...] = ()
    parameters: tuple[str, ...] = ()
    body: tuple[str, ...] = ()
    remark: str = ""
    missing: str = ""

    @property
    def key(self) -> tuple[str, str]:
        return self.method, self.path


PATH_PARAMETERS = {
    "study": Parameter("Study Instance UID", "1.2.826.0.1.3680043.8.498.1"),
    "series": Parameter("Series Instance UID", "1.2.826.0.1.3680043.8.498.1.1"),
    "instance": Parameter("SOP Instance UID", "1.2.826.0.1.3680043.8.498.1.1.1"),
    "frames": Parameter("Frame numbers from 1, separated by commas; the answer keeps their order", "1,3,2"),
    "path": Parameter("Where the value stands: tag, item number from 1, tag …, as BulkDataURIs name it", "54000100/1/54001010"),
}
QUERY_PARAMETERS = {
    "PatientName": Parameter("Match, like every keyword, 8-digit tag or dotted path: a value, `*` and `?`, a range for dates", "doe*"),
    "StudyDate": Parameter("A day, or a range with a hyphen", "20240101-20241231"),
    "ModalitiesInStudy": Parameter("Studies in which any series has this modality", "CT"),
    "includefield": Parameter("Further attributes to return: keywords or tags with commas, or `all`", "StudyDescription"),
    "fuzzymatching": Parameter("`true`: names match by the beginnings of their words", "true"),
    "emptyvaluematching": Parameter('`true`: the value `""` matches what is absent or empty', "true"),
    "multiplevaluematching": Parameter("`true`: `A\\B` matches what has both values", "true"),
    "limit": Parameter("At most so many matches", "100"),
    "offset": Parameter("Leave out so many matches first", "0"),
    "orderby": Parameter("Extension: search keys to order by, `-` for descending; what has no value comes last", "PatientName,-StudyDate"),
    "count": Parameter("Extension: `true` tells in `X-Total-Count` how many match in all", "true"),
    "cursor": Parameter("Extension: goes on where an answer ended; taken from the URL in its `Link` header, rel=next", "b3BhcXVl"),
    "accept": Parameter("Acceptable media types, before those of the Accept header", "application/dicom+json"),
}
SEARCH_PARAMETERS = tuple(name for name in QUERY_PARAMETERS)
URI_PARAMETERS = {
    "requestType": Parameter("Always `WADO`", "WADO"),
    "studyUID": Parameter("Study Instance UID", PATH_PARAMETERS["study"].example),
    "seriesUID": Parameter("Series Instance UID", PATH_PARAMETERS["series"].example),
    "objectUID": Parameter("SOP Instance UID", PATH_PARAMETERS["instance"].example),
    "contentType": Parameter("`application/dicom`; rendered media types: 501", "application/dicom"),
    "transferSyntax": Parameter("One UID, or `*` for the file as stored; without it Explicit VR Little Endian", "*"),
    "anonymize": Parameter("`yes`: 501, for a file that cannot be de-identified is not sent at all", "yes"),
}
NEGOTIATION_PARAMETERS = {
    "resource": Parameter("The resource to ask for, below the base URL", f"/studies/{PATH_PARAMETERS['study'].example}/metadata"),
}
QUERY_PARAMETERS |= URI_PARAMETERS | NEGOTIATION_PARAMETERS

ERRORS = {
    304: "The copy you have is current",
    400: "The request breaks the grammar of PS3.18; the problem document says where",
    404: "There is no such resource for this caller",
    406: "Nothing on offer fits the Accept header; the problem document lists the offers",
    410: "It was deleted (setting retrieve.on_deleted)",
    413: "Beyond one of the limits",
    415: "The body is of a media type that is not taken",
    416: "The range lies outside of the resource",
    501: "A resource of the standard that this version does not have",
    503: "A backend does not answer; try again after Retry-After",
}


RANGE = Answer(206, "The range of a single part that was asked for", (ONE_OCTETS, BYTE_RANGES))


def _uri_service(path: str) -> Transaction:
    answers = (
        Answer(200, "The instance as a Part 10 file", (ONE_PART10,)),
        Answer(206, "The range that was asked for", (ONE_PART10, BYTE_RANGES)),
    )
    errors = (304, 400, 404, 406, 410, 416, 501, 503)
    return Transaction("GET", path, "Retrieve an instance by the URI service", "9.4", "URI", answers, errors, tuple(URI_PARAMETERS))


def _search(path: str, what: str) -> Transaction:
    answers = (Answer(200, "The matches, `[]` if nothing matches", (DICOM_JSON, DICOM_XML, NDJSON)),)
    return Transaction("GET", path, f"Search {what}", "10.6", "Search", answers, (400, 406, 413, 503), SEARCH_PARAMETERS)


def _patients() -> Transaction:
    answers = (Answer(200, "Who has a study that matches, by PatientID, with counts over all studies", (DICOM_JSON, DICOM_XML, NDJSON)),)
    names = tuple(name for name in SEARCH_PARAMETERS if name != "orderby")
    return Transaction("GET", "/patients", "Search patients", "", "Search", answers, (400, 406, 413, 503), names, remark="an extension")


def _retrieve(path: str, what: str, *media_types: str) -> Transaction:
    some = Answer(206, "Some instances have no acceptable form", (PART10, ZIP, OCTETS))
    errors: tuple[int, ...] = (304, 400, 404, 406, 410, 413, 503)
    if path == INSTANCE:
        some, errors = Answer(206, "The range of a single part that was asked for", (ONE_PART10, BYTE_RANGES)), (*errors, 416)
    answers = (Answer(200, f"{what} as Part 10 files; as octets, its bulkdata", (*media_types, ZIP, OCTETS)), some)
    return Transaction("GET", path, f"Retrieve {what}", "10.4", "Retrieve", answers, errors, ("accept",))


def _metadata(path: str, what: str) -> Transaction:
    single = (ONE_DICOM_XML,) if path == INSTANCE else ()
    answers = (Answer(200, "One object for each instance; in a zip, one file for each", (DICOM_JSON, DICOM_XML, *single, NDJSON, ZIP)),)
    errors = (304, 400, 404, 406, 410, 503)
    return Transaction("GET", path + "/metadata", f"Retrieve the metadata of {what}", "10.4", "Retrieve", answers, errors, ("accept",))


def _store(path: str, where: str) -> Transaction:
    report = (DICOM_JSON, DICOM_XML, ONE_DICOM_XML)
    answers = (
        Answer(200, "All are stored", report),
        Answer(202, "Some are stored, others not, or with warnings; the report tells which", report),
        Answer(409, "None is stored; the report tells why", report),
    )
    body = (PART10, ONE_PART10, JSON_AND_BULKDATA, DICOM_XML, DICOM_JSON, ONE_DICOM_XML, ZIP)
    errors = (400, 406, 413, 415, 503)
    return Transaction("POST", path, f"Store instances {where}", "10.5", "Store", answers, errors, ("accept",), body)


def _delete(path: str, what: str) -> Transaction:
    answers = (Answer(204, "Gone, everywhere and at once"),)
    return Transaction("DELETE", path, f"Delete {what}", "", "Delete", answers, (400, 404, 503), remark="an extension: not in PS3.18")


def _bulkdata(path: str, what: str, kind: str) -> Transaction:
    parts = "One part for each value, and for each frame of pixel data that are compressed or have several"
    answers = (
        Answer(200, f"{parts}; single for a resource of one value", (OCTETS, ONE_OCTETS, ZIP)),
        Answer(
            206,
            "Some instances have values without an acceptable form; or the range of a single part",
            (OCTETS, ONE_OCTETS, ZIP, BYTE_RANGES),
        ),
    )
    errors = (304, 400, 404, 406, 410, 413, 416, 503)
    return Transaction("GET", f"{path}/{kind}", f"Retrieve the {kind} of {what}", "10.4", "Retrieve", answers, errors, ("accept",))


def _absent(path: str, what: str, clause: str = "10.4") -> Transaction:
    return Transaction("GET", path, f"Retrieve {what}", clause, "Retrieve", errors=(501,), missing="501")


TRANSACTIONS: tuple[Transaction, ...] = (
    _store("/studies", "of any study"),
    _store(STUDY, "of this study"),
    _search("/studies", "studies"),
    _search("/series", "series of all studies"),
    _search("/instances", "instances of all studies"),
    _search(STUDY + "/series", "the series of a study"),
    _search(STUDY + "/instances", "the instances of a study"),
    _search(SERIES + "/instances", "the instances of a series"),
    _patients(),
    _retrieve(STUDY, "a study", PART10),
    _retrieve(SERIES, "a series", PART10),
    _retrieve(INSTANCE, "an instance", PART10, ONE_PART10),
    _metadata(STUDY, "a study"),
    _metadata(SERIES, "a series"),
    _metadata(INSTANCE, "an instance"),
    Transaction(
        "GET",
        INSTANCE + "/frames/{frames}",
        "Retrieve frames",
        "10.4",
        "Retrieve",
        (Answer(200, "One part for each frame, in the order asked for", (OCTETS, ONE_OCTETS)), RANGE),
        (304, 400, 404, 406, 410, 416, 503),
        ("accept",),
        remark="stored syntax, under its media type or as octets with its transfer-syntax parameter",
    ),
    *(
        _bulkdata(place, what, kind)
        for kind in ("bulkdata", "pixeldata")
        for place, what in ((STUDY, "a study"), (SERIES, "a series"), (INSTANCE, "an instance"))
    ),
    Transaction(
        "GET",
        INSTANCE + "/bulkdata/{path}",
        "Retrieve one bulkdata value",
        "10.4",
        "Retrieve",
        (Answer(200, "The value's bytes, little endian; a document under its own media type", (ONE_OCTETS, OCTETS)), RANGE),
        (304, 400, 404, 406, 410, 416, 503),
        ("accept",),
    ),
    _uri_service(""),
    _uri_service("/wado"),
    _delete(STUDY, "a study"),
    _delete(SERIES, "a series"),
    _delete(INSTANCE, "an instance"),
    Transaction(
        "OPTIONS",
        "",
        "Retrieve Capabilities",
        "8.9",
        "Capabilities",
        (Answer(200, "What the service can do", (WADL, JSON)),),
        (406,),
        ("accept",),
    ),
    Transaction(
        "GET",
        "/debug/negotiate",
        "Explain which representation a request would get",
        "8.7.8",
        "Capabilities",
        (Answer(200, "The media ranges as understood, the offers, the choice, and the status", (JSON,)),),
        (400, 503),
        ("resource", "accept"),
        remark="an extension: not in PS3.18",
    ),
    *(
        _absent(place + resource, f"{resource[1:]} of {what}")
        for place, what in ((STUDY, "a study"), (SERIES, "a series"), (INSTANCE, "an instance"))
        for resource in ("/rendered", "/thumbnail", "/renderedMPR", "/rendered3D")
    ),
    _absent(INSTANCE + "/frames/{frames}/rendered", "rendered frames"),
    _absent(INSTANCE + "/frames/{frames}/thumbnail", "a thumbnail of frames"),
)
"""Below the base URL. A row that gains its answers loses its `missing`."""

OPERATIONAL: tuple[Transaction, ...] = (
    Transaction("GET", "/health/live", "Does the process answer?", "", "Health", (Answer(200, "It does", (JSON,)),)),
    Transaction(
        "GET",
        "/health/ready",
        "Can every backend do its work?",
        "",
        "Health",
        (Answer(200, "All can", (JSON,)), Answer(503, "`checks` says which cannot, and why", (JSON,))),
    ),
    Transaction("GET", "/version", "Name and version", "", "Health", (Answer(200, "Both", (JSON,)),)),
)
"""At the server's root."""
