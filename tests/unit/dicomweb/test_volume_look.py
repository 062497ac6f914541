"""app.dicomweb.volume_look: what is decided where the request leaves it open, and the Rendered Volume Response Module (PS3.18 K.1)."""

from __future__ import annotations

from typing import Any

import pytest

from app.dicom.geometry import Grid
from app.dicom.picture import ImageAttributes, Picture, Window, WindowShape
from app.dicom.voxels import Survey, Voxels, kept_as
from app.dicomweb.query import decode
from app.dicomweb.volume import Method, Reformatting, parse
from app.dicomweb.volume_look import BONE, Look, Source, look, response
from app.dicomweb.volume_views import views
from app.model import Uid

GRID = Grid(64, 64, 20, (-16, -16, 0), (0.5, 0, 0), (0, 0.5, 0), (0, 0, 2))
SURVEY = Survey(-1024, 2000, -1000, 900, 150)
SOURCES = [Source(Uid("1.2.840.10008.5.1.4.1.1.2"), Uid("1.2.3")), Source(Uid("1.2.840.10008.5.1.4.1.1.2.1"), Uid("1.2.4"), (1, 3))]
MPR, THREE_D = Reformatting


def middle(**keywords: Any) -> Picture:
    return Picture(b"", Uid(""), ImageAttributes(64, 64), **keywords)


def looked(text: str = "", reformatting: Reformatting = MPR, modality: str = "CT", survey: Survey = SURVEY, **keywords: Any) -> Look:
    return look(parse(decode(text), reformatting), modality, middle(**keywords), survey)


def test_the_window_is_that_of_the_request_then_of_the_middle_image_then_of_the_volume() -> None:
    own = Window(40, 400)
    assert looked("window=1,2,sigmoid", window=own).window == Window(1, 2, WindowShape.SIGMOID)
    assert looked(window=own).window == own
    assert looked().window == Window(-50, 1900, WindowShape.LINEAR_EXACT)
    assert looked(survey=Survey(7, 7, 7, 7, 7)).window == Window(7.5, 1, WindowShape.LINEAR_EXACT)


def test_the_method_depends_on_the_resource() -> None:
    assert looked().method is Method.AVERAGE_IP
    assert looked("renderingmethod=minimum_ip&mprslab=4") == Look(Method.MINIMUM_IP, looked().window, 4)
    assert [looked("", THREE_D, modality).method for modality in ("CT", "MR", "PT")] == [
        Method.VOLUME_RENDERED,
        Method.VOLUME_RENDERED,
        Method.MAXIMUM_IP,
    ]


def test_the_window_of_volume_rendering_is_its_ramp() -> None:
    assert looked("", THREE_D, window=Window(40, 400)) == Look(Method.VOLUME_RENDERED, BONE, bone=True)
    assert looked("window=0,300,linear", THREE_D).window == Window(0, 300)
    assert looked("", THREE_D, "MR").window == Window(525, 750, WindowShape.LINEAR_EXACT)
    soft = Survey(-1000, 200, -1000, 100, -400)
    assert looked("", THREE_D, "CT", soft).window == Window(-150, 500, WindowShape.LINEAR_EXACT)


def test_what_is_inverse_in_the_series_is_inverse_in_the_picture() -> None:
    assert looked(inverse=True).inverse
    assert not looked("", THREE_D, inverse=True).inverse


def module(text: str, reformatting: Reformatting = MPR) -> dict[str, Any]:
    asked = parse(decode(text), reformatting)
    return response(asked, views(asked, GRID, pixels=10**9), look(asked, "CT", middle(), SURVEY), "1.2.9", SOURCES)


def test_the_module_holds_what_was_asked_and_what_was_decided() -> None:
    found = module("orientation=a&swivelrange=180&animationrate=20&renderingmethod=volume_rendered", THREE_D)
    assert found["00720510"] == {"vr": "CS", "Value": ["3D_RENDERING"]}
    assert found["0070120D"] == {"vr": "CS", "Value": ["VOLUME_RENDERED"]}
    position, look_at, up = (found[tag]["Value"] for tag in ("00701603", "00701604", "00701605"))
    assert position[1] < look_at[1]
    assert (position[0], position[2]) == (look_at[0], look_at[2])
    assert up == [0, 0, 1]
    assert (found["00701A06"]["Value"], found["00701A05"]["Value"], found["00701A03"]["Value"]) == ([180], [5], [20])
    assert list(found) == sorted(found)


def test_a_slab_and_a_window_are_told() -> None:
    found = module("mprslab=20&renderingmethod=maximum_ip&window=100,700,linear-exact")
    assert found["00701503"] == {"vr": "FD", "Value": [20]}
    assert (found["00281050"]["Value"], found["00281051"]["Value"], found["00281056"]["Value"]) == ([100], [700], ["LINEAR_EXACT"])
    assert "00701503" not in module("")
    assert "00701A06" not in module("")


def test_where_each_picture_lies_and_what_went_in_are_told() -> None:
    found = module("orientation=f")
    (place,) = found["52009230"]["Value"]
    assert place["00209113"]["Value"][0]["00200032"]["Value"] == [-16, -16, 18]
    assert place["00209116"]["Value"][0]["00200037"]["Value"] == [1, 0, 0, 0, 1, 0]
    assert place["00289110"]["Value"][0]["00280030"]["Value"] == [0.5, 0.5]
    assert (found["00280010"]["Value"], found["00280011"]["Value"], found["00280008"]["Value"]) == ([64], [64], [1])
    assert found["00200052"]["Value"] == ["1.2.9"]
    references = found["00081140"]["Value"]
    assert [each["00081155"]["Value"] for each in references] == [["1.2.3"], ["1.2.4"]]
    assert references[1]["00081160"]["Value"] == [1, 3]


def test_equal_requests_have_equal_modules() -> None:
    text = "viewpointposition=10,20,30&viewpointlookat=1,2,3"
    assert module(text) == module(text)


@pytest.mark.parametrize(
    ("image", "rescales", "expected"),
    [
        (ImageAttributes(64, 64, stored=12), {(1.0, -1024.0)}, Voxels(GRID, "u2", 1.0, -1024.0)),
        (ImageAttributes(64, 64, signed=True), {(2.0, 0.0)}, Voxels(GRID, "i2", 2.0, 0.0)),
        (ImageAttributes(64, 64, stored=8), {(1.0, 0.0)}, Voxels(GRID, "u1")),
        (ImageAttributes(64, 64), {(1.0, 0.0), (1.5, 0.0)}, Voxels(GRID, "f4")),
        (ImageAttributes(64, 64), {(-1.0, 0.0)}, Voxels(GRID, "f4")),
        (ImageAttributes(64, 64), {None}, Voxels(GRID, "f4")),
        (ImageAttributes(64, 64, allocated=32, stored=32), {(1.0, 0.0)}, Voxels(GRID, "f4")),
    ],
)
def test_voxels_are_kept_as_stored_where_one_rescale_holds(image: ImageAttributes, rescales: Any, expected: Voxels) -> None:
    assert kept_as(GRID, image, rescales) == expected
