"""Contact sheets of what is rendered, to be looked at by eye: `make gallery` draws docs/gallery/*.jpg and docs/gallery.md anew.

Everything goes through the same functions as in the server. Beside the corpus: one phantom in every transfer syntax, and one picture for
each step of the pipeline.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
from PIL import Image, ImageDraw, ImageFont

from app.dicom import transfer_syntax
from app.dicom.depiction import Chart, Depiction, Plane, Sheet, Wash
from app.dicom.icons import icon
from app.dicom.picture import ImageAttributes, Lut, Overlay, Picture, Window, WindowShape
from app.dicom.sop_classes import Family
from app.dicom.transfer_syntax import EXPLICIT_LE
from app.dicomweb.rendering import IccProfile, Region, View
from app.model import Uid
from app.pixels import profiles
from app.pixels.depict import depict
from app.pixels.render import render
from tests import phantom, waveforms
from tests import states as gsps
from tests.builders import corpus, dataset
from tests.presented import picture as under
from tests.rendering import picture
from tests.shown import shown

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / "docs" / "gallery"
CELL, CAPTION, GAP = 148, 13, 4
GROUND, INK = (38, 42, 54), (235, 220, 120)

LEFT_OUT = {"OT-PAL-8-face.dcm"}
"""The photograph of a person, which has no need to be here."""

Shown = tuple[str, Picture | Depiction, View]


def of_corpus() -> Iterator[Shown]:
    """The first frame of each image; those of 16 x 16 pixels, which are many and alike, once for each series."""
    seen = set()
    for path in corpus():
        try:
            examined = shown(path.read_bytes())
        except AssertionError:
            continue  # refused at the door
        if path.name in LEFT_OUT:
            continue
        small = examined.metadata.get("00280010", {}).get("Value") == [16]
        if not examined.record.frames.count or (small and path.parent.name in seen):
            continue
        seen.add(path.parent.name)
        name = f"{path.parent.name}/{path.name}" if small else path.name
        yield name, examined.picture(), View()


def in_syntaxes(made: Iterable[tuple[Uid, bytes]]) -> Iterator[Shown]:
    for syntax, data in made:
        found = shown(data).picture()
        window = Window(2048, 4096) if found.image.stored == 12 else None
        yield transfer_syntax.lookup(syntax).name, found, View(window=window)


def steps() -> Iterator[Shown]:
    """The phantoms, each with one thing more."""
    plain, view = picture(phantom.gray(), bits=12), View(window=Window(2048, 4096))
    colour = picture(phantom.colour())
    lines: dict[str, tuple[str, ...]] = {"patient": ("Doe, Jane", "PID1"), "technique": ("CT CHEST", "kV 120")}
    ring = np.hypot(*(np.mgrid[0:96, 0:128] - np.array([50, 70])[:, None, None]))
    region, line = ring < 30, np.abs(ring - 34) < 1
    yield "no window: from 0.1 % to 99.9 %", plain, View()
    yield "window 2048, 4096, linear", plain, view
    yield "window 2200, 800, linear", plain, View(window=Window(2200, 800))
    yield "window 2200, 800, sigmoid", plain, View(window=Window(2200, 800, WindowShape.SIGMOID))
    yield "MONOCHROME1", replace(plain, inverse=True), view
    yield "VOI LUT of four steps", replace(plain, voi=Lut(4096, 0, 8, bytes(value // 1024 * 85 for value in range(4096)))), View()
    yield "padding 0 to 500, inverted", replace(plain, padding=(0, 500), inverse=True), view
    yield "overlay: graphics", replace(plain, overlays=(Overlay(96, 128, data=_packed(line)),)), view
    yield "overlay: region of interest", replace(plain, overlays=(Overlay(96, 128, data=_packed(region), roi=True),)), view
    yield "pixels twice as high as wide", replace(plain, aspect=(2.0, 1.0)), view
    yield "pixels twice as wide as high", replace(plain, aspect=(1.0, 2.0)), view
    yield "annotation=patient,technique", replace(plain, annotations=lines), replace(view, annotations=frozenset(lines))
    yield "region 30,20,80,60", plain, replace(view, region=Region(30, 20, 80, 60))
    yield "the same, flipped across", plain, replace(view, region=Region(30, 20, 80, 60, flip_horizontal=True))
    yield "the same, flipped down", plain, replace(view, region=Region(30, 20, 80, 60, flip_vertical=True))
    yield "quality=5", colour, View(quality=5)
    yield "PALETTE COLOR", _palette(), View()
    yield "RGB of 16 bits", picture(phantom.colour().astype("<u2") * 257), View()
    yield "YBR_FULL", picture(np.asarray(Image.fromarray(phantom.colour()).convert("YCbCr")), "YBR_FULL"), View()
    yield "profile: Display P3, to sRGB", replace(colour, icc=profiles.profile(IccProfile.DISPLAY_P3)), View()
    yield "profile: ROMM RGB, to sRGB", replace(colour, icc=profiles.profile(IccProfile.ROMM_RGB)), View()


def states() -> Iterator[Shown]:
    """Grayscale Softcopy Presentation States over the phantom."""
    image = dataset(rows=phantom.ROWS, columns=phantom.COLUMNS, bits=16, pixels=phantom.gray().tobytes(), BitsStored=12, HighBit=11)
    circle = {"ShutterShape": "CIRCULAR", "CenterOfCircularShutter": [50, 70], "RadiusOfCircularShutter": 45}
    arrow = gsps.graphic("POLYLINE", [20, 80, 62, 60])
    ring = gsps.graphic("CIRCLE", [70, 52, 95, 52])
    words = gsps.text("a finding", [4, 76], [50, 90])
    layer = {"GraphicLayerSequence": [gsps.layer()]}
    window = {"SoftcopyVOILUTSequence": [gsps.item(WindowCenter=2200, WindowWidth=800)]}
    for name, keywords in (
        ("the identity", {}),
        ("window 2200, 800", window),
        ("INVERSE", {"PresentationLUTShape": "INVERSE"}),
        ("rotated by 90", {"ImageRotation": 90}),
        ("rotated by 90, then flipped", {"ImageRotation": 90, "ImageHorizontalFlip": "Y"}),
        ("displayed area", {"DisplayedAreaSelectionSequence": [gsps.area((31, 21), (110, 80))]}),
        ("circular shutter", circle | {"ShutterPresentationValue": 0}),
        ("circular shutter, grey", circle | {"ShutterPresentationValue": 30000}),
        ("graphics and text", layer | {"GraphicAnnotationSequence": [gsps.annotation(graphics=[arrow, ring], texts=[words])]}),
    ):
        yield name, under(image, gsps.state(image, **keywords)), View()


def others() -> Iterator[Shown]:
    """What is no image, or no image of light."""
    electrocardiogram = next(path for path in corpus() if path.name == "waveform_ecg.dcm")
    yield "waveform_ecg.dcm", Chart(waveforms.read(pydicom.dcmread(electrocardiogram))), View()
    first, second = (np.hypot(*(np.mgrid[0:96, 0:128] - np.array([50, across])[:, None, None])) < 30 for across in (50, 78))
    bits = ImageAttributes(96, 128, allocated=1, stored=1, high=0)
    yield "segments", Plane((_packed(first), _packed(second)), EXPLICIT_LE, bits, ((200, 60, 60), (60, 90, 220))), View()
    yield "dose", Wash(picture(phantom.gray()), 0.0, 4095.0), View()
    for family in Family:
        yield f"icon: {family}", Sheet(icon(family, family.title())), View()


def _packed(bits: np.ndarray) -> bytes:
    return np.packbits(bits.reshape(-1), bitorder="little").tobytes()


def _palette() -> Picture:
    levels = np.arange(256)
    hot = (np.clip(levels * 3, 0, 255), np.clip(levels * 3 - 255, 0, 255), np.clip(levels * 3 - 510, 0, 255))
    red, green, blue = (Lut(256, 0, 8, bytes(column.astype("u1"))) for column in hot)
    return picture((phantom.gray() >> 4).astype("u1"), "PALETTE COLOR", palette=(red, green, blue))


SHEETS: dict[str, tuple[str, Callable[[], Iterable[Shown]]]] = {
    "corpus": ("The corpus: every image of pydicom's test data", of_corpus),
    "grayscale": (
        "Grayscale of 12 bits in every transfer syntax (of 8 where it has no more)",
        lambda: in_syntaxes(phantom.grays()),
    ),
    "colour": ("Colours in every transfer syntax", lambda: in_syntaxes(phantom.colours())),
    "states": ("Presentation states over one image", states),
    "others": ("Waveform, segments, dose, and the icons of what has no picture", others),
    "steps": ("One step of the pipeline after the other", steps),
}


def sheet(pictures: Iterable[Shown], columns: int = 9) -> Image.Image:
    """Each picture in a cell of its own, its name below; what cannot be shown says why in its place."""
    cells = [(name, _cell(made, view)) for name, made, view in pictures]
    height = CELL + CAPTION + GAP
    made = Image.new("RGB", (columns * (CELL + GAP) + GAP, -(-len(cells) // columns) * height + GAP), GROUND)
    draw, font = ImageDraw.Draw(made), ImageFont.load_default(10)
    for number, (name, cell) in enumerate(cells):
        left, top = GAP + number % columns * (CELL + GAP), GAP + number // columns * height
        if isinstance(cell, str):
            draw.multiline_text((left, top), "\n".join(_folded(cell)), fill=(255, 120, 120), font=font)
        else:
            made.paste(cell, (left + (CELL - cell.width) // 2, top + (CELL - cell.height) // 2))
        fitting = (name[:end] for end in range(len(name), 0, -1) if draw.textlength(name[:end], font=font) <= CELL)
        draw.text((left, top + CELL), next(fitting, ""), fill=INK, font=font)
    return made


def _cell(made: Picture | Depiction, view: View) -> Image.Image | str:
    try:
        boxed = replace(view, columns=CELL, rows=CELL)
        data = render([made], boxed) if isinstance(made, Picture) else depict([made], boxed)
    except ValueError as error:
        return f"The pixel data cannot be shown: {error}"
    return Image.open(BytesIO(data)).convert("RGB")


def _folded(text: str, width: int = 26) -> Iterator[str]:
    line = ""
    for word in text.split():
        if len(line) + len(word) >= width:
            yield line
            line = ""
        line = f"{line} {word}".strip()
    yield line


def main() -> None:
    PLACE.mkdir(exist_ok=True)
    page = [
        "# Gallery",
        "",
        "What comes out of the server's renderer, to be looked at. Drawn by `make gallery` (`tests/gallery.py`) from the public test files",
        "that pydicom brings along, and from phantoms. How the same pictures compare with DCMTK's and pydicom's stands in",
        "`tests/unit/pixels/test_second_opinions.py`, with the reason for each difference.",
    ]
    for name, (title, pictures) in SHEETS.items():
        sheet(pictures()).save(PLACE / f"{name}.jpg", quality=82, optimize=True)
        page += ["", f"## {title}", "", f"![{title}](gallery/{name}.jpg)"]
    (ROOT / "docs" / "gallery.md").write_text("\n".join(page) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
