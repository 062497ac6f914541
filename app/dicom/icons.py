"""Icons for what has no picture of its own: a sign for its family, and the name of its kind. Pure; nothing of the object itself is told."""

from __future__ import annotations

from math import cos, pi, sin

from app.dicom.drawing import Anchor, Box, Drawing, Line, Mark, Words
from app.dicom.sop_classes import Family

SIDE = 64.0
_INK, _PAPER, _BACK, _ACCENT, _TEXT = "#35506b", "#ffffff", "#e9eef3", "#c2542d", "#22303d"
_ACROSS = 21
"""Characters of a line of the name."""
_STROKE = 0.9


def icon(family: Family, name: str) -> Drawing:
    """A square sheet; `name` is broken into at most three lines."""
    lines = _lines(name)
    top = 52.0 - 2.5 * (len(lines) - 1)
    words = [Words(SIDE / 2, top + 5.0 * at, line, 4.6, _TEXT, Anchor.MIDDLE) for at, line in enumerate(lines)]
    return Drawing(SIDE, SIDE, (Box(0.0, 0.0, SIDE, SIDE, _BACK), *_SIGNS.get(family, _other)(), *words), title=name)


def _lines(name: str) -> list[str]:
    lines = [""]
    for word in name.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > _ACROSS:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    cut = [line if len(line) <= _ACROSS else f"{line[: _ACROSS - 1]}\u2026" for line in lines[:3]]
    return cut if len(lines) <= 3 else [*cut[:2], f"{cut[2][: _ACROSS - 1]}\u2026"]


def _line(*points: tuple[float, float], colour: str = _INK, width: float = _STROKE) -> Line:
    return Line(points, colour, width)


def _closed(points: list[tuple[float, float]], colour: str = _INK) -> Line:
    return Line((*points, points[0], points[1]), colour, _STROKE)


def _frame(left: float, top: float, width: float, height: float) -> Line:
    return _closed([(left, top), (left + width, top), (left + width, top + height), (left, top + height)])


def _ellipse(x: float, y: float, across: float, down: float) -> list[tuple[float, float]]:
    angles = [2 * pi * step / 36 for step in range(36)]
    return [(round(x + across * cos(angle), 2), round(y + down * sin(angle), 2)) for angle in angles]


def _sheet() -> list[Mark]:
    """A page with a folded corner."""
    corners = [(20.0, 8.0), (38.0, 8.0), (44.0, 14.0), (44.0, 42.0), (20.0, 42.0)]
    return [
        Box(20.0, 8.0, 18.0, 34.0, _PAPER),
        Box(38.0, 14.0, 6.0, 28.0, _PAPER),
        _closed(corners),
        _line((38.0, 8.0), (38.0, 14.0), (44.0, 14.0)),
    ]


def _document() -> list[Mark]:
    return [*_sheet(), *(_line((24.0, y), (40.0 if y < 36 else 33.0, y)) for y in (19.0, 24.0, 29.0, 34.0, 38.0))]


def _report() -> list[Mark]:
    """A page whose lines are nested."""
    rows = ((17.0, 23.0, 34.0), (22.0, 26.0, 40.0), (26.0, 26.0, 38.0), (31.0, 23.0, 35.0), (35.0, 26.0, 40.0), (39.0, 26.0, 37.0))
    return [*_sheet(), *(_line((left, y), (right, y), colour=_ACCENT if left < 25 else _INK) for y, left, right in rows)]


def _waveform() -> list[Mark]:
    beat = ((0.0, 0.0), (3.0, 0.0), (4.5, -3.0), (6.0, 0.0), (7.5, 0.0), (8.5, 2.0), (10.0, -16.0), (11.5, 5.0), (12.5, 0.0))
    rest = ((15.0, 0.0), (17.0, -5.0), (19.5, 0.0))
    points = tuple((10.0 + shift + x, 29.0 + y) for shift in (0.0, 22.0) for x, y in (*beat, *rest))
    return [Box(8.0, 8.0, 48.0, 34.0, _PAPER), Line(points, _ACCENT, 1.1), _frame(8.0, 8.0, 48.0, 34.0)]


def _segmentation() -> list[Mark]:
    return [
        Box(14.0, 8.0, 36.0, 34.0, _PAPER),
        _frame(14.0, 8.0, 36.0, 34.0),
        _closed(_ellipse(28.0, 24.0, 9.0, 11.0)),
        _closed(_ellipse(40.0, 31.0, 6.0, 6.0), _ACCENT),
    ]


def _plan() -> list[Mark]:
    """Beams that meet in a target."""
    target = (32.0, 26.0)
    beams = [_line((x, y), target, colour=_ACCENT) for x, y in ((12.0, 10.0), (32.0, 6.0), (52.0, 10.0))]
    return [*beams, _closed(_ellipse(*target, 18.0, 14.0)), _closed(_ellipse(*target, 6.0, 5.0), _ACCENT)]


def _model() -> list[Mark]:
    """A solid of triangles."""
    top, left, right, bottom, middle = (32.0, 7.0), (16.0, 17.0), (48.0, 17.0), (32.0, 41.0), (32.0, 24.0)
    low_left, low_right = (16.0, 32.0), (48.0, 32.0)
    return [
        _closed([top, right, low_right, bottom, low_left, left]),
        _line(left, middle, right),
        _line(middle, bottom),
        _line(left, bottom, right, colour=_ACCENT),
        _line(left, right),
    ]


def _state() -> list[Mark]:
    """A frame with what was put over an image."""
    return [
        Box(12.0, 9.0, 40.0, 32.0, _PAPER),
        _frame(12.0, 9.0, 40.0, 32.0),
        _closed(_ellipse(30.0, 24.0, 10.0, 10.0)),
        _line((22.0, 33.0), (46.0, 14.0), colour=_ACCENT),
        _line((42.5, 14.5), (46.0, 14.0), (45.0, 17.5), colour=_ACCENT),
    ]


def _video() -> list[Mark]:
    holes = [Box(x, y, 4.0, 3.0, _BACK) for x in (14.0, 22.0, 30.0, 38.0, 46.0) for y in (11.0, 36.0)]
    play = [(28.0, 18.0), (39.0, 25.0), (28.0, 32.0)]
    return [Box(11.0, 9.0, 42.0, 32.0, _INK), *holes, Line((*play, *play[:2]), _PAPER, 1.6)]


def _other() -> list[Mark]:
    rows = enumerate(("0110 1001", "1001 0110", "1110 0101"))
    bits = [Words(32.0, 20.0 + 7.0 * row, text, 5.0, _INK, Anchor.MIDDLE) for row, text in rows]
    return [Box(16.0, 8.0, 32.0, 34.0, _PAPER), _frame(16.0, 8.0, 32.0, 34.0), *bits]


_SIGNS = {
    Family.DOCUMENT: _document,
    Family.REPORT: _report,
    Family.WAVEFORM: _waveform,
    Family.SEGMENTATION: _segmentation,
    Family.DOSE: _plan,
    Family.PLAN: _plan,
    Family.MODEL: _model,
    Family.STATE: _state,
    Family.VIDEO: _video,
}
