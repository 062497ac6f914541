"""Waveforms (PS3.3 C.10.9): multiplex groups, their channels, and samples as numbers in the units of each channel. Pure.

Reads leniently: what a device left out gets the plainest meaning. Must not know: how a waveform is drawn, where its bytes lie.
"""

from __future__ import annotations

import re
import sys
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from app.dicom.attributes import tag
from app.dicom.item import Item
from app.model import Bulkdata, Span

LARGEST = 16 * 1024 * 1024
"""Bytes of one multiplex group that are read to be shown: of what is longer, the beginning."""

GROUPS = 8
"""Multiplex groups that are shown."""

_WAVEFORMS, _DATA, _PADDING = tag("WaveformSequence"), tag("WaveformData"), tag("WaveformPaddingValue")
_DATA_PATH = re.compile(rf"{_WAVEFORMS}/(\d+)/{_DATA}")
_ECG = re.compile(r"1\.2\.840\.10008\.5\.1\.4\.1\.1\.9\.1\.\d+")


@dataclass(frozen=True, slots=True)
class Channel:
    """A sample is `factor` times its number, plus `offset`, in `unit` ("" if samples are in no unit); the first one is `delay` s late."""

    label: str
    factor: float = 1.0
    offset: float = 0.0
    unit: str = ""
    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class Group:
    """One multiplex group: `samples` of each channel in `data`, channel by channel within each moment, `frequency` moments a second.

    `of` is how many samples there are in all. `interpretation` is Waveform Sample Interpretation; `padding` the number that means none.
    """

    label: str
    frequency: float
    channels: tuple[Channel, ...]
    samples: int
    of: int
    interpretation: str
    data: bytes
    padding: int | None = None

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.samples / self.frequency


@dataclass(frozen=True, slots=True)
class Waveform:
    """`electrocardiogram`: to be drawn as such. `findings` are its annotations in words."""

    groups: tuple[Group, ...]
    electrocardiogram: bool
    findings: tuple[str, ...] = ()


_CODES = {"SB": "b", "UB": "B", "MB": "B", "AB": "B", "SS": "h", "US": "H", "SL": "i", "UL": "I", "SV": "q", "UV": "Q"}
_BY_BITS = {8: "SB", 16: "SS", 32: "SL", 64: "SV"}


def needed(bulkdata: Sequence[Bulkdata]) -> list[Bulkdata]:
    """The values that `waveform` wants, cut off at LARGEST."""
    found = [each for each in bulkdata if (match := _DATA_PATH.fullmatch(each.path)) is not None and int(match[1]) <= GROUPS]
    return [replace(each, span=Span(each.span.offset, min(each.span.length, LARGEST))) for each in found]


def waveform(dataset: Item, bulk: Mapping[str, bytes]) -> Waveform:
    """`bulk` maps Bulkdata.path to bytes, little endian, for what `needed` names. Groups without samples are left out."""
    groups = [_group(item, bulk) for item in dataset.items(_WAVEFORMS)[:GROUPS]]
    return Waveform(
        tuple(group for group in groups if group.samples and group.channels),
        _ECG.fullmatch(dataset.text(tag("SOPClassUID"))) is not None,
        tuple(filter(None, map(_finding, dataset.items(tag("WaveformAnnotationSequence"))))),
    )


def samples(group: Group, channel: int) -> array[int]:
    """The numbers of one channel (from 0), companded ones expanded."""
    found = _interleaved(group)[channel :: len(group.channels)][: group.samples]
    table = {"MB": _MU_LAW, "AB": _A_LAW}.get(group.interpretation)
    return found if table is None else array("h", (table[number] for number in found))


def _interleaved(group: Group) -> array[int]:
    values = array(_CODES[group.interpretation])
    whole = len(group.data) // values.itemsize * values.itemsize
    values.frombytes(group.data[:whole])
    if sys.byteorder == "big":
        values.byteswap()
    return values


def _group(item: Item, bulk: Mapping[str, bytes]) -> Group:
    stated = item.text(tag("WaveformSampleInterpretation")).upper()
    interpretation = stated if stated in _CODES else _BY_BITS.get(item.integer(tag("WaveformBitsAllocated"), 16), "SS")
    data = item.octets(_DATA, bulk) or b""
    width = array(_CODES[interpretation]).itemsize
    frequency = item.number(tag("SamplingFrequency")) or 0.0
    frequency = frequency if frequency > 0 else 1.0
    definitions = item.items(tag("ChannelDefinitionSequence"))
    count = item.integer(tag("NumberOfWaveformChannels")) or len(definitions)
    count = count if 0 < count <= 65535 else 0
    there = len(data) // (count * width) if count else 0
    of = item.integer(tag("NumberOfWaveformSamples")) or there
    channels = [_channel(each, number, frequency) for number, each in enumerate(definitions[:count], 1)]
    channels += [Channel(f"Channel {number}") for number in range(len(channels) + 1, count + 1)]
    return Group(
        item.text(tag("MultiplexGroupLabel")),
        frequency,
        tuple(channels),
        max(min(of, there), 0),
        of,
        interpretation,
        data,
        _padding(item, interpretation, width, bulk),
    )


def _padding(item: Item, interpretation: str, width: int, bulk: Mapping[str, bytes]) -> int | None:
    raw = item.octets(_PADDING, bulk)
    if not raw or len(raw) < width:
        return None
    number = int.from_bytes(raw[:width], "little", signed=interpretation.startswith("S"))
    table = {"MB": _MU_LAW, "AB": _A_LAW}.get(interpretation)
    return number if table is None else table[number]


def _channel(item: Item, number: int, frequency: float) -> Channel:
    source = item.item(tag("ChannelSourceSequence"))
    label = item.text(tag("ChannelLabel")) or (source.text(tag("CodeMeaning")) if source is not None else "") or f"Channel {number}"
    sensitivity = item.number(tag("ChannelSensitivity"))
    delay = (item.number(tag("ChannelTimeSkew")) or (item.number(tag("ChannelSampleSkew")) or 0.0) / frequency) + (
        item.number(tag("ChannelOffset")) or 0.0
    )
    if not sensitivity:
        return Channel(label, delay=delay)
    units = item.item(tag("ChannelSensitivityUnitsSequence"))
    correction = item.number(tag("ChannelSensitivityCorrectionFactor")) or 1.0
    unit = (units.text(tag("CodeValue")) or units.text(tag("CodeMeaning"))) if units is not None else ""
    return Channel(label, sensitivity * correction, item.number(tag("ChannelBaseline")) or 0.0, unit, delay)


def _finding(item: Item) -> str:
    """One annotation in words, unless it speaks of single moments (PS3.3 C.10.10)."""
    if item.has(tag("TemporalRangeType")):
        return ""
    text = item.text(tag("UnformattedTextValue"))
    name = item.item(tag("ConceptNameCodeSequence"))
    code = item.item(tag("ConceptCodeSequence"))
    units = item.item(tag("MeasurementUnitsCodeSequence"))
    number = item.text(tag("NumericValue"))
    value = text or (code.text(tag("CodeMeaning")) if code is not None else "")
    value = value or (" ".join(filter(None, (number, units.text(tag("CodeValue")) if units is not None else ""))) if number else "")
    return ": ".join(filter(None, (name.text(tag("CodeMeaning")) if name is not None else "", value))) if value else ""


def _mu_law(code: int) -> int:
    """ITU-T G.711, to 16 bits."""
    code = ~code & 0xFF
    magnitude = (((code & 0x0F) << 3) + 0x84 << ((code & 0x70) >> 4)) - 0x84
    return -magnitude if code & 0x80 else magnitude


def _a_law(code: int) -> int:
    """ITU-T G.711, to 16 bits."""
    code ^= 0x55
    segment = (code & 0x70) >> 4
    magnitude = ((code & 0x0F) << 4) + 8
    magnitude = magnitude + 0x100 << segment - 1 if segment else magnitude
    return magnitude if code & 0x80 else -magnitude


_MU_LAW = tuple(map(_mu_law, range(256)))
_A_LAW = tuple(map(_a_law, range(256)))
