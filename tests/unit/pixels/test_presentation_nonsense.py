"""States with nonsense in them make a picture, or a sentence that says why not: never anything else."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from app.dicom import presentation_state
from app.dicom.presented import presented
from app.dicom.softcopy import Mask
from app.dicomweb.rendering import Region
from app.pixels.render import render
from tests import states
from tests.builders import part10
from tests.presented import PNG, RAMP, grey
from tests.shown import shown

NONSENSE: tuple[Any, ...] = (
    *(0, -1, 1, 2, 0.5, 1e5, -1e5, 1e9, 65535, -65536, 3.7e-9, "", "x", None, "Y", "DISPLAY", "MAGNIFY", "270", {}, "9" * 30, True),
)
IMAGE = shown(part10(grey(np.stack([RAMP] * 3))))


def a_full_state() -> dict[str, Any]:
    image = grey(RAMP)
    shapes = {"POINT": [1, 1], "POLYLINE": [1, 1, 5, 5, 1, 5, 1, 1], "INTERPOLATED": [1, 1, 3, 4, 8, 2], "CIRCLE": [5, 5, 6, 6]}
    shapes |= {"ELLIPSE": [1, 1, 5, 1, 3, 0, 3, 2]}
    style = states.item(LineThickness=2.0, LineDashingStyle="DASHED", LinePattern=0xF0F0F0F0, PatternOnOpacity=0.5)
    graphics = [states.graphic(kind, data, filled=True, LineStyleSequence=[style]) for kind, data in shapes.items()]
    anchor: dict[str, Any] = {"AnchorPoint": [3, 3], "AnchorPointAnnotationUnits": "DISPLAY", "AnchorPointVisibility": "Y"}
    made = states.state(
        image,
        ShutterShape=["RECTANGULAR", "CIRCULAR", "POLYGONAL"],
        ShutterLeftVerticalEdge=2,
        ShutterRightVerticalEdge=7,
        ShutterUpperHorizontalEdge=3,
        ShutterLowerHorizontalEdge=6,
        CenterOfCircularShutter=[4, 5],
        RadiusOfCircularShutter=3,
        VerticesOfThePolygonalShutter=[1, 1, 1, 8, 8, 8],
        ShutterPresentationValue=0x8000,
        SoftcopyVOILUTSequence=[states.item(WindowCenter=3, WindowWidth=4)],
        ModalityLUTSequence=[states.lut(-2, [1, 2, 3])],
        PresentationLUTSequence=[states.lut(0, [9, 8], 12)],
        MaskSubtractionSequence=[states.item(MaskOperation="AVG_SUB", MaskFrameNumbers=[1], MaskSubPixelShift=[0.5, 0.5])],
        ImageRotation=90,
        ImageHorizontalFlip="Y",
        GraphicLayerSequence=[states.layer()],
        GraphicAnnotationSequence=[states.annotation(graphics=graphics, texts=[states.text("Hi\r\nyou", (1, 1), (10, 10), **anchor)])],
    )
    states.overlay(made, 12, 20, bytes(range(30)))
    made.add_new((0x6000, 0x1001), "CS", "LAYER")
    return shown(part10(made)).metadata


def broken(found: Any, chance: random.Random) -> Any:
    """Here and there an element less, a value that makes no sense, one too few, too many."""
    if isinstance(found, list):
        return [broken(each, chance) for each in found]
    if not isinstance(found, dict):
        return found
    if "vr" not in found:
        return {key: broken(value, chance) for key, value in found.items() if chance.random() > 0.01}
    if found["vr"] == "SQ" or not found.get("Value") or chance.random() > 0.08:
        return {key: broken(value, chance) if key == "Value" else value for key, value in found.items()}
    values = list(found["Value"])
    values[chance.randrange(len(values))] = chance.choice(NONSENSE)
    return {**found, "Value": chance.choice([values, values, values[:-1], values * 3])}


@pytest.mark.parametrize("seed", range(8))
def test_nonsense_makes_a_picture_or_a_sentence(seed: int) -> None:
    whole, chance = a_full_state(), random.Random(seed)
    drawn, refused = 0, []
    for _ in range(15):
        state = presentation_state.read({**broken(whole, chance), "00080016": whole["00080016"]}, {})
        assert state is not None
        made = presented(state, IMAGE.picture(2), IMAGE.metadata, 2, IMAGE.bulk)
        assert made.softcopy is not None
        if chance.random() < 0.3:
            made = replace(made, softcopy=replace(made.softcopy, mask=Mask((IMAGE.frame(1),), (0.5, -1.25))))
        region = chance.choice([None, Region(1, 1, 5, 5, flip_horizontal=True)])
        view = replace(PNG, columns=chance.choice([None, 50]), rows=chance.choice([None, 50]), region=region)
        try:
            drawn += render([made], view).startswith(b"\x89PNG")
        except ValueError as error:
            refused.append(error)
    assert drawn
    assert all(type(error) is ValueError and str(error) for error in refused)
