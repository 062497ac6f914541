"""Small real DICOM objects for the tests, made with pydicom, and the corpus of files that pydicom brings along."""

from __future__ import annotations

import importlib
import itertools
import struct
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

ROOT = "1.2.826.0.1.3680043.8.498.7777"
SOP_CLASSES = {
    "CT": "1.2.840.10008.5.1.4.1.1.2",
    "MR": "1.2.840.10008.5.1.4.1.1.4",
    "US": "1.2.840.10008.5.1.4.1.1.6.1",
    "OT": "1.2.840.10008.5.1.4.1.1.7",
    "CR": "1.2.840.10008.5.1.4.1.1.1",
    "SR": "1.2.840.10008.5.1.4.1.1.88.11",
}
_NOT_DICOM = {".py", ".pyc", ".json", ".txt", ".md", ".dump", ".icc", ".gz"}
_numbers = itertools.count(1)


class MemorySource:
    """A Source (app.dicom.window) over bytes; `reads` counts the calls and `bytes_read` what they gave."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.reads = 0
        self.bytes_read = 0

    @property
    def size(self) -> int:
        return len(self.data)

    def read(self, offset: int, length: int) -> bytes:
        self.reads += 1
        found = self.data[offset : offset + length]
        self.bytes_read += len(found)
        return found


def fresh_uid() -> str:
    """A UID that no other call in this process gives."""
    return f"{ROOT}.{next(_numbers)}"


def dataset(
    *,
    modality: str = "CT",
    patient_name: str = "Doe^Jane",
    study_uid: str | None = None,
    series_uid: str | None = None,
    instance_uid: str | None = None,
    transfer_syntax: str = ExplicitVRLittleEndian,
    rows: int = 8,
    columns: int = 8,
    frames: int = 1,
    bits: int = 16,
    pixels: bytes | None = None,
    **keywords: Any,
) -> Dataset:
    """A data set with File Meta Information; `keywords` are DICOM keywords, and None as their value takes an attribute away.

    `pixels` is what stands in Pixel Data, by default a ramp of the right length; rows=0 leaves all pixel attributes out.
    """
    made = Dataset()
    made.SOPClassUID = SOP_CLASSES.get(modality, SOP_CLASSES["OT"])
    made.SOPInstanceUID = instance_uid or fresh_uid()
    made.StudyInstanceUID = study_uid or fresh_uid()
    made.SeriesInstanceUID = series_uid or fresh_uid()
    made.StudyDate, made.StudyTime = "20240229", "101500"
    made.AccessionNumber, made.StudyID = "ACC1", "1"
    made.ReferringPhysicianName = "Roe^Richard"
    made.Modality = modality
    made.PatientName, made.PatientID = patient_name, "PID1"
    made.PatientBirthDate, made.PatientSex = "19700101", "F"
    made.SeriesNumber, made.InstanceNumber = 1, 1
    if rows:
        _add_pixels(made, rows, columns, frames, bits, pixels)
    for keyword, value in keywords.items():
        if value is not None:
            setattr(made, keyword, value)
        elif keyword in made:
            delattr(made, keyword)
    made.file_meta = FileMetaDataset()
    made.file_meta.MediaStorageSOPClassUID = made.get("SOPClassUID", SOP_CLASSES["OT"])
    made.file_meta.MediaStorageSOPInstanceUID = made.get("SOPInstanceUID", "1.2.3")
    made.file_meta.TransferSyntaxUID = pydicom.uid.UID(transfer_syntax)
    return made


def _add_pixels(made: Dataset, rows: int, columns: int, frames: int, bits: int, pixels: bytes | None) -> None:
    made.Rows, made.Columns, made.SamplesPerPixel = rows, columns, 1
    made.PhotometricInterpretation = "MONOCHROME2"
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = bits, bits, bits - 1, 0
    if frames != 1:
        made.NumberOfFrames = frames
    size = (rows * columns * frames * bits + 7) // 8
    ramp = bytes(range(251)) * (size // 251 + 1)
    made.PixelData = pixels if pixels is not None else ramp[:size] + bytes(size % 2)
    made["PixelData"].VR = "OW" if bits > 8 else "OB"


def part10(made: Dataset) -> bytes:
    """The data set as a Part 10 file in the transfer syntax that its File Meta Information names."""
    stream = BytesIO()
    pydicom.dcmwrite(stream, made, enforce_file_format=True)
    return stream.getvalue()


def instance(**keywords: Any) -> bytes:
    """A Part 10 file; arguments as `dataset`."""
    return part10(dataset(**keywords))


def study(series: int = 2, instances: int = 3, **keywords: Any) -> list[bytes]:
    """The Part 10 files of one study: `series` times `instances`, numbered from 1."""
    study_uid = keywords.pop("study_uid", None) or fresh_uid()
    made = []
    for series_number in range(1, series + 1):
        series_uid = fresh_uid()
        numbers = {"SeriesNumber": series_number} | keywords
        made += [
            instance(study_uid=study_uid, series_uid=series_uid, **({"InstanceNumber": number} | numbers))
            for number in range(1, instances + 1)
        ]
    return made


def encapsulated(
    frames: Sequence[bytes],
    transfer_syntax: str,
    *,
    bot: bool = True,
    eot: bool = False,
    fragments_per_frame: int = 1,
    delimiter: bool = True,
    **keywords: Any,
) -> bytes:
    """A Part 10 file with these frames as encapsulated Pixel Data: each cut into `fragments_per_frame` even pieces.

    `bot`: with a Basic Offset Table; `eot`: with an Extended Offset Table (the basic one is then empty); `delimiter`: closed at the end.
    """
    items, offsets, lengths = [], [], []
    position = 0
    for frame in frames:
        offsets.append(position)
        lengths.append(len(frame))
        for piece in _pieces(frame, fragments_per_frame):
            items.append(_item(piece))
            position += len(items[-1])
    table = _item(struct.pack(f"<{len(offsets)}L", *offsets) if bot and not eot else b"")
    value = table + b"".join(items) + (b"\xfe\xff\xdd\xe0\0\0\0\0" if delimiter else b"")
    extended: dict[str, Any] = {}
    if eot:
        extended["ExtendedOffsetTable"] = struct.pack(f"<{len(offsets)}Q", *offsets)
        extended["ExtendedOffsetTableLengths"] = struct.pack(f"<{len(lengths)}Q", *lengths)
    defaults: dict[str, Any] = {"frames": len(frames), "pixels": b"", "bits": 8}
    made = dataset(transfer_syntax=transfer_syntax, **(defaults | extended | keywords))
    del made.PixelData
    return part10(made) + b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff" + value


def compressed(transfer_syntax: str, **keywords: Any) -> bytes:
    """A Part 10 file whose frames were encoded by pydicom's encoders (JPEG-LS, JPEG 2000, RLE); arguments as `dataset`.

    32 rows and columns: smaller ones OpenJPEG does not take.
    """
    made = dataset(**({"rows": 32, "columns": 32} | keywords))
    made.compress(transfer_syntax, generate_instance_uid=False)
    return part10(made)


def _pieces(frame: bytes, count: int) -> list[bytes]:
    size = max(2, -(-len(frame) // count // 2) * 2)
    return [frame[start : start + size] for start in range(0, len(frame), size)] or [b""]


def _item(value: bytes) -> bytes:
    padded = value + bytes(len(value) % 2)
    return b"\xfe\xff\x00\xe0" + struct.pack("<L", len(padded)) + padded


def multipart(parts: Sequence[bytes], boundary: str = "b") -> tuple[bytes, str]:
    """The body of a Store request with these parts, and its Content-Type."""
    head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    body = b"".join(head + part + b"\r\n" for part in parts) + f"--{boundary}--\r\n".encode()
    return body, f'multipart/related; type="application/dicom"; boundary={boundary}'


def corpus() -> list[Path]:
    """Every file in pydicom's own test data and in the `pydicom-data` package that may be a DICOM object, also broken ones."""
    packages = ("pydicom.data", "data_store.data")
    folders = [Path(path) for name in packages for path in _folders(name)]
    files = (path for folder in folders for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in files if path.suffix not in _NOT_DICOM and "README" not in path.name)


def _folders(package: str) -> list[str]:
    parent, _, child = package.rpartition(".")
    return [str(Path(path) / child) for path in importlib.import_module(parent).__path__]
