"""Waveform objects for the tests, made with pydicom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from app.dicom import waveform
from app.dicom.item import Item
from app.dicom.waveform import Waveform
from app.dicomweb import dicom_json
from tests.builders import dataset, part10
from tests.reports import code
from tests.unit.dicom.corpus_files import opened_bytes

TWELVE_LEADS = "1.2.840.10008.5.1.4.1.1.9.1.1"
HEMODYNAMIC = "1.2.840.10008.5.1.4.1.1.9.2.1"
AUDIO = "1.2.840.10008.5.1.4.1.1.9.4.2"
TYPES = {"SB": "i1", "UB": "u1", "MB": "u1", "AB": "u1", "SS": "<i2", "US": "<u2", "SL": "<i4", "UL": "<u4", "SV": "<i8", "UV": "<u8"}


def channel(label: str | None, unit: str | None = "mV", sensitivity: float = 0.001, **keywords: Any) -> Dataset:
    """A channel; without a unit its samples are in arbitrary ones."""
    made = Dataset()
    if label is not None:
        made.ChannelLabel = label
    made.ChannelSourceSequence = [code("Source")]
    made.ChannelSampleSkew = "0"
    made.WaveformBitsStored = 16
    if unit is not None:
        made.ChannelSensitivity, made.ChannelBaseline, made.ChannelSensitivityCorrectionFactor = sensitivity, 0, 1
        made.ChannelSensitivityUnitsSequence = [code(unit, unit, "UCUM")]
    for keyword, value in keywords.items():
        setattr(made, keyword, value)
    return made


def group(samples: NDArray[Any], channels: Sequence[Dataset], frequency: float = 500.0, kind: str = "SS", **keywords: Any) -> Dataset:
    """A multiplex group of `samples`, shape (moments, channels)."""
    made = Dataset()
    made.WaveformOriginality = "ORIGINAL"
    made.NumberOfWaveformSamples, made.NumberOfWaveformChannels = samples.shape
    made.SamplingFrequency = frequency
    made.ChannelDefinitionSequence = list(channels)
    made.WaveformSampleInterpretation = kind
    data = samples.astype(TYPES[kind]).tobytes()
    made.WaveformBitsAllocated = np.dtype(TYPES[kind]).itemsize * 8
    made.WaveformData = data + bytes(len(data) % 2)
    made["WaveformData"].VR = "OB" if made.WaveformBitsAllocated == 8 else "OW"
    for keyword, value in keywords.items():
        setattr(made, keyword, value)
    return made


def instance(*groups: Dataset, sop_class: str = TWELVE_LEADS, **keywords: Any) -> Dataset:
    return dataset(modality="ECG", rows=0, SOPClassUID=sop_class, WaveformSequence=list(groups), **keywords)


def read(made: Dataset) -> Waveform:
    """Stored, and read back from its Metadata and bulkdata."""
    data = part10(made)
    source, header, tree = opened_bytes(data)
    encoded = dicom_json.encode(source, tree.dataset, bulkdata_root="/here", transfer_syntax=header.transfer_syntax)
    bulk = {each.path: source.read(each.span.offset, each.span.length) for each in waveform.needed(encoded.bulkdata)}
    return waveform.waveform(Item(encoded.object), bulk)
