"""Charts of waveforms: every trace taken back into time and value, beside numpy's of the raw samples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray

from app.dicom import waveform_chart
from app.dicom.drawing import Box, Drawing, Grid, Line, Words
from app.dicom.waveform_chart import chart
from tests.unit.dicom.corpus_files import corpus_file
from tests.waveforms import AUDIO, HEMODYNAMIC, channel, group, instance, read

GENERATOR = np.random.default_rng(11)


def traces(drawing: Drawing) -> list[NDArray[np.float64]]:
    """The points of what is drawn in ink and is no calibration pulse."""
    return [points for points in inked(drawing) if len(points) != 6]


def pulses(drawing: Drawing) -> list[NDArray[np.float64]]:
    return [points for points in inked(drawing) if len(points) == 6]


def inked(drawing: Drawing) -> list[NDArray[np.float64]]:
    return [np.array(mark.points) for mark in drawing.marks if isinstance(mark, Line) and mark.colour == "#101010"]


def texts(drawing: Drawing) -> list[str]:
    return [mark.text for mark in drawing.marks if isinstance(mark, Words)]


def thinned(values: NDArray[np.float64], per_column: int) -> list[tuple[int, float]]:
    """Of so many samples each the lowest and the highest, by where they are."""
    found: list[tuple[int, float]] = []
    for start in range(0, len(values), per_column):
        part = values[start : start + per_column]
        found += [(start + at, float(part[at])) for at in sorted({int(part.argmin()), int(part.argmax())})]
    return found


@pytest.mark.parametrize(("frequency", "per_column"), [(100, 1), (200, 1), (500, 2), (1000, 5), (2000, 10)])
def test_an_electrocardiogram_is_25_mm_a_second_and_10_mm_a_millivolt(frequency: int, per_column: int) -> None:
    values = GENERATOR.integers(-1500, 2500, (frequency * 4, 1))
    drawing = chart(read(instance(group(values, [channel("I", "uV", 1.0)], frequency))))
    (trace,), (pulse,) = traces(drawing), pulses(drawing)
    zero, left = pulse[0, 1], pulse[5, 0] + 1.0
    assert pulse[2, 1] == zero - 10.0  # one millivolt
    expected = thinned(values[:, 0] / 1000, per_column)
    np.testing.assert_allclose(trace[:, 0], [left + at / frequency * 25 for at, _ in expected], atol=0.0011)
    np.testing.assert_allclose(trace[:, 1], [zero - value * 10 for _, value in expected], atol=0.0011)
    assert f"4 s, {frequency} Hz, 25 mm/s, 10 mm/mV" in texts(drawing)


def test_the_corpus_is_drawn_as_its_samples_are() -> None:
    made = pydicom.dcmread(corpus_file("waveform_ecg.dcm"))
    drawing = chart(read(made))
    found, marks = traces(drawing), pulses(drawing)
    assert len(found) == len(marks) == 24
    microvolts = [made.waveform_array(at)[:, lead] for at in (0, 1) for lead in range(12)]
    for trace, pulse, values in zip(found, marks, microvolts, strict=True):
        expected = thinned(values / 1000, 5)
        np.testing.assert_allclose(trace[:, 0], [pulse[5, 0] + 1 + at * 0.025 for at, _ in expected], atol=0.0011)
        np.testing.assert_allclose(trace[:, 1], [pulse[0, 1] - value * 10 for _, value in expected], atol=0.0011)
    assert {"Lead aVR", "Lead V6", "RHYTHM, 10 s, 1000 Hz, 25 mm/s, 10 mm/mV"} <= set(texts(drawing))


def test_squares_of_5_mm_lie_on_the_zero_lines() -> None:
    drawing = chart(read(pydicom.dcmread(corpus_file("waveform_ecg.dcm"))))
    coarse = next(mark for mark in drawing.marks if isinstance(mark, Grid) and mark.step == 5.0)
    fine = next(mark for mark in drawing.marks if isinstance(mark, Grid) and mark.step == 1.0)
    assert (fine.left, fine.top, fine.width, fine.height) == (coarse.left, coarse.top, coarse.width, coarse.height)
    assert {round((pulse[0, 1] - coarse.top) % 5, 6) for pulse in pulses(drawing)[:12]} == {0.0}
    assert {round((pulse[0, 0] - coarse.left) % 5, 6) for pulse in pulses(drawing)[:12]} == {3.0}


@pytest.mark.parametrize(("millivolts", "gain"), [(6, 10.0), (12, 5.0), (30, 2.5), (70, 1.0)])
def test_a_trace_that_would_be_too_high_gets_a_smaller_gain_which_is_told(millivolts: int, gain: float) -> None:
    values = np.array([[0], [millivolts * 100], [0]])
    drawing = chart(read(instance(group(values, [channel("I", "uV", 10.0)], 100))))
    assert np.ptp(traces(drawing)[0][:, 1]) == pytest.approx(millivolts * gain, abs=0.002)
    assert f"{gain:g} mm/mV" in texts(drawing)[0]


@pytest.mark.parametrize(("seconds", "speed"), [(30, 25.0), (60, 12.5), (300, 2.5), (3600, 0.1)])
def test_a_long_electrocardiogram_is_drawn_slower_and_says_so(seconds: int, speed: float) -> None:
    values = np.zeros((seconds * 10, 1), np.int16)
    drawing = chart(read(instance(group(values, [channel("I")], 10))))
    assert f"{speed:g} mm/s" in texts(drawing)[0]
    assert drawing.width <= waveform_chart.LONGEST + 60


def test_a_trace_far_from_zero_is_centred() -> None:
    values = np.array([[9000], [9100], [9000]])
    drawing = chart(read(instance(group(values, [channel("I", "uV", 1.0)], 100))))
    assert pulses(drawing) == []
    assert np.ptp(traces(drawing)[0][:, 1]) == pytest.approx(1.0, abs=0.002)
    assert drawing.height < 60


def test_other_waveforms_fill_their_row_and_tell_their_extent() -> None:
    values = np.column_stack([GENERATOR.integers(1, 199, 1000), GENERATOR.integers(-5, 5, 1000)])
    values[10], values[20] = (0, -5), (199, 4)
    pressure = channel("Aorta", "mm[Hg]", 0.5, ChannelBaseline=10)
    drawing = chart(read(instance(group(values, [pressure, channel("Other", None)], 100), sop_class=HEMODYNAMIC)))
    first, second = traces(drawing)
    assert np.ptp(first[:, 1]) == pytest.approx(21.0, abs=0.01)
    assert np.ptp(second[:, 1]) == pytest.approx(21.0, abs=0.01)
    assert {"109.5 mm[Hg]", "10 mm[Hg]", "0 s", "2 s", "Aorta"} <= set(texts(drawing))
    assert first[:, 1].argmin() == 20
    assert first[20, 0] - first[0, 0] == pytest.approx(20 / 100 * 20, abs=0.002)


def test_padding_breaks_the_trace() -> None:
    values = np.array([[1], [2], [-32768], [-32768], [3], [4]])
    drawing = chart(read(instance(group(values, [channel("I")], 100, WaveformPaddingValue=b"\x00\x80"))))
    assert [len(trace) for trace in traces(drawing)] == [2, 2]
    assert "10 mm/mV" in texts(drawing)[0]


def test_padding_within_a_column_is_not_drawn() -> None:
    values = np.tile([[5], [-32768], [7], [6]], (500, 1))
    drawing = chart(read(instance(group(values, [channel("I", "uV", 1.0)], 2000, WaveformPaddingValue=b"\x00\x80"))))
    heights = {round(value, 3) for trace in traces(drawing) for value in trace[:, 1]}
    assert max(heights) - min(heights) == pytest.approx(0.02, abs=0.002)


def test_a_channel_that_begins_late_is_drawn_late() -> None:
    late = channel("II", ChannelTimeSkew="0.2")
    drawing = chart(read(instance(group(np.zeros((100, 2)), [channel("I"), late], 100))))
    first, second = traces(drawing)
    on_time, delayed = pulses(drawing)
    assert first[0, 0] - on_time[5, 0] == 1.0
    assert second[0, 0] - delayed[5, 0] == pytest.approx(1.0 + 0.2 * 25)


@pytest.mark.parametrize("seconds", [60, 600])
def test_points_are_bounded_and_no_spike_is_lost(seconds: int) -> None:
    values = np.zeros((seconds * 8000, 1), np.int16)
    values[seconds * 4000 + 3] = 20000
    drawing = chart(read(instance(group(values, [channel(None, None)], 8000), sop_class=AUDIO)))
    (trace,) = traces(drawing)
    assert len(trace) <= waveform_chart.POINTS
    assert trace[:, 1].min() == pytest.approx(trace[0, 1] - 21.0, abs=0.01)


def test_more_channels_than_are_drawn_are_counted() -> None:
    many = [channel(f"c{number}", None) for number in range(100)]
    drawing = chart(read(instance(group(np.zeros((10, 100)), many, 100), sop_class=AUDIO)))
    assert "and 36 more channels, which are not drawn" in texts(drawing)


def test_lines_above_the_chart_are_those_given_and_findings_only_if_asked() -> None:
    made = read(pydicom.dcmread(corpus_file("waveform_ecg.dcm")))
    assert "RITMO SINUSALE" not in texts(chart(made))
    assert texts(chart(made, ["Doe, Jane"], findings=True))[:2] == ["Doe, Jane", "RITMO SINUSALE"]


def inside(drawing: Drawing, points: Sequence[tuple[float, float]]) -> bool:
    return all(-0.01 <= x <= drawing.width + 0.01 and -0.01 <= y <= drawing.height + 0.01 for x, y in points)


@pytest.mark.parametrize("channels", [1, 3, 12])
@pytest.mark.parametrize("seconds", [1, 3, 10, 40])
@pytest.mark.parametrize("sop_class", [HEMODYNAMIC, "1.2.840.10008.5.1.4.1.1.9.1.2"])
def test_everything_lies_on_the_sheet(channels: int, seconds: int, sop_class: str) -> None:
    values = GENERATOR.integers(-3000, 3000, (seconds * 50, channels))
    drawing = chart(read(instance(group(values, [channel(f"{n}") for n in range(channels)], 50), sop_class=sop_class)))
    for mark in drawing.marks:
        match mark:
            case Line():
                assert inside(drawing, mark.points)
            case Grid() | Box():
                assert inside(drawing, [(mark.left, mark.top), (mark.left + mark.width, mark.top + mark.height)])
            case Words():
                assert inside(drawing, [(mark.x, mark.y)])


@pytest.mark.parametrize("frequency", [0.0, 0.001, 1e7])
def test_odd_frequencies_are_drawn(frequency: float) -> None:
    values = np.arange(20).reshape(20, 1)
    for sop_class in (HEMODYNAMIC, "1.2.840.10008.5.1.4.1.1.9.1.2"):
        drawing = chart(read(instance(group(values, [channel("a")], frequency), sop_class=sop_class)))
        assert len(traces(drawing)) == 1


def test_nothing_is_a_sheet_that_says_so() -> None:
    assert texts(chart(read(instance()))) == ["The waveform has no samples"]
