"""The parameters of paths and queries, each with its meaning and an example, by the transactions that know them (PS3.18 8.3, 9.4, 10).

What `transactions` names, and OpenAPI and the HTTP reference describe.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Parameter:
    """A part of the path or of the query: what it means, and an example value."""

    meaning: str
    example: str


_STUDY = "1.2.826.0.1.3680043.8.498.1"

PATH_PARAMETERS = {
    "study": Parameter("Study Instance UID", _STUDY),
    "series": Parameter("Series Instance UID", f"{_STUDY}.1"),
    "instance": Parameter("SOP Instance UID", f"{_STUDY}.1.1"),
    "prefix": Parameter("The key's prefix, as the list has it", "4f1c09ab7d"),
    "label": Parameter("A label: 1 to 64 letters, digits, `.`, `_`, `:`, `-`", "research"),
    "root": Parameter("Path of the DICOMweb service", "dicom-web"),
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
    "contentType": Parameter(
        "`application/dicom`, or rendered media types, best first; without it and without an Accept header `image/jpeg`",
        "application/dicom",
    ),
    "transferSyntax": Parameter("One UID, or `*` for the file as stored; without it Explicit VR Little Endian", "*"),
    "anonymize": Parameter("`yes`: 501, for a file that cannot be de-identified is not sent at all", "yes"),
    "rows": Parameter("Rendered: height at most, in pixels; the aspect is kept", "256"),
    "columns": Parameter("Rendered: width at most, in pixels; the aspect is kept", "256"),
    "region": Parameter("Rendered: left, top, right, bottom of a part of the image, in fractions of it", "0.25,0.25,0.75,0.75"),
    "windowCenter": Parameter("Rendered: with `windowWidth`, what is seen of the values", "40"),
    "windowWidth": Parameter("Rendered: with `windowCenter`", "400"),
    "frameNumber": Parameter("Rendered: which frame of a multi-frame image, from 1", "2"),
    "imageQuality": Parameter("Rendered: 1 to 100, where the media type knows a quality", "85"),
    "presentationUID": Parameter(
        "Rendered: a Presentation State of the study, under which the image is shown; with `presentationSeriesUID`", f"{_STUDY}.2.1"
    ),
    "presentationSeriesUID": Parameter("Rendered: its series", f"{_STUDY}.2"),
}
RENDERED_PARAMETERS = {
    "viewport": Parameter(
        "width,height of a box into which the picture is fitted; then x,y,width,height of the part of the image that is shown, in pixels, "
        "where a negative size flips. A thumbnail takes the box only",
        "256,256",
    ),
    "window": Parameter("center,width,function: `linear`, `linear-exact` or `sigmoid`", "40,400,linear"),
    "quality": Parameter("1 to 100, where the media type knows a quality", "85"),
    "annotation": Parameter("What is written on the picture: `patient`, `technique`, or both", "technique"),
    "iccprofile": Parameter("`no`, `yes`, `srgb`, `adobergb`, `rommrgb` or `displayp3`", "srgb"),
    "charset": Parameter("Of text outputs, which are UTF-8 always", "utf-8"),
}
VOLUME_PARAMETERS = {
    "volumeinputreference": Parameter(
        "What the volume is made of: UIDs of instances or series, or frame numbers of the instance, with commas; else the largest stack",
        f"{_STUDY}.1.1",
    ),
    "renderingmethod": Parameter(
        "`maximum_ip`, `minimum_ip`, `average_ip`, and for rendered3D `volume_rendered`; else the mean of a slab, volume rendering of "
        "CT and MR, the maximum of anything else",
        "maximum_ip",
    ),
    "orientation": Parameter("Seen from `a`nterior (default), `p`osterior, `r`ight, `l`eft, `h`ead or `f`eet", "a"),
    "viewpointposition": Parameter("x,y,z of the camera in the patient, in mm; not with `orientation`", "0,-300,0"),
    "viewpointlookat": Parameter("x,y,z of the middle of the picture; a reconstruction runs through it; else the middle", "0,0,0"),
    "viewpointup": Parameter("x,y,z of the direction that is up in the picture", "0,0,1"),
    "mprslab": Parameter("renderedMPR: thickness in mm; else a plane", "10"),
    "swivelrange": Parameter("An animation that swings so many degrees about `viewpointup`; 360 is a turn", "180"),
    "volumetriccurvepoint": Parameter("renderedMPR: an animation along these points, each x,y,z; may be given again and again", "0,0,-50"),
    "animationstepsize": Parameter("Degrees or mm from picture to picture; a swing has range / step pictures", "5"),
    "animationrate": Parameter("Pictures a second, else 10", "10"),
    "renderedvolumetricmetadata": Parameter("`yes`: no picture, but the parameters that it would be made with (Annex K)", "yes"),
    "EchoTime": Parameter("Match, like every keyword, tag or dotted path: which frames may belong to the volume", "90"),
}
VOLUME = ("accept", "viewport", "window", "quality", "iccprofile", *VOLUME_PARAMETERS)
RENDERING = ("accept", *RENDERED_PARAMETERS)
THUMBNAIL = ("accept", "viewport")
URI = (*URI_PARAMETERS, "annotation", "iccprofile", "charset")
NEGOTIATION_PARAMETERS = {
    "resource": Parameter("The resource to ask for, below the base URL", f"/studies/{PATH_PARAMETERS['study'].example}/metadata"),
}
SIGN_IN_PARAMETERS = {
    "return": Parameter("Path of this server to come back to", "/"),
}
ACCESS_PARAMETERS = {
    "patient": Parameter("A PatientID: on whom something was done; or in whose context a caller was launched", "4711"),
    "issuer": Parameter("Of that PatientID; of a caller: who vouches for him", "NORTH"),
    "patientIssuer": Parameter("Who issued the PatientID", "NORTH"),
    "subject": Parameter("A caller: user, service or owner of a key", "ann"),
    "action": Parameter("search, retrieve, store, update, delete, administer, review or sign-in", "retrieve"),
    "outcome": Parameter("success, NotModified, or the name of an error", "Forbidden"),
    "until": Parameter("Before this time", "2026-02-01T00:00:00Z"),
    "credential": Parameter("token, key or certificate", "token"),
    "role": Parameter("A role of the caller; may be given again and again, like `scope` and `purpose`", "reader"),
    "scope": Parameter("A scope of his credential", "user/ImagingStudy.rs"),
    "organisation": Parameter("His organisation", "north"),
    "purpose": Parameter("A purpose of use", "TREAT"),
    "address": Parameter("From where he asks", "192.0.2.7"),
    "at": Parameter("When he asks, else now", "2026-01-31T08:15:00Z"),
}
CHANGE_PARAMETERS = {
    "after": Parameter("Changes above this sequence; `latest` for those to come. Of a stream, Last-Event-ID comes first", "0"),
    "wait": Parameter("Seconds to wait for the first change if there is none, at most 300", "1"),
    "kind": Parameter("`stored`, `updated`, `deleted`, or several with commas", "stored,deleted"),
    "study": Parameter("Study Instance UIDs with commas", _STUDY),
    "since": Parameter("A time with its zone (RFC 3339)", "2024-01-31T10:15:00Z"),
}
CHANGES = ("after", "limit", "wait", "kind", "study", "since", "accept")
QUERY_PARAMETERS |= (
    CHANGE_PARAMETERS
    | URI_PARAMETERS
    | RENDERED_PARAMETERS
    | VOLUME_PARAMETERS
    | NEGOTIATION_PARAMETERS
    | SIGN_IN_PARAMETERS
    | ACCESS_PARAMETERS
)
