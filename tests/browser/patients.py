"""People who never lived, with pictures of bodies that are ellipses: what the screenshots of the documents show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.builders import fresh_uid, instance
from tests.volumes import series

Plane = NDArray[np.float64]
Shape = tuple[float, float, float, float, float, float]
"""Middle across and down, half width and half height, all in parts of the picture from -1 to 1; turned by degrees; and the value in it."""

HEAD: tuple[Shape, ...] = (
    (0, 0, 0.62, 0.8, 0, 1100), (0, 0, 0.56, 0.74, 0, 34), (0, 0.02, 0.5, 0.67, 0, 40), (-0.13, -0.08, 0.06, 0.24, -14, 6),
    (0.13, -0.08, 0.06, 0.24, 14, 6), (0, 0.33, 0.09, 0.1, 0, 9), (0.27, 0.12, 0.11, 0.14, 20, 72), (-0.3, 0.2, 0.12, 0.1, 0, 36),
)  # fmt: skip
CHEST: tuple[Shape, ...] = (
    (0, 0.05, 0.88, 0.62, 0, 40), (-0.4, 0.02, 0.34, 0.48, 6, -820), (0.4, 0.02, 0.34, 0.48, -6, -830), (0.1, 0.08, 0.24, 0.3, 30, 50),
    (0, 0.5, 0.13, 0.11, 0, 700), (-0.46, -0.1, 0.05, 0.05, 0, 30), (-0.03, -0.2, 0.07, 0.08, 0, 180),
)  # fmt: skip
KNEE: tuple[Shape, ...] = (
    (0, 0, 0.6, 1.1, 0, 120), (0, -0.55, 0.36, 0.42, 0, 300), (0, 0.55, 0.34, 0.42, 0, 280), (-0.16, -0.2, 0.22, 0.2, 0, 320),
    (0.17, -0.2, 0.22, 0.2, 0, 320), (0, 0.06, 0.4, 0.04, 0, 30), (-0.05, 0, 0.05, 0.16, 24, 20), (0.42, -0.1, 0.1, 0.3, 0, 210),
)  # fmt: skip


def drawn(shapes: tuple[Shape, ...], size: int = 256, shrink: float = 1.0, ground: float = -1000, grain: float = 9) -> Plane:
    """The shapes one upon another, with soft edges and the noise of a scanner; the same each time."""
    down, across = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    made = np.full((size, size), ground, dtype=np.float64)
    for x, y, width, height, turn, value in shapes:
        angle = np.radians(turn)
        u, v = across - x, down - y
        a, b = u * np.cos(angle) + v * np.sin(angle), v * np.cos(angle) - u * np.sin(angle)
        inside = 1 / (1 + np.exp(np.minimum((np.hypot(a / width, b / height) / shrink - 1) * 70, 500)))
        made = made * (1 - inside) + value * inside
    noise = np.random.default_rng(7).normal(0, grain, (size, size))
    return np.asarray(made + (noise + np.roll(noise, 1, 0) + np.roll(noise, 1, 1)) / 2)


def stack(shapes: tuple[Shape, ...], slices: int, **keywords: Any) -> NDArray[np.int16]:
    heights = np.linspace(-0.8, 0.8, slices)
    planes = [drawn(shapes, shrink=float(np.sqrt(1 - height**2)), **keywords) for height in heights]
    return np.asarray(np.clip(planes, -1000, 3000), dtype=np.int16)


def fan(size: int = 256) -> bytes:
    """An ultrasound's sector of speckle with a dark chamber, 8 bits."""
    down, across = np.mgrid[0 : 1 : size * 1j, -1 : 1 : size * 1j]
    grain = np.random.default_rng(3).rayleigh(50, (size, size)) * (0.4 + 0.9 * down)
    chamber = 1 / (1 + np.exp((np.hypot((across - 0.1) / 0.28, (down - 0.55) / 0.2) - 1) * 18))
    sector = (np.abs(np.arctan2(across, down)) < 0.7) & (np.hypot(across, down) < 0.98) & (np.hypot(across, down) > 0.06)
    return bytes(np.clip(grain * (1 - 0.85 * chamber) * sector, 0, 255).astype("u1").tobytes())


def radiograph(size: int = 256) -> bytes:
    """A chest from the front: what stands in the way of the rays is light. 16 bits, MONOCHROME2."""
    soft = drawn(((0, 0.2, 0.8, 0.95, 0, 900), (0, 0, 0.12, 1.4, 0, 1400), (0.14, 0.3, 0.28, 0.3, 20, 1500)), size, ground=40, grain=6)
    lungs = drawn(((-0.36, 0, 0.26, 0.6, 6, 700), (0.36, -0.04, 0.25, 0.56, -6, 700)), size, ground=0, grain=0)
    down, across = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    ribs = 90 * (np.sin(26 * (down + 0.25 * across**2)) > 0.72) * (np.abs(across) < 0.72) * (down < 0.6)
    return bytes(np.clip(soft - lungs + ribs, 0, 4095).astype("<u2").tobytes())


def files() -> Iterator[list[bytes]]:
    """Study by study, oldest first."""
    plain = {"rows": 256, "columns": 256, "SpecificCharacterSet": "ISO_IR 192"}
    chest = {"modality": "CR", "pixels": radiograph(), "WindowCenter": 800, "WindowWidth": 1900, "StudyDescription": "Chest pa", **plain}
    scans = {"StudyTime": "081200", "modality": "CT", "SpecificCharacterSet": "ISO_IR 192"}
    yield [instance(**chest, **person("Σταύρου^Ελένη", "840211", "19610504", "F", "20260105", "R26-00871"))]
    liver = person("Лебедева^Анна", "731990", "19890730", "F", "20260111", "U26-01210")
    yield [instance(modality="US", bits=8, pixels=fan(), StudyDescription="Abdomen, right upper quadrant", **liver, **plain)]
    plane = drawn(KNEE, ground=0, grain=12).clip(0, 4095).astype("<u2").tobytes()
    knee = {"modality": "MR", "pixels": plane, "WindowCenter": 180, "WindowWidth": 400, "StudyDescription": "Knee left", **plain}
    yield [instance(**knee, **person("O'Brien^Siobhán", "508113", "19770918", "F", "20260114", "M26-00412"))]
    yield [instance(**chest, **person("قباني^ليلى", "902345", "19950322", "F", "20260119", "R26-01003"))]
    thorax = person("Nowak^Tomasz", "617702", "19540612", "M", "20260122", "C26-00533")
    described = {"SeriesDescription": "Chest 5 mm", "StudyDescription": "CT Thorax", "study_uid": fresh_uid()}
    yield series(stack(CHEST, 24), **described, **thorax, **scans)
    yield [instance(**chest, **person("שרון^דבורה", "330518", "19690101", "F", "20260125", "R26-01090"))]
    shared = {"study_uid": fresh_uid(), "StudyDescription": "CT Head", **scans}
    shared |= person("Lindqvist^Maja", "725504", "19830127", "F", "20260128", "C26-00561")
    head = stack(HEAD, 28)
    yield [
        *series(head, SeriesDescription="Head native 5 mm", SeriesNumber=1, **shared),
        *series(head[::2], SeriesDescription="Head bone", SeriesNumber=2, **(shared | {"WindowCenter": 400, "WindowWidth": 1800})),
        *series(head[4:24:4], SeriesDescription="Key images", SeriesNumber=3, **shared),
    ]


def person(name: str, patient: str, born: str, sex: str, day: str, accession: str) -> dict[str, str]:
    """Who was examined when, under which accession number."""
    about = {"patient_name": name, "PatientID": patient, "PatientBirthDate": born, "PatientSex": sex}
    return about | {"StudyDate": day, "AccessionNumber": accession}
