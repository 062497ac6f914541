"""Names of the files in a zip archive: numbers in the order of the answer, never anything that a data set says."""

from __future__ import annotations

from app.dicomweb.media_types import DICOM, DICOM_JSON
from app.model import Target, Uid

_SUFFIXES = {
    DICOM: "dcm",
    DICOM_JSON: "json",
    "application/pdf": "pdf",
    "image/dicom-rle": "rle",
    "image/jls": "jls",
    "image/jp2": "j2k",
    "image/jpeg": "jpg",
    "image/jphc": "jhc",
    "image/jpx": "jpx",
    "image/jxl": "jxl",
    "text/xml": "xml",
    "video/H265": "h265",
    "video/mp4": "h264",
    "video/mpeg": "mpg",
}
"""By media type. Videos and JPEG 2000 are bare streams without the container that the media type would have elsewhere."""


class Numbering:
    """Numbers series and instances as they come, one series after another: `0001/000001`, `0001/000002`, `0002/000001`."""

    def __init__(self) -> None:
        self._series: Uid | None = None
        self._folder = self._file = 0

    def place(self, target: Target) -> str:
        """The place of the next instance."""
        if target.series != self._series:
            self._series, self._folder, self._file = target.series, self._folder + 1, 0
        self._file += 1
        return f"{self._folder:04}/{self._file:06}"


def suffix(media_type: str) -> str:
    """The ending of a file of this media type, with its dot."""
    return "." + _SUFFIXES.get(media_type, "bin")
