"""Waveforms, beside what pydicom and numpy make of the same bytes."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest

from app.dicom import waveform
from app.model import Bulkdata, Span
from tests.reports import code
from tests.unit.dicom.corpus_files import corpus_file
from tests.waveforms import HEMODYNAMIC, TYPES, channel, group, instance, read

GENERATOR = np.random.default_rng(7)


def test_the_corpus_has_the_samples_that_pydicom_reads() -> None:
    made = pydicom.dcmread(corpus_file("waveform_ecg.dcm"))
    found = read(made)
    assert found.electrocardiogram
    assert [each.label for each in found.groups] == ["RHYTHM", "MEDIAN BEAT"]
    for at, each in enumerate(found.groups):
        expected = made.waveform_array(at)
        assert expected.shape == (each.samples, len(each.channels)) == (each.of, 12)
        for number, lead in enumerate(each.channels):
            ours = np.array(waveform.samples(each, number)) * lead.factor + lead.offset
            np.testing.assert_allclose(ours, expected[:, number], rtol=1e-12)
        assert {lead.unit for lead in each.channels} == {"uV"}
    assert found.findings[:3] == ("RITMO SINUSALE", "ECG NORMALE", "RR Interval: 982 ms")


@pytest.mark.parametrize("kind", [kind for kind in TYPES if kind not in ("MB", "AB")])
def test_every_sample_interpretation_is_read(kind: str) -> None:
    limits = np.iinfo(TYPES[kind])
    numbers = GENERATOR.integers(limits.min, limits.max, (1000, 3), dtype=np.dtype(TYPES[kind]).newbyteorder("="), endpoint=True)
    (found,) = read(instance(group(numbers, [channel("a"), channel("b"), channel("c")], kind=kind))).groups
    for number in range(3):
        assert list(waveform.samples(found, number)) == numbers[:, number].tolist()


def test_mu_law_is_expanded_as_g711_has_it() -> None:
    codes = np.arange(256).reshape(256, 1)
    (found,) = read(instance(group(codes, [channel("a", None)], kind="MB"))).groups
    expected = []
    for number in range(256):
        bits = 255 - number
        sign, exponent, mantissa = bits >> 7, bits >> 4 & 7, bits & 15
        magnitude = ((2 * mantissa + 33) << exponent) - 33
        expected.append(4 * (-magnitude if sign else magnitude))
    assert list(waveform.samples(found, 0)) == expected
    assert (max(expected), min(expected)) == (32124, -32124)


def test_a_law_is_expanded_as_g711_has_it() -> None:
    codes = np.arange(256).reshape(256, 1)
    (found,) = read(instance(group(codes, [channel("a", None)], kind="AB"))).groups
    expected = []
    for number in range(256):
        bits = number ^ 0x55
        sign, exponent, mantissa = bits >> 7, bits >> 4 & 7, bits & 15
        magnitude = 2 * mantissa + 1 if exponent == 0 else (2 * mantissa + 33) << exponent - 1
        expected.append(8 * (magnitude if sign else -magnitude))
    assert list(waveform.samples(found, 0)) == expected
    assert (max(expected), min(expected)) == (32256, -32256)


def test_a_value_is_sensitivity_times_correction_times_sample_plus_baseline() -> None:
    """PS3.3 C.10.9: the baseline is in units of the channel, not in samples."""
    lead = channel("P", "mm[Hg]", 0.5, ChannelSensitivityCorrectionFactor=1.1, ChannelBaseline=-20, ChannelTimeSkew="0.004")
    (found,) = read(instance(group(np.full((4, 1), 100), [lead]), sop_class=HEMODYNAMIC)).groups
    (only,) = found.channels
    assert 100 * only.factor + only.offset == pytest.approx(0.5 * 1.1 * 100 - 20)
    assert (only.unit, only.delay) == ("mm[Hg]", 0.004)


@pytest.mark.parametrize(("label", "expected"), [("Lead I", "Lead I"), (None, "Source")])
def test_a_channel_is_called_by_its_label_or_its_source(label: str | None, expected: str) -> None:
    (found,) = read(instance(group(np.zeros((4, 1)), [channel(label)]))).groups
    assert found.channels[0].label == expected


def test_channels_that_are_not_described_are_there_all_the_same() -> None:
    numbers = np.arange(8).reshape(4, 2)
    (found,) = read(instance(group(numbers, [channel("a")]))).groups
    assert [each.label for each in found.channels] == ["a", "Channel 2"]
    assert list(waveform.samples(found, 1)) == [1, 3, 5, 7]


def test_data_that_end_early_give_the_samples_that_are_there() -> None:
    (found,) = read(instance(group(np.arange(8).reshape(4, 2), [channel("a"), channel("b")], NumberOfWaveformSamples=1000))).groups
    assert (found.samples, found.of) == (4, 1000)
    assert list(waveform.samples(found, 0)) == [0, 2, 4, 6]


def test_a_padding_value_is_a_sample() -> None:
    (found,) = read(instance(group(np.array([[1], [-32768]]), [channel("a")], WaveformPaddingValue=b"\x00\x80"))).groups
    assert found.padding == -32768


def test_what_has_no_samples_is_left_out() -> None:
    assert read(instance(group(np.zeros((0, 1)), [channel("a")]))).groups == ()
    assert read(instance()).groups == ()


def test_annotations_of_single_moments_are_not_findings() -> None:
    text, moment, coded = (pydicom.Dataset() for _ in range(3))
    text.UnformattedTextValue = "Sinus rhythm"
    moment.UnformattedTextValue, moment.TemporalRangeType = "R wave", "POINT"
    coded.ConceptNameCodeSequence, coded.ConceptCodeSequence = [code("Rhythm")], [code("Atrial fibrillation")]
    made = instance(group(np.zeros((4, 1)), [channel("a")]), WaveformAnnotationSequence=[text, moment, coded])
    assert read(made).findings == ("Sinus rhythm", "Rhythm: Atrial fibrillation")


def test_only_the_beginning_of_a_long_waveform_is_read_and_nothing_else() -> None:
    long = Span(100, waveform.LARGEST * 3)
    values = [
        Bulkdata("54000100/1/54001010", "OW", long),
        Bulkdata("54000100/999/54001010", "OW", long),
        Bulkdata("7FE00010", "OW", long),
        Bulkdata("54000100/1/003A0200/1/54001010", "OW", long),
    ]
    assert [(each.path, each.span) for each in waveform.needed(values)] == [("54000100/1/54001010", Span(100, waveform.LARGEST))]
