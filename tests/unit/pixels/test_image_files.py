"""Files of the rendered media types, read by other readers: Pillow for all but JPEG XL, imagecodecs for that."""

from __future__ import annotations

import struct
from dataclasses import replace

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray

from app.dicom.picture import Picture
from app.dicomweb.rendering import View
from app.pixels import image_files
from app.pixels.image_files import Writing
from app.pixels.render import render
from tests.rendering import opened, picture

ROWS, COLUMNS = 48, 64
GREY = (np.add.outer(np.arange(ROWS) * 2, np.arange(COLUMNS) * 2)).astype("u1")
COLOUR = np.stack([GREY, GREY[::-1], 255 - GREY], axis=-1)

FORMATS = {f"image/{name}": name.upper() for name in ("jpeg", "png", "gif", "webp", "avif")} | {"image/jp2": "JPEG2000"}


def pixels(media_type: str, data: bytes, colour: bool) -> NDArray[np.uint8]:
    if media_type == "image/jxl":
        found: NDArray[np.uint8] = imagecodecs.jpegxl_decode(data)
        return found[..., 0] if found.ndim == 3 and not colour else found
    image = opened(data)
    assert image.format == FORMATS[media_type]
    return np.asarray(image.convert("RGB" if colour else "L"))


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("media_type", [*FORMATS, "image/jxl"])
def test_t2_every_media_type_holds_the_picture(media_type: str, colour: bool) -> None:
    made = picture(COLOUR if colour else GREY)
    found = pixels(media_type, render([made], View(media_type)), colour).astype(int)
    expected = COLOUR if colour else GREY
    assert found.shape == expected.shape
    tolerance = {"image/png": 0, "image/gif": 24 if colour else 0, "image/webp": 16 if colour else 8}.get(media_type, 12)
    assert np.abs(found - expected).max() <= tolerance


def test_t1_jpeg_is_baseline_of_8_bits_with_huffman_codes() -> None:
    for made in (GREY, COLOUR):
        data = render([picture(made)], View())
        frames = [data[at + 1] for at in range(len(data) - 1) if data[at] == 0xFF and 0xC0 <= data[at + 1] <= 0xCF and data[at + 1] != 0xC4]
        at = data.index(b"\xff\xc0")
        assert frames == [0xC0]
        assert struct.unpack_from(">BHH", data, at + 4) == (8, ROWS, COLUMNS)


@pytest.mark.parametrize("media_type", sorted(image_files.LOSSY))
def test_quality_trades_size_for_likeness(media_type: str) -> None:
    noise = np.random.default_rng(0).integers(0, 60, (128, 128)).astype("u1")
    noise += np.add.outer(np.arange(128), np.arange(64).repeat(2)).astype("u1")
    sizes, errors = [], []
    for quality in (10, 60, 100):
        data = render([picture(noise)], View(media_type, quality=quality))
        sizes.append(len(data))
        errors.append(float(np.abs(pixels(media_type, data, False).astype(int) - noise).mean()))
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] > errors[-1]


def test_the_default_quality_is_90() -> None:
    assert render([picture(COLOUR)], View()) == render([picture(COLOUR)], View(quality=90)) != render([picture(COLOUR)], View(quality=89))


@pytest.mark.parametrize("media_type", [*FORMATS, "image/jxl"])
def test_equal_pictures_give_equal_bytes(media_type: str) -> None:
    assert len({render([picture(COLOUR)], View(media_type)) for _ in range(3)}) == 1


def frames_of(data: bytes) -> list[tuple[int, NDArray[np.uint8]]]:
    image = opened(data)
    found = []
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        image.load()
        found.append((int(image.info.get("duration", 0)), np.asarray(image.convert("RGB"))))
    return found


def moving(count: int, duration: float = 0.0) -> list[Picture]:
    return [picture(np.roll(GREY, number * 3, axis=1), duration=duration) for number in range(count)]


@pytest.mark.parametrize(("duration", "expected"), [(40.0, 40), (0.0, 100), (1.0, 20)])
def test_t2_a_gif_of_several_pictures_is_animated_with_their_times(duration: float, expected: int) -> None:
    found = frames_of(render(moving(5, duration), View("image/gif")))
    assert [time for time, _ in found] == [expected] * 5
    for number, (_, shown) in enumerate(found):
        assert shown[..., 0].tolist() == np.roll(GREY, number * 3, axis=1).tolist()


def test_times_of_a_gif_add_up_although_it_counts_in_hundredths() -> None:
    found = frames_of(render(moving(30, 1000 / 30), View("image/gif")))
    assert {time for time, _ in found} == {30, 40}
    assert sum(time for time, _ in found) == 1000


def test_equal_frames_of_a_gif_are_all_there() -> None:
    assert len(frames_of(render([picture(GREY, duration=50.0)] * 4, View("image/gif")))) == 4


def test_an_animated_gif_repeats_and_keeps_colours_of_each_frame() -> None:
    reds, blues = np.zeros((8, 8, 3), "u1"), np.zeros((8, 8, 3), "u1")
    reds[..., 0], blues[..., 2] = 200, 210
    data = render([picture(reds), picture(blues)], View("image/gif"))
    assert opened(data).info["loop"] == 0
    assert [shown[3, 3].tolist() for _, shown in frames_of(data)] == [[200, 0, 0], [0, 0, 210]]


@pytest.mark.parametrize("media_type", ["image/webp", "image/avif"])
def test_webp_and_avif_can_be_animated(media_type: str) -> None:
    found = frames_of(render(moving(4, 70.0), View(media_type)))
    assert [time for time, _ in found] == [70] * 4
    for number, (_, shown) in enumerate(found):
        assert np.abs(shown[..., 1].astype(int) - np.roll(GREY, number * 3, axis=1)).mean() < 4


@pytest.mark.parametrize("media_type", ["image/jpeg", "image/png", "image/jp2", "image/jxl"])
def test_several_pictures_in_a_file_of_one_are_refused(media_type: str) -> None:
    with pytest.raises(ValueError, match="holds one picture"):
        render(moving(2), View(media_type))


def test_nonsense_is_refused_with_a_sentence() -> None:
    with pytest.raises(ValueError, match="no picture"):
        render([], View())
    with pytest.raises(ValueError, match="text/plain is no media type"):
        render([picture(GREY)], View("text/plain"))
    with pytest.raises(ValueError, match="of one size"):
        render([picture(GREY), picture(GREY[:9])], View("image/gif"))
    with pytest.raises(ValueError, match="16383"):
        image_files.write("image/webp", [np.zeros((1, 16384), "u1")], Writing())
    short = picture(GREY)
    with pytest.raises(ValueError, match="fewer bytes"):
        render([replace(short, frame=short.frame[:10])], View())
