"""Overlay planes drawn over a picture (PS3.3 C.9.2): white where a bit is set; of a region its border. Must not know: codecs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.dicom.picture import Overlay
from app.pixels.native import Array

WHITE = 255


def draw(canvas: NDArray[np.uint8], overlays: tuple[Overlay, ...], words: Array) -> NDArray[np.uint8]:
    """The picture, (rows, columns) or with three samples, with its planes; `words` are the samples with all their bits."""
    if not overlays:
        return canvas
    canvas = canvas.copy()
    for overlay in overlays:
        canvas[spread(overlay, words, canvas.shape[0], canvas.shape[1])] = WHITE
    return canvas


def spread(overlay: Overlay, words: Array, rows: int, columns: int) -> NDArray[np.bool_]:
    """Where the plane shows something on an image of so many rows and columns."""
    bits = _plane(overlay, words)
    if overlay.roi:
        bits = _border(bits)
    found = np.zeros((rows, columns), np.bool_)
    top, left = overlay.top - 1, overlay.left - 1
    seen = bits[max(-top, 0) :, max(-left, 0) :]
    part = found[max(top, 0) :, max(left, 0) :][: seen.shape[0], : seen.shape[1]]
    part[:] = seen[: part.shape[0], : part.shape[1]]
    return found


def _plane(overlay: Overlay, words: Array) -> NDArray[np.bool_]:
    if overlay.data is None and (words.dtype.kind == "f" or words.ndim > 2):
        return np.zeros(words.shape[:2], np.bool_)  # real numbers and colours have no bits to spare
    if overlay.data is None:
        return (words.astype(np.int64) >> overlay.position & 1).astype(np.bool_)
    count = overlay.rows * overlay.columns
    bits = np.unpackbits(np.frombuffer(overlay.data, np.uint8), count=count, bitorder="little")
    return bits.astype(np.bool_).reshape(overlay.rows, overlay.columns)


def _border(bits: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Those bits that have a neighbour which is not set, at the edge too."""
    padded = np.pad(bits, 1)
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return bits & ~inner
