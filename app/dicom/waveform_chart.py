"""A waveform as a drawing: electrocardiograms as on paper (25 mm a second, 10 mm a millivolt, where they fit), others scaled to be seen.

Each channel is a row. However many samples there are, a column of the sheet gets the lowest and the highest of those that fall on it, so
that no spike is lost. Pure. Must not know: how a waveform is stored, what the drawing becomes.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil, floor, log10

from app.dicom.drawing import Anchor, Box, Drawing, Grid, Line, Mark, Words
from app.dicom.waveform import Channel, Group, Waveform, samples

ROWS = 64
"""Channels that are drawn, over all groups."""
POINTS = 120_000
"""Points of all traces together, about."""
COLUMNS = 8
"""Columns of a millimetre in which samples are told apart, as long as there are not too many of them."""
FINDINGS = 40
"""Lines of annotations that are written."""

_SPEEDS = (25.0, 12.5, 10.0, 5.0, 2.5, 1.0, 0.5, 0.25, 0.1, 0.05, 0.025, 0.01, 0.005, 0.0025, 0.001)
"""Millimetres a second of an electrocardiogram; the first at which it is no wider than LONGEST."""
_GAINS = (10.0, 5.0, 2.5, 1.0, 0.5, 0.1, 0.01)
"""Millimetres a millivolt; the first at which no row is higher than HIGHEST."""
LONGEST = 750.0
HIGHEST = 80.0
WIDE = 250.0
"""Width of what is not drawn to a fixed scale."""
ROW = 25.0

_MARGIN, _GUTTER, _LINE = 5.0, 35.0, 5.0
_INK, _TEXT, _PALE, _PINK, _RED = "#101010", "#303030", "#d0d4d8", "#f7dede", "#eeb4b4"
_MILLIVOLTS = {"V": 1000.0, "mV": 1.0, "uV": 0.001, "nV": 0.000001, "MICROV": 0.001, "\u00b5V": 0.001, "\u03bcV": 0.001}

Extent = tuple[float, float]


@dataclass(frozen=True, slots=True)
class _Scale:
    """`speed` in mm a second; `gain` in mm a millivolt, None if each row has a scale of its own; `columns` of a mm."""

    speed: float
    gain: float | None
    columns: float


@dataclass(frozen=True, slots=True)
class _Row:
    """A row is `height` mm high; the value `middle` lies `zero` mm below its top; a unit more is `gain` mm higher."""

    height: float
    zero: float
    middle: float
    gain: float


def chart(waveform: Waveform, lines: Sequence[str] = (), *, findings: bool = False) -> Drawing:
    """The sheet. `lines` are written above everything; with `findings` the annotations of the waveform follow."""
    marks: list[Mark] = []
    top, right = _MARGIN, _MARGIN + 60.0
    head = [*lines, *(waveform.findings[:FINDINGS] if findings else ())]
    for text in head:
        marks.append(Words(_MARGIN, top + 3.5, _short(text, 120), 3.5, _TEXT))
        right = max(right, _MARGIN + 2.0 * min(len(text), 120))
        top += _LINE
    rows = sum(len(group.channels) for group in waveform.groups)
    left_over = ROWS
    for group in waveform.groups:
        shown = group.channels[:left_over]
        left_over -= len(shown)
        if shown:
            placed, top, edge = _panel(waveform, group, len(shown), top, min(rows, ROWS))
            marks += placed
            right = max(right, edge)
    if rows > ROWS:
        marks.append(Words(_MARGIN, top + 3.5, f"and {rows - ROWS} more channels, which are not drawn", 3.5, _TEXT))
        top += _LINE
    if not waveform.groups:
        marks.append(Words(_MARGIN, top + 3.5, "The waveform has no samples", 3.5, _TEXT))
        top += _LINE
    return Drawing(round(right + _MARGIN, 2), round(top + _MARGIN, 2), tuple(marks), title="Waveform")


def _panel(waveform: Waveform, group: Group, count: int, top: float, rows: int) -> tuple[list[Mark], float, float]:
    """One multiplex group below `top`: its marks, where they end below, and where at the right. Short ones stand in columns."""
    channels = group.channels[:count]
    data = [samples(group, number) for number in range(count)]
    extents = [_extent(numbers, group.padding) for numbers in data]
    paper = waveform.electrocardiogram and all(channel.unit in _MILLIVOLTS for channel in channels)
    if paper:
        channels = tuple(_in_millivolts(channel) for channel in channels)
    reals = [_real(extent, channel) for extent, channel in zip(extents, channels, strict=True)]
    scale = _scale(group, reals, rows, paper=paper)
    delays = [min(max(channel.delay, 0.0), group.duration) for channel in channels]
    width = (group.duration + max(delays)) * scale.speed
    cell = ceil((width + _GUTTER) / 5.0) * 5.0
    columns = max(1, min(4, count, int((WIDE + _GUTTER) / cell)))
    marks: list[Mark] = [Words(_MARGIN, top + 3.5, _caption(group, scale), 3.5, _TEXT)]
    begin = bottom = top + _LINE
    traces: list[Mark] = []
    each = -(-count // columns)
    for number, (channel, real, numbers) in enumerate(zip(channels, reals, data, strict=True)):
        if number % each == 0:
            top = begin
        left = _MARGIN + number // each * cell
        row = _paper_row(real, scale.gain) if scale.gain else _fitted_row(real)
        traces += _labels(channel, real, left, top, row, fixed=bool(scale.gain))
        traces += _calibration(left, top + row.zero, scale) if row.middle == 0.0 else []
        start = left + _GUTTER + delays[number] * scale.speed
        for run in _trace(numbers, group, scale):
            points = [
                (start + at, top + row.zero - (number * channel.factor + channel.offset - row.middle) * row.gain) for at, number in run
            ]
            traces.append(Line(tuple((round(x, 3), round(y, 3)) for x, y in points), _INK, 0.25))
        top += row.height
        bottom = max(bottom, top)
    used = -(-count // each)
    marks += _paper(_MARGIN, begin, used * cell, bottom - begin) if scale.gain else []
    for column in range(0 if scale.gain else used):
        marks += _seconds(group, scale, _MARGIN + column * cell + _GUTTER, begin, bottom)
    return [*marks, *traces], bottom + (3.0 if scale.gain else 3.0 + _LINE), _MARGIN + used * cell


def _scale(group: Group, reals: Sequence[Extent], rows: int, *, paper: bool) -> _Scale:
    gain: float | None = None
    if paper:
        speed = next((speed for speed in _SPEEDS if group.duration * speed <= LONGEST), _SPEEDS[-1])
        highest = max(high - low for low, high in reals)
        gain = next((gain for gain in _GAINS if highest * gain <= HIGHEST), 0.0) or HIGHEST / highest
    else:
        speed = _round_down(WIDE / group.duration)
    width = max(group.duration * speed, 1.0)
    return _Scale(speed, gain, min(COLUMNS, POINTS / (2 * width * rows)))


def _round_down(number: float) -> float:
    """The next lower number whose only digits are 1, 2 or 5."""
    power = 10.0 ** floor(log10(number))
    return next(step * power for step in (5.0, 2.0, 1.0) if step * power <= number * 1.000001)


def _extent(numbers: array[int], padding: int | None) -> Extent:
    if padding is not None:
        numbers = array(numbers.typecode, (number for number in numbers if number != padding))
    return (float(min(numbers)), float(max(numbers))) if numbers else (0.0, 0.0)


def _real(extent: Extent, channel: Channel) -> Extent:
    low, high = sorted(number * channel.factor + channel.offset for number in extent)
    return low, high


def _in_millivolts(channel: Channel) -> Channel:
    volt = _MILLIVOLTS[channel.unit]
    return replace(channel, factor=channel.factor * volt, offset=channel.offset * volt, unit="mV")


def _paper_row(real: Extent, gain: float) -> _Row:
    """Whole squares of 5 mm, so that zero lines lie on the grid, and room for the pulse of one millivolt."""
    middle = 0.0 if real[0] <= 0.0 <= real[1] else (real[0] + real[1]) / 2
    up = max(_squares((real[1] - middle) * gain + 2.0), _squares(min(gain, 10.0)))
    return _Row(up + _squares((middle - real[0]) * gain + 2.0), up, middle, gain)


def _squares(length: float) -> float:
    return max(5.0, ceil(length / 5.0) * 5.0)


def _fitted_row(real: Extent) -> _Row:
    spread = real[1] - real[0]
    return _Row(ROW, ROW / 2, (real[0] + real[1]) / 2, (ROW - 4.0) / spread if spread > 0 else 0.0)


def _trace(numbers: array[int], group: Group, scale: _Scale) -> Iterator[list[tuple[float, float]]]:
    """Runs of (mm from the start, number), broken where samples are padding; thinned to the columns of the scale."""
    step = scale.speed / group.frequency
    per_column = max(1, int(1 / (step * scale.columns))) if step * scale.columns < 1 else 1
    run: list[tuple[float, float]] = []
    for start in range(0, len(numbers), per_column):
        part = numbers[start : start + per_column]
        found: list[tuple[int, int]] = []
        if group.padding is None or group.padding not in part:
            low, high = min(part), max(part)
            found = sorted({(part.index(low), low), (part.index(high), high)})
        elif kept := [(at, number) for at, number in enumerate(part) if number != group.padding]:
            by_number = sorted(kept, key=lambda each: each[1])
            found = sorted({by_number[0], by_number[-1]})
        if found:
            run += [((start + at) * step, float(number)) for at, number in found]
        elif run:
            yield run
            run = []
    if run:
        yield run


def _paper(left: float, top: float, width: float, height: float) -> list[Mark]:
    fine: list[Mark] = [Grid(left, top, width, height, 1.0, _PINK, 0.1)] if width * height < 500_000 else []
    return [Box(left, top, width, height, "#fffafa"), *fine, Grid(left, top, width, height, 5.0, _RED, 0.2)]


def _labels(channel: Channel, real: Extent, left: float, top: float, row: _Row, *, fixed: bool) -> list[Mark]:
    if fixed:
        return [Words(left + 1.0, top + 4.0, _short(channel.label, 24), 3.0, _INK)]
    bottom = round(top + row.height, 2)
    unit = f" {channel.unit}" if channel.unit not in ("", "1") else ""
    ends = [(real[1], top + 3.0), (real[0], bottom - 1.0)] if channel.unit else []
    return [
        Line(((left, bottom), (left + _GUTTER, bottom)), _PALE, 0.2),
        Words(left, top + row.zero + 1.0, _short(channel.label, 18), 3.0, _INK),
        *(Words(left + _GUTTER - 1.0, y, _short(f"{_amount(number)}{unit}", 16), 2.4, _TEXT, Anchor.END) for number, y in ends),
    ]


def _calibration(left: float, zero: float, scale: _Scale) -> list[Mark]:
    """The pulse of one millivolt that stands before the trace, as on paper."""
    if scale.gain is None or not 1.0 <= scale.gain <= 10.0:
        return []
    ends = ((0.0, 0.0), (1.0, 0.0), (1.0, scale.gain), (5.0, scale.gain), (5.0, 0.0), (6.0, 0.0))
    return [Line(tuple((round(left + _GUTTER - 7.0 + x, 2), round(zero - y, 2)) for x, y in ends), _INK, 0.25)]


def _seconds(group: Group, scale: _Scale, left: float, top: float, bottom: float) -> list[Mark]:
    """Lines at whole steps of time, about 25 mm apart, with the time below."""
    step = _round_down(50.0 / scale.speed)
    marks: list[Mark] = []
    for number in range(floor(group.duration / step + 0.000001) + 1):
        x = round(left + number * step * scale.speed, 2)
        marks.append(Line(((x, top), (x, bottom)), _PALE, 0.15))
        marks.append(Words(x, bottom + 3.5, f"{_amount(number * step)} s", 2.4, _TEXT, Anchor.MIDDLE))
    return marks


def _caption(group: Group, scale: _Scale) -> str:
    parts = [_short(group.label, 60)] if group.label else []
    whole = f" of {_amount(group.of / group.frequency)} s" if group.of > group.samples else ""
    parts += [f"{_amount(group.duration)} s{whole}", f"{_amount(group.frequency)} Hz", f"{_amount(scale.speed)} mm/s"]
    parts += [f"{_amount(scale.gain)} mm/mV"] if scale.gain else []
    return ", ".join(parts)


def _amount(number: float) -> str:
    return f"{number:.4g}"


def _short(text: str, most: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most - 1]}\u2026"
