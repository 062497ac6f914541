"""Drawings as SVG, read by an XML parser and taken back into points."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dicom.drawing import Anchor, Box, Drawing, Grid, Line, Words
from app.dicomweb.rendering import Region, View
from app.dicomweb.svg import svg

NAMESPACE = "{http://www.w3.org/2000/svg}"


def drawn(*marks: Line | Grid | Box | Words, view: View | None = None, title: str = "t") -> ElementTree.Element:
    return ElementTree.fromstring(svg(Drawing(100.0, 50.0, marks, title), view or View("image/svg+xml")))


def only(root: ElementTree.Element, name: str) -> ElementTree.Element:
    found = root.findall(f".//{NAMESPACE}{name}")
    return found[-1]


@given(st.lists(st.tuples(st.floats(0, 1000), st.floats(0, 1000)), min_size=2, max_size=30))
def test_a_line_goes_through_its_points(points: list[tuple[float, float]]) -> None:
    path = only(drawn(Line(tuple(points), "#101010", 0.25)), "path")
    scale = float(re.fullmatch(r"scale\((.*)\)", path.attrib["transform"])[1])  # type: ignore[index]
    numbers = [int(number) for number in re.findall(r"-?\d+", path.attrib["d"])]
    x = y = 0
    for at, (wanted_x, wanted_y) in enumerate(points):
        x, y = x + numbers[2 * at], y + numbers[2 * at + 1]
        assert (x * scale, y * scale) == pytest.approx((wanted_x, wanted_y), abs=0.0051)
    assert len(numbers) == 2 * len(points)
    assert (path.attrib["stroke"], path.attrib["stroke-width"], path.attrib["fill"]) == ("#101010", "25", "none")


def test_a_grid_has_a_line_at_each_step_and_both_edges() -> None:
    path = only(drawn(Grid(5.0, 10.0, 20.0, 10.0, 5.0, "#ff0000", 0.2)), "path").attrib["d"]
    assert re.findall(r"M5 (\S+?)H25", path) == ["10", "15", "20"]
    assert re.findall(r"M(\S+?) 10V20", path) == ["5", "10", "15", "20", "25"]


def test_a_box_and_words_stand_in_their_places() -> None:
    root = drawn(Box(1.0, 2.5, 3.0, 4.0, "#00ff00"), Words(7.0, 8.0, "Lead I", 3.5, "#0000ff", Anchor.END))
    box, text = only(root, "rect").attrib, only(root, "text")
    assert (box["x"], box["y"], box["width"], box["height"], box["fill"]) == ("1", "2.5", "3", "4", "#00ff00")
    assert text.text == "Lead I"
    assert {"x": "7", "y": "8", "font-size": "3.5", "text-anchor": "end"}.items() <= text.attrib.items()


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", '"/><a href="javascript:x">', "&amp;]]>", "a\x00b\ufffe"])
def test_t12_text_is_text(text: str) -> None:
    root = drawn(Words(7.0, 8.0, text, 3.5), title=text)
    assert {element.tag for element in root.iter()} == {NAMESPACE + name for name in ("svg", "title", "g", "rect", "text")}
    assert only(root, "text").text == only(root, "title").text == re.sub("[\x00\ufffe]", "\ufffd", text)


@pytest.mark.parametrize(
    ("view", "box", "size"),
    [
        (View(), "0 0 100 50", ("100.00mm", "50.00mm")),
        (View(columns=200, rows=200), "0 0 100 50", ("200.00", "100.00")),
        (View(region=Region(40, 80, 120, 60)), "10 20 30 15", ("30.00mm", "15.00mm")),
        (View(region=Region(40, 80)), "10 20 90 30", ("90.00mm", "30.00mm")),
        (View(columns=60, rows=60, region=Region(40, 80, 120, 60)), "10 20 30 15", ("60.00", "30.00")),
        (View(region=Region(0.5, 0.5, 0.5, 0.5), relative=True), "50 25 50 25", ("50.00mm", "25.00mm")),
    ],
)
def test_a_viewport_is_the_size_and_its_region_the_view_box(view: View, box: str, size: tuple[str, str]) -> None:
    root = drawn(view=view)
    assert (root.attrib["viewBox"], (root.attrib["width"], root.attrib["height"])) == (box, size)


def test_a_flip_turns_the_region_over() -> None:
    view = View(region=Region(40, 80, 120, 60, flip_horizontal=True, flip_vertical=True))
    group = only(drawn(view=view), "g").attrib["transform"]
    assert group == "translate(50 55) scale(-1 -1)"  # 10..40 and 20..35 change places
