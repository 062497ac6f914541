"""Annotations burnt into a picture: where they stand, that they stand there only when asked for, and that any text is survived."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from app.pixels import lettering
from tests.rendering import picture, shown

GREY = np.full((256, 256), 60, "u1")
LINES = {"patient": ("Doe, Jane", "PID1"), "technique": ("CT CHEST", "kV 120")}


def changed(made: NDArray[np.uint8]) -> list[bool]:
    """Whether anything differs from grey in the upper and in the lower half."""
    different = (made != 60).reshape(2, -1)
    return [bool(half.any()) for half in different]


WHERE = {(): [False, False], ("patient",): [True, False], ("technique",): [False, True], ("patient", "technique"): [True, True]}


@pytest.mark.parametrize(("asked", "where"), WHERE.items())
def test_t21_annotations_appear_only_when_asked_for(asked: tuple[str, ...], where: list[bool]) -> None:
    assert changed(shown(picture(GREY, annotations=LINES), annotations=frozenset(asked))) == where


def test_text_is_white_with_a_black_edge_and_readable_on_any_ground() -> None:
    for ground in (30, 128, 225):
        made = shown(picture(np.full((256, 256), ground, "u1"), annotations=LINES), annotations=frozenset({"patient"}))
        assert made.max() > 225
        assert made.min() < 30


def test_text_keeps_its_size_whatever_the_region_and_stands_on_colours_too() -> None:
    colour = np.full((64, 64, 3), 60, "u1")
    made = shown(picture(colour, annotations=LINES), columns=256, rows=256, annotations=frozenset({"patient"}))
    assert made.shape == (256, 256, 3)
    assert made.min(axis=-1).max() > 225


@pytest.mark.parametrize("text", ["Müller, Jörg", "Дмитриев", "山田 太郎", "\u202eabc", "a\nb\tc", "x" * 5000, "", "😀", "\x00\x07"])
@pytest.mark.parametrize("side", [256, 3])
def test_any_text_on_any_size_is_survived(text: str, side: int) -> None:
    made = lettering.write(np.full((side, side), 60, "u1"), (text,) * 3, (text,))
    assert made.shape == (side, side)


def test_what_no_font_can_draw_is_a_question_mark() -> None:
    ground = np.zeros((64, 64), "u1")
    assert lettering.write(ground, ("a\U0010ffffb",), ()).tolist() == lettering.write(ground, ("a?b",), ()).tolist()


def test_a_long_line_is_set_smaller_to_fit() -> None:
    made = lettering.write(np.zeros((512, 512), "u1"), ("A name that is rather long for its line " * 2,), ())
    assert made[:, -4:].max() == 0
