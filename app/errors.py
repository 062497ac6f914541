"""Every error that Radiolucent answers with, declared once with its HTTP status.

    DicomwebError
    |- BadRequest 400            the request breaks the grammar of PS3.18
    |  |- InvalidQuery             a search key, value or parameter
    |  |- InvalidTarget            a UID or frame number in the path
    |  `- InvalidMultipart         the body of a Store request
    |- Unauthorized 401          no credential, or one that does not verify
    |- Forbidden 403             a known caller, and nothing at all is allowed
    |- NotFound 404              absent, or hidden from this caller: the two are the same
    |- NotAcceptable 406         no representation on offer fits the Accept header; `offers` names what would
    |- Conflict 409              the request is at odds with what is stored
    |- Gone 410                  known to have been deleted
    |- TooLarge 413              beyond one of the limits
    |- UnsupportedMediaType 415  a body in a media type that we do not take
    |- RangeNotSatisfiable 416   a byte range outside of the resource
    |- TooMany 429               more attempts, or more heavy work, than one address is allowed
    |- Unprocessable 422         pixel data that cannot be decoded, or an object that cannot be shown
    |- Corrupt 500               stored bytes that are not what they were
    |  `- Missing                  stored bytes that are not there, although a row says so
    |- NotSupported 501          a transaction of the standard that we do not have
    `- Unavailable 503           a backend does not answer
       |- Busy                     a bounded queue is full
       `- InsufficientStorage 507  a disk or a quota is full; what is stored can still be read

Details are sentences a hospital's IT can act on, without a full stop at the end: what joins them, or shows them, sets its own. They never
hold a value of a data set, a path, SQL, or the name of a host.
`clause` names the place in the standard that asks for it. One renderer, `api/problems.py`, makes RFC 9457 documents of them.
"""

from __future__ import annotations

from collections.abc import Sequence


class DicomwebError(Exception):
    """The root: `detail` is for people, `clause` names the standard's section, `status` is the HTTP status."""

    status = 500
    title = "Internal error"

    def __init__(self, detail: str, *, clause: str = "", offers: Sequence[str] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.clause = clause
        self.offers = tuple(offers)


class BadRequest(DicomwebError):
    status = 400
    title = "Bad request"


class InvalidQuery(BadRequest):
    title = "Invalid query"


class InvalidTarget(BadRequest):
    title = "Invalid resource address"


class InvalidMultipart(BadRequest):
    title = "Invalid multipart body"


class Unauthorized(DicomwebError):
    """`invalid`: a credential was sent, and does not verify; else there was none (RFC 6750 3)."""

    status = 401
    title = "Authentication required"

    def __init__(self, detail: str, *, clause: str = "", invalid: bool = False) -> None:
        super().__init__(detail, clause=clause)
        self.invalid = invalid


class Forbidden(DicomwebError):
    """`scope`: one that would have been enough, if that was what the credential lacks (RFC 6750 3.1)."""

    status = 403
    title = "Forbidden"

    def __init__(self, detail: str, *, clause: str = "", scope: str = "") -> None:
        super().__init__(detail, clause=clause)
        self.scope = scope


class NotFound(DicomwebError):
    status = 404
    title = "Not found"


class NotAcceptable(DicomwebError):
    status = 406
    title = "Not acceptable"


class Conflict(DicomwebError):
    status = 409
    title = "Conflict"


class Gone(DicomwebError):
    status = 410
    title = "Gone"


class TooLarge(DicomwebError):
    status = 413
    title = "Too large"


class UnsupportedMediaType(DicomwebError):
    status = 415
    title = "Unsupported media type"


class RangeNotSatisfiable(DicomwebError):
    """`length` is that of the whole representation, in bytes."""

    status = 416
    title = "Range not satisfiable"

    def __init__(self, detail: str, *, length: int, clause: str = "") -> None:
        super().__init__(detail, clause=clause)
        self.length = length


class TooMany(DicomwebError):
    """`seconds` until another attempt is of use."""

    status = 429
    title = "Too many requests"

    def __init__(self, detail: str, *, seconds: int, clause: str = "RFC 6585 4") -> None:
        super().__init__(detail, clause=clause)
        self.seconds = seconds


class Unprocessable(DicomwebError):
    status = 422
    title = "Cannot be processed"


class Corrupt(DicomwebError):
    status = 500
    title = "Stored data is damaged"


class Missing(Corrupt):
    title = "Stored data is missing"


class NotSupported(DicomwebError):
    status = 501
    title = "Not supported"


class Unavailable(DicomwebError):
    status = 503
    title = "Temporarily unavailable"


class Busy(Unavailable):
    title = "Too busy"


class InsufficientStorage(Unavailable):
    status = 507
    title = "Insufficient storage"
