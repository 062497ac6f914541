"""Long texts come back into the Metadata as pydicom reads them."""

from __future__ import annotations

import copy
from io import BytesIO

import pydicom
import pytest

from app.dicom.content_tree import tree
from app.dicom.item import Item
from app.dicomweb import dicom_json, long_text
from app.model import Bulkdata, Span
from tests.builders import part10
from tests.reports import document, item
from tests.unit.dicom.corpus_files import opened_bytes


@pytest.mark.parametrize(("character_set", "letter"), [("ISO_IR 100", "ö"), ("ISO_IR 192", "é"), ("ISO_IR 144", "ж"), ("GB18030", "漢")])
def test_a_long_text_comes_back_in_its_character_set(character_set: str, letter: str) -> None:
    text = f"{letter} is long. " * 700
    made = document("Report", item("CONTAINER", "Section", item("TEXT", "Text", TextValue=text)), SpecificCharacterSet=character_set)
    data = part10(made)
    source, header, walked = opened_bytes(data)
    encoded = dicom_json.encode(source, walked.dataset, bulkdata_root="/here", transfer_syntax=header.transfer_syntax)
    untouched = copy.deepcopy(encoded.object)
    (long,) = long_text.needed(encoded.bulkdata)
    whole = long_text.inlined(encoded.object, {long.path: data[long.span.offset : long.span.end]})
    read = pydicom.dcmread(BytesIO(data)).ContentSequence[0].ContentSequence[0].TextValue
    assert tree(Item(whole)).children[0].children[0].text == read == text.rstrip()
    assert encoded.object == untouched
    assert tree(Item(encoded.object)).children[0].children[0].text == ""


def test_only_texts_are_needed_and_only_so_much_of_them() -> None:
    half = Span(0, long_text.MOST // 2 + 1)
    values = [
        Bulkdata("0040A160", "UT", half),
        Bulkdata("7FE00010", "OW", half),
        Bulkdata("00204000", "LT", half),
        Bulkdata("00104000", "LT", Span(0, 5)),
    ]
    assert [each.path for each in long_text.needed(values)] == ["0040A160", "00104000"]


def test_a_path_that_leads_nowhere_changes_nothing() -> None:
    assert long_text.inlined({"00080005": {"vr": "CS"}}, {"0040A160": b"x"}) == {"00080005": {"vr": "CS"}}
