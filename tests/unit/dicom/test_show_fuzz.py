"""app.dicom.show over nonsense: whatever stands in the Metadata, it gives a Picture or says that there is no image, and nothing else."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.dicom import show
from app.model import Bulkdata, Span

_TAGS = [
    "00080016", "00080022", "00080060", "0008103E", "00082144", "00100010", "00100030", "00180040", "00180060", "00181063",
    "00181065", "00181164", "00182010", "00200011", "00200013", "00280002", "00280004", "00280006", "00280008", "00280010",
    "00280011", "00280030", "00280034", "00280100", "00280101", "00280102", "00280103", "00280120", "00280121", "00281040",
    "00281050", "00281051", "00281052", "00281053", "00281056", "00281101", "00281102", "00281103", "00281201", "00281202",
    "00281203", "00281221", "00282000", "00283000", "00283002", "00283006", "00283010", "00289110", "00289132", "00289145",
    "00480105", "00480106", "00480207", "20500010", "20500020", "52009229", "52009230", "60000010", "60000011", "60000015",
    "60000040", "60000050", "60000051", "60000100", "60000102", "60003000", "7FE00008", "7FE00010",
]  # fmt: skip

_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-70000, 70000)
    | st.sampled_from([2**63, -(2**70), 10**400])
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(["1e400", "NaN", "RGB", "MONOCHROME1", "PALETTE COLOR", "SIGMOID", "INVERSE", "LOG", "0", "16", "-1", "1e3"])
    | st.dictionaries(st.sampled_from(["Alphabetic", "Phonetic"]), st.text(max_size=4) | st.none(), max_size=2)
)


def _elements(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    whole = st.fixed_dictionaries(
        {"vr": st.sampled_from(["US", "SS", "DS", "SQ", "OW", "UN", "??"]), "Value": st.lists(values, max_size=4)}
    )
    inline = st.fixed_dictionaries({"vr": st.just("OW"), "InlineBinary": st.text(max_size=8) | st.just("AAECAwQF") | st.none()})
    bulk = st.fixed_dictionaries({"vr": st.just("OW"), "BulkDataURI": st.just("\x01/bulkdata")})
    return whole | inline | bulk | st.just({"vr": "US"}) | st.just({}) | st.none() | st.just([])


_ITEMS = st.recursive(_SCALARS, lambda inner: inner | st.dictionaries(st.sampled_from(_TAGS), _elements(inner), max_size=4), max_leaves=12)
_DATA_SETS = st.dictionaries(st.sampled_from(_TAGS), _elements(_ITEMS), max_size=12)
_SIZE = {tag: {"vr": "US", "Value": [value]} for tag, value in (("00280010", 4), ("00280011", 6), ("00280100", 16))}


@given(_DATA_SETS, st.integers(-1, 5), st.booleans())
def test_any_metadata_gives_a_picture_or_is_no_image(dataset: dict[str, Any], number: int, sized: bool) -> None:
    described = _SIZE | dataset if sized else dataset
    bulk = {path: bytes(range(32)) for path in ("00281201", "00282000", "60003000", "00283010/1/00283006")}
    image = show.image_attributes(described)
    if image is None:
        return
    made = show.picture(described, number, bulk)
    assert made.image == image
    assert 0 < image.stored <= image.allocated
    assert image.stored - 1 <= image.high < image.allocated
    assert made.window is None or made.window.width > 0
    assert min(made.aspect) > 0
    assert all(each.rows * each.columns > 0 for each in made.overlays)


@given(st.lists(st.text("0123456789/", max_size=30)), st.integers(0, 3))
def test_any_paths_of_bulkdata_are_survived(paths: list[str], number: int) -> None:
    show.needed([Bulkdata(path, "OW", Span(0, 1)) for path in paths], number or None)
