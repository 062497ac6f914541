"""Every transaction on every resource, as one table (PS3.18 10): what is asked, what it takes, what it answers, what is not there.

The routers, the Capabilities Description, the OpenAPI document, the HTTP reference and the conformance statement are all drawn from these
rows, and the tests read them. Must not know how a transaction is done. Paths are relative to the base URL; `{frames}` and the like are
described in `parameters`.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.dicomweb.media_types import DICOM as ONE_PART10
from app.dicomweb.media_types import DICOM_JSON, ZIP
from app.dicomweb.media_types import DICOM_XML as ONE_DICOM_XML
from app.dicomweb.media_types import OCTET_STREAM as ONE_OCTETS
from app.dicomweb.parameters import CHANGES, RENDERING, SEARCH_PARAMETERS, THUMBNAIL, URI, VOLUME
from app.dicomweb.rendering import IMAGES
from app.dicomweb.resources import FRAMES, INSTANCE, RENDERED_3D, RENDERED_MPR, SERIES, STUDY

DICOM_XML = 'multipart/related; type="application/dicom+xml"'
JSON_AND_BULKDATA = 'multipart/related; type="application/dicom+json"'
NDJSON = "application/x-ndjson"
PART10 = 'multipart/related; type="application/dicom"'
OCTETS = 'multipart/related; type="application/octet-stream"'
JSON = "application/json"
EVENT_STREAM = "text/event-stream"
WADL = "application/vnd.sun.wadl+xml"
BYTE_RANGES = "multipart/byteranges"
FRAME_TYPES = ("image/jpeg", "image/dicom-rle", "image/jls", "image/jp2", "image/jphc", "image/jxl")
"""What a frame can be sent as beside octets, stored or transcoded (PS3.18 Table 8.7.3-5)."""
FRAME_PARTS = tuple(f'multipart/related; type="{kind}"' for kind in FRAME_TYPES)
STREAMS = ("video/mp4", "video/mpeg", "video/H265", "application/pdf", "text/xml", "model/stl", "model/obj", "model/mtl")
"""What is shown as it is stored: videos and encapsulated documents."""
WRITTEN = ("text/html", "text/plain", "image/svg+xml")
"""What is written of reports (beside `text/xml`) and of waveforms."""


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


ERRORS = {
    304: "The copy you have is current",
    400: "The request breaks the grammar of PS3.18; the problem document says where",
    401: "Nobody is known by the credential, or there is none; WWW-Authenticate says how to sign in",
    403: "The caller may not do this at all",
    404: "There is no such resource for this caller",
    406: "Nothing on offer fits the Accept header; the problem document lists the offers",
    409: "The request is at odds with what is stored",
    410: "It was deleted (setting retrieve.on_deleted)",
    413: "Beyond one of the limits",
    415: "The body is of a media type that is not taken",
    416: "The range lies outside of the resource",
    422: "There is nothing to show, or the pixel data cannot be decoded",
    429: "Too many credentials of this address did not verify; try again after Retry-After",
    501: "A resource of the standard that this version does not have",
    503: "A backend does not answer; try again after Retry-After",
    507: "A disk or a quota is full; what is stored can still be read",
}


RANGE = Answer(206, "The range of a single part that was asked for", (ONE_OCTETS, BYTE_RANGES))


def _uri_service(path: str) -> Transaction:
    shown = (ONE_PART10, *IMAGES, *STREAMS, *WRITTEN)
    answers = (
        Answer(200, "The instance as a Part 10 file; as a picture or a text; a video or a document as it is", shown),
        Answer(206, "The range of a file, a video or a document that was asked for", (ONE_PART10, *STREAMS, BYTE_RANGES)),
    )
    errors = (304, 400, 404, 406, 410, 413, 416, 422, 501, 503)
    return Transaction("GET", path, "Retrieve an instance by the URI service", "9.4, 9.5", "URI", answers, errors, URI)


def _search(path: str, what: str) -> Transaction:
    answers = (Answer(200, "The matches, `[]` if nothing matches", (DICOM_JSON, DICOM_XML, NDJSON)),)
    return Transaction("GET", path, f"Search {what}", "10.6", "Search", answers, (400, 406, 413, 503), SEARCH_PARAMETERS)


def _patients() -> Transaction:
    answers = (Answer(200, "Who has a study that matches, by PatientID, with counts over all studies", (DICOM_JSON, DICOM_XML, NDJSON)),)
    names = tuple(name for name in SEARCH_PARAMETERS if name != "orderby")
    return Transaction("GET", "/patients", "Search patients", "", "Search", answers, (400, 406, 413, 503), names, remark="an extension")


def _retrieve(path: str, what: str, *media_types: str) -> Transaction:
    some = Answer(206, "Some instances have no acceptable form", (PART10, ZIP, OCTETS))
    errors: tuple[int, ...] = (304, 400, 404, 406, 410, 413, 422, 503)
    if path == INSTANCE:
        some, errors = Answer(206, "The range of a single part that was asked for", (ONE_PART10, BYTE_RANGES)), (*errors, 416)
    answers = (Answer(200, f"{what} as Part 10 files; as octets, its bulkdata", (*media_types, ZIP, OCTETS)), some)
    return Transaction("GET", path, f"Retrieve {what}", "10.4", "Retrieve", answers, errors, ("accept",))


def _metadata(path: str, what: str) -> Transaction:
    single = (ONE_DICOM_XML,) if path == INSTANCE else ()
    answers = (Answer(200, "One object for each instance; in a zip, one file for each", (DICOM_JSON, DICOM_XML, *single, NDJSON, ZIP)),)
    errors = (304, 400, 404, 406, 410, 503)
    return Transaction("GET", path + "/metadata", f"Retrieve the metadata of {what}", "10.4", "Retrieve", answers, errors, ("accept",))


def _labels() -> tuple[Transaction, ...]:
    path, remark = STUDY + "/labels", "an extension: not in PS3.18"
    one = path + "/{label}"
    return (
        Transaction(
            "GET", path, "List the labels of a study", "", "Labels", (Answer(200, "`labels`", (JSON,)),), (400, 404, 503), remark=remark
        ),
        Transaction("PUT", one, "Label a study", "", "Labels", (Answer(204, "It has the label"),), (400, 404, 409, 503), remark=remark),
        Transaction("DELETE", one, "Take a label off a study", "", "Labels", (Answer(204, "It is off"),), (400, 404, 503), remark=remark),
    )


def _store(path: str, where: str) -> Transaction:
    report = (DICOM_JSON, DICOM_XML, ONE_DICOM_XML)
    answers = (
        Answer(200, "All are stored", report),
        Answer(202, "Some are stored, others not, or with warnings; the report tells which", report),
        Answer(409, "None is stored; the report tells why", report),
    )
    body = (PART10, ONE_PART10, JSON_AND_BULKDATA, DICOM_XML, DICOM_JSON, ONE_DICOM_XML, ZIP)
    errors = (400, 406, 413, 415, 503, 507)
    return Transaction("POST", path, f"Store instances {where}", "10.5", "Store", answers, errors, ("accept",), body)


def _delete(path: str, what: str) -> Transaction:
    answers = (Answer(204, "Gone, everywhere and at once"),)
    return Transaction("DELETE", path, f"Delete {what}", "", "Delete", answers, (400, 404, 503), remark="an extension: not in PS3.18")


def _bulkdata(path: str, what: str, kind: str) -> Transaction:
    parts = "One part for each value, and for each frame of pixel data that are compressed or have several"
    answers = (
        Answer(200, f"{parts}; single for a resource of one value", (OCTETS, ONE_OCTETS, ZIP, *FRAME_PARTS, *FRAME_TYPES)),
        Answer(
            206,
            "Some instances have values without an acceptable form; or the range of a single part",
            (OCTETS, ONE_OCTETS, ZIP, *FRAME_PARTS, *FRAME_TYPES, BYTE_RANGES),
        ),
    )
    errors = (304, 400, 404, 406, 410, 413, 416, 422, 503)
    return Transaction("GET", f"{path}/{kind}", f"Retrieve the {kind} of {what}", "10.4", "Retrieve", answers, errors, ("accept",))


def _rendered(path: str, what: str, *bare: str) -> Transaction:
    kinds = IMAGES if path.endswith("{frames}") else (*IMAGES, *WRITTEN)
    parts = tuple(f'multipart/related; type="{kind}"' for kind in kinds)
    some = "Some instances cannot be shown in an acceptable form" + (
        "; or the range of a video or a document" if STREAMS[0] in bare else ""
    )
    answers = (
        Answer(
            200,
            f"{what[0].upper()}{what[1:]} as pictures, charts, texts; videos and documents as they are",
            (*parts, *bare),
        ),
        Answer(206, some, (*parts, *bare)),
    )
    errors = (304, 400, 404, 406, 410, 413, 422, 503) if STREAMS[0] not in bare else (304, 400, 404, 406, 410, 413, 416, 422, 503)
    return Transaction("GET", f"{path}/rendered", f"Retrieve {what} rendered", "10.4", "Rendered", answers, errors, RENDERING)


def _thumbnail(path: str, what: str) -> Transaction:
    answers = (Answer(200, "One picture, at most 256 pixels wide and high unless a viewport says otherwise, never enlarged", IMAGES),)
    errors = (304, 400, 404, 406, 410, 413, 422, 503)
    return Transaction("GET", f"{path}/thumbnail", f"Retrieve a thumbnail of {what}", "10.4", "Rendered", answers, errors, THUMBNAIL)


def _volume(path: str, what: str, name: str) -> Transaction:
    mpr = name == RENDERED_MPR
    made = "Multi-planar reconstruction" if mpr else "Projection or volume rendering"
    parts = tuple(f'multipart/related; type="{kind}"' for kind in IMAGES)
    metadata = (DICOM_JSON, DICOM_XML, ONE_DICOM_XML)
    answers = (Answer(200, f"{made} of the volume that {what} holds: one picture, or an animation", (*IMAGES, *parts, *metadata)),)
    clause = "10.4.1.1.7" if mpr else "10.4.1.1.8"
    errors = (304, 400, 404, 406, 410, 413, 422, 501, 503)
    remark = f"also spelled {name.lower()}, as in the examples of PS3.18 B.33"
    summary = f"Retrieve {what} as {'a multi-planar reconstruction' if mpr else 'a 3D view'} of its volume"
    return Transaction("GET", f"{path}/{name}", summary, clause, "Rendered", answers, errors, VOLUME, remark=remark)


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
        FRAMES,
        "Retrieve frames",
        "10.4",
        "Retrieve",
        (
            Answer(200, "One part for each frame, in the order asked for", (OCTETS, ONE_OCTETS, *FRAME_PARTS, *FRAME_TYPES)),
            Answer(206, "The range of a single part that was asked for", (ONE_OCTETS, *FRAME_TYPES, BYTE_RANGES)),
        ),
        (304, 400, 404, 406, 410, 413, 416, 422, 503),
        ("accept",),
        remark="as stored or transcoded, under the media type of the syntax or as octets with its transfer-syntax parameter",
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
        (304, 400, 404, 406, 410, 413, 416, 422, 503),
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
    Transaction(
        "GET",
        "/changes",
        "Follow what is stored, updated and deleted",
        "",
        "Changes",
        (Answer(200, "The changes after a sequence, oldest first; as events, also those to come", (JSON, NDJSON, EVENT_STREAM)),),
        (400, 406, 413, 503),
        CHANGES,
        remark="an extension: not in PS3.18",
    ),
    Transaction(
        "GET",
        "/changes/latest",
        "Find the newest change",
        "",
        "Changes",
        (Answer(200, "The newest change alone, or none: where to begin to follow", (JSON, NDJSON)),),
        (400, 406, 413, 503),
        tuple(name for name in CHANGES if name not in ("after", "limit", "wait")),
        remark="an extension: not in PS3.18",
    ),
    *_labels(),
    _rendered(STUDY, "a study"),
    _rendered(SERIES, "a series"),
    _rendered(INSTANCE, "an instance", *IMAGES, *STREAMS, *WRITTEN),
    _rendered(FRAMES, "frames", *IMAGES),
    _thumbnail(STUDY, "a study"),
    _thumbnail(SERIES, "a series"),
    _thumbnail(INSTANCE, "an instance"),
    _thumbnail(FRAMES, "frames"),
    *(
        _volume(place, what, name)
        for place, what in ((STUDY, "a study"), (SERIES, "a series"), (INSTANCE, "an instance"), (FRAMES, "frames"))
        for name in (RENDERED_MPR, RENDERED_3D)
    ),
)
"""Below the base URL. A row that gains its answers loses its `missing`."""
