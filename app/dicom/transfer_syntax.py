"""One table of transfer syntaxes (PS3.5 annex A, PS3.6 table A-1) and of the media type of their frames (PS3.18 8.7.3.3).

Must not know: objects or requests.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.model import Uid

IMPLICIT_LE = Uid("1.2.840.10008.1.2")
EXPLICIT_LE = Uid("1.2.840.10008.1.2.1")
ENCAPSULATED_UNCOMPRESSED = Uid("1.2.840.10008.1.2.1.98")
DEFLATED_LE = Uid("1.2.840.10008.1.2.1.99")
EXPLICIT_BE = Uid("1.2.840.10008.1.2.2")
JPEG_BASELINE = Uid("1.2.840.10008.1.2.4.50")
JPEG_EXTENDED = Uid("1.2.840.10008.1.2.4.51")
JPEG_LOSSLESS = Uid("1.2.840.10008.1.2.4.57")
JPEG_LOSSLESS_SV1 = Uid("1.2.840.10008.1.2.4.70")
JPEG_LS_LOSSLESS = Uid("1.2.840.10008.1.2.4.80")
JPEG_LS_NEAR_LOSSLESS = Uid("1.2.840.10008.1.2.4.81")
JPEG_2000_LOSSLESS = Uid("1.2.840.10008.1.2.4.90")
JPEG_2000 = Uid("1.2.840.10008.1.2.4.91")
JPEG_XL_LOSSLESS = Uid("1.2.840.10008.1.2.4.110")
JPEG_XL_JPEG_RECOMPRESSION = Uid("1.2.840.10008.1.2.4.111")
JPEG_XL = Uid("1.2.840.10008.1.2.4.112")
HTJ2K_LOSSLESS = Uid("1.2.840.10008.1.2.4.201")
HTJ2K_LOSSLESS_RPCL = Uid("1.2.840.10008.1.2.4.202")
HTJ2K = Uid("1.2.840.10008.1.2.4.203")
RLE_LOSSLESS = Uid("1.2.840.10008.1.2.5")
GE_IMPLICIT_BE = Uid("1.2.840.113619.5.2")
"""Private to GE: the data set is Implicit VR Little Endian, and only the words of Pixel Data are big endian."""

_OCTETS = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class TransferSyntax:
    """How a data set is encoded: `explicit` VR or implicit, `little` or big endian, pixel data `encapsulated` or native.

    `deflated`: the whole data set is a raw deflate stream. `lossy`: frames can never be what they were before compression (a syntax that
    allows both is not lossy). `video`: frames are not addressable. `media_type` is that of one frame (PS3.18 table 8.7.3-5).
    """

    uid: Uid
    name: str
    explicit: bool = True
    little: bool = True
    encapsulated: bool = False
    deflated: bool = False
    lossy: bool = False
    video: bool = False
    media_type: str = _OCTETS

    @property
    def rewritten(self) -> bool:
        """Whether the bytes of an object must change before it goes out: deflated or big endian, if only in its pixels."""
        return self.deflated or not self.little or self.uid == GE_IMPLICIT_BE

    @property
    def lossless(self) -> bool:
        """Whether frames are surely what they were before compression: not where a syntax allows both."""
        return not self.lossy and self.uid not in _EITHER


_EITHER = {JPEG_LS_NEAR_LOSSLESS, JPEG_2000, Uid("1.2.840.10008.1.2.4.93"), JPEG_XL_JPEG_RECOMPRESSION, JPEG_XL, HTJ2K}


def _frames(suffix: str, name: str, media_type: str, *, lossy: bool = False) -> TransferSyntax:
    return TransferSyntax(Uid(f"1.2.840.10008.1.2.{suffix}"), name, encapsulated=True, lossy=lossy, media_type=media_type)


def _video(suffix: str, name: str, media_type: str) -> TransferSyntax:
    uid = Uid(f"1.2.840.10008.1.2.4.{suffix}")
    return TransferSyntax(uid, name, encapsulated=True, lossy=True, video=True, media_type=media_type)


def _referenced(suffix: str, name: str, *, deflated: bool = False) -> TransferSyntax:
    return TransferSyntax(Uid(f"1.2.840.10008.1.2.{suffix}"), name, deflated=deflated)


_TABLE = {
    syntax.uid: syntax
    for syntax in (
        TransferSyntax(IMPLICIT_LE, "Implicit VR Little Endian", explicit=False),
        TransferSyntax(EXPLICIT_LE, "Explicit VR Little Endian"),
        TransferSyntax(ENCAPSULATED_UNCOMPRESSED, "Encapsulated Uncompressed Explicit VR Little Endian", encapsulated=True),
        TransferSyntax(DEFLATED_LE, "Deflated Explicit VR Little Endian", deflated=True),
        TransferSyntax(EXPLICIT_BE, "Explicit VR Big Endian", little=False),
        TransferSyntax(GE_IMPLICIT_BE, "GE Private Implicit VR with Big Endian Pixel Data", explicit=False),
        TransferSyntax(Uid("1.2.840.10008.1.20"), "Papyrus 3 Implicit VR Little Endian", explicit=False),
        _frames("4.50", "JPEG Baseline (Process 1)", "image/jpeg", lossy=True),
        _frames("4.51", "JPEG Extended (Process 2 and 4)", "image/jpeg", lossy=True),
        _frames("4.52", "JPEG Extended (Process 3 and 5)", "image/jpeg", lossy=True),
        _frames("4.53", "JPEG Spectral Selection, Non-Hierarchical (Process 6 and 8)", "image/jpeg", lossy=True),
        _frames("4.54", "JPEG Spectral Selection, Non-Hierarchical (Process 7 and 9)", "image/jpeg", lossy=True),
        _frames("4.55", "JPEG Full Progression, Non-Hierarchical (Process 10 and 12)", "image/jpeg", lossy=True),
        _frames("4.56", "JPEG Full Progression, Non-Hierarchical (Process 11 and 13)", "image/jpeg", lossy=True),
        _frames("4.57", "JPEG Lossless, Non-Hierarchical (Process 14)", "image/jpeg"),
        _frames("4.58", "JPEG Lossless, Non-Hierarchical (Process 15)", "image/jpeg"),
        _frames("4.59", "JPEG Extended, Hierarchical (Process 16 and 18)", "image/jpeg", lossy=True),
        _frames("4.60", "JPEG Extended, Hierarchical (Process 17 and 19)", "image/jpeg", lossy=True),
        _frames("4.61", "JPEG Spectral Selection, Hierarchical (Process 20 and 22)", "image/jpeg", lossy=True),
        _frames("4.62", "JPEG Spectral Selection, Hierarchical (Process 21 and 23)", "image/jpeg", lossy=True),
        _frames("4.63", "JPEG Full Progression, Hierarchical (Process 24 and 26)", "image/jpeg", lossy=True),
        _frames("4.64", "JPEG Full Progression, Hierarchical (Process 25 and 27)", "image/jpeg", lossy=True),
        _frames("4.65", "JPEG Lossless, Hierarchical (Process 28)", "image/jpeg"),
        _frames("4.66", "JPEG Lossless, Hierarchical (Process 29)", "image/jpeg"),
        _frames("4.70", "JPEG Lossless, Non-Hierarchical, First-Order Prediction (Process 14, Selection Value 1)", "image/jpeg"),
        _frames("4.80", "JPEG-LS Lossless", "image/jls"),
        _frames("4.81", "JPEG-LS Lossy (Near-Lossless)", "image/jls"),
        _frames("4.90", "JPEG 2000 (Lossless Only)", "image/jp2"),
        _frames("4.91", "JPEG 2000", "image/jp2"),
        _frames("4.92", "JPEG 2000 Part 2 Multi-component (Lossless Only)", "image/jpx"),
        _frames("4.93", "JPEG 2000 Part 2 Multi-component", "image/jpx"),
        _referenced("4.94", "JPIP Referenced"),
        _referenced("4.95", "JPIP Referenced Deflate", deflated=True),
        _video("100", "MPEG2 Main Profile / Main Level", "video/mpeg"),
        _video("100.1", "Fragmentable MPEG2 Main Profile / Main Level", "video/mpeg"),
        _video("101", "MPEG2 Main Profile / High Level", "video/mpeg"),
        _video("101.1", "Fragmentable MPEG2 Main Profile / High Level", "video/mpeg"),
        _video("102", "MPEG-4 AVC/H.264 High Profile / Level 4.1", "video/mp4"),
        _video("102.1", "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.1", "video/mp4"),
        _video("103", "MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1", "video/mp4"),
        _video("103.1", "Fragmentable MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1", "video/mp4"),
        _video("104", "MPEG-4 AVC/H.264 High Profile / Level 4.2 For 2D Video", "video/mp4"),
        _video("104.1", "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.2 For 2D Video", "video/mp4"),
        _video("105", "MPEG-4 AVC/H.264 High Profile / Level 4.2 For 3D Video", "video/mp4"),
        _video("105.1", "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.2 For 3D Video", "video/mp4"),
        _video("106", "MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2", "video/mp4"),
        _video("106.1", "Fragmentable MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2", "video/mp4"),
        _video("107", "HEVC/H.265 Main Profile / Level 5.1", "video/H265"),
        _video("108", "HEVC/H.265 Main 10 Profile / Level 5.1", "video/H265"),
        _frames("4.110", "JPEG XL Lossless", "image/jxl"),
        _frames("4.111", "JPEG XL JPEG Recompression", "image/jxl"),
        _frames("4.112", "JPEG XL", "image/jxl"),
        _frames("4.201", "High-Throughput JPEG 2000 (Lossless Only)", "image/jphc"),
        _frames("4.202", "High-Throughput JPEG 2000 with RPCL Options (Lossless Only)", "image/jphc"),
        _frames("4.203", "High-Throughput JPEG 2000", "image/jphc"),
        _referenced("4.204", "JPIP HTJ2K Referenced"),
        _referenced("4.205", "JPIP HTJ2K Referenced Deflate", deflated=True),
        _frames("5", "RLE Lossless", "image/dicom-rle"),
        _referenced("6.1", "RFC 2557 MIME encapsulation"),
        _referenced("6.2", "XML Encoding"),
        _referenced("7.1", "SMPTE ST 2110-20 Uncompressed Progressive Active Video"),
        _referenced("7.2", "SMPTE ST 2110-20 Uncompressed Interlaced Active Video"),
        _referenced("7.3", "SMPTE ST 2110-30 PCM Digital Audio"),
        _frames("8.1", "Deflated Image Frame Compression", _OCTETS),
    )
}


def known() -> tuple[TransferSyntax, ...]:
    """Every syntax of the table, in its order."""
    return tuple(_TABLE.values())


def is_known(uid: str) -> bool:
    """Whether the table has this syntax."""
    return uid in _TABLE


def lookup(uid: str) -> TransferSyntax:
    """What is known of the syntax. One that is not in the table is taken for what new ones are: explicit, little, encapsulated."""
    return _TABLE.get(Uid(uid)) or TransferSyntax(Uid(uid), "unknown", encapsulated=True)
