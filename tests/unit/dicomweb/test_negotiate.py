"""Content negotiation (PS3.18 8.7.8; statements N of the test digest)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dicomweb.negotiate import Offer, Packaging, describe, explain, select
from app.errors import BadRequest, NotAcceptable

LE = "1.2.840.10008.1.2.1"
JPEG = "1.2.840.10008.1.2.4."
SINGLE = Packaging.SINGLE

STUDY = (Offer("application/dicom", LE), Offer("application/octet-stream", LE))
INSTANCE = (*STUDY, Offer("application/dicom", LE, SINGLE))
METADATA = (Offer("application/dicom+json", packaging=SINGLE), Offer("application/dicom+xml"))
LOSSY_FRAME = (
    Offer("application/octet-stream", f"{JPEG}50", fallback=True),
    Offer("image/jpeg", f"{JPEG}50", fallback=True),
    Offer("image/jpeg", f"{JPEG}50", SINGLE, fallback=True),
)
JLS_FRAME = (
    Offer("application/octet-stream", LE),
    Offer("application/octet-stream", f"{JPEG}80"),
    Offer("image/jls", f"{JPEG}80"),
)


def related(essence: str, syntax: str | None = None, q: str | None = None) -> str:
    return f'multipart/related; type="{essence}"' + (f"; transfer-syntax={syntax}" if syntax else "") + (f"; q={q}" if q else "")


@pytest.mark.parametrize("accept", [None, "", "*/*", "garbage", "*/*;q=0.1", "multipart/related", "multipart/*", "image/png, */*;q=0.8"])
def test_absent_header_and_wildcards_give_the_default(accept: str | None) -> None:
    assert select(INSTANCE, accept=accept) is INSTANCE[0]


def test_browser_header_gives_the_default_of_metadata() -> None:
    accept = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
    assert select(METADATA, accept=accept) is METADATA[0]


@pytest.mark.parametrize("accept", ['multipart/related; type="application/dicom"', "Multipart/Related;TYPE=APPLICATION/DICOM;boundary=**"])
def test_named_multipart_type_is_selected_in_any_spelling(accept: str) -> None:
    assert select(INSTANCE, accept=accept) is INSTANCE[0]


@pytest.mark.parametrize(
    "accept", ["application/json", "application/dicom+json; charset=utf-8", f"application/dicom+json; transfer-syntax={LE}"]
)
def test_metadata_accepts_aliases_charset_and_transfer_syntax(accept: str) -> None:
    assert select(METADATA, accept=accept) is METADATA[0]


def test_alias_also_holds_on_the_offering_side() -> None:
    offer = Offer("application/json", packaging=SINGLE)
    assert select([offer], accept="application/json") is offer


def test_list_with_unsupported_types_selects_the_supported_one() -> None:
    assert select(STUDY, accept=f"image/png, {related('image/jxl')}, {related('application/octet-stream')}") is STUDY[1]


def test_unsupported_type_alone_is_not_acceptable_and_names_the_offers() -> None:
    with pytest.raises(NotAcceptable) as caught:
        select(INSTANCE, accept="image/png")
    assert caught.value.offers == (
        f'multipart/related; type="application/dicom"; transfer-syntax={LE}',
        f'multipart/related; type="application/octet-stream"; transfer-syntax={LE}',
        f"application/dicom; transfer-syntax={LE}",
    )


def test_offers_named_twice_are_listed_once() -> None:
    with pytest.raises(NotAcceptable) as caught:
        select([STUDY[0], STUDY[0]], accept="image/png")
    assert len(caught.value.offers) == 1


def test_no_offers_are_never_acceptable() -> None:
    with pytest.raises(NotAcceptable):
        select([], accept=None)


def test_single_part_range_selects_single_part_only() -> None:
    assert select(INSTANCE, accept="application/dicom") is INSTANCE[2]
    assert select(INSTANCE, accept=f"application/dicom;q=0.9, {related('application/dicom', q='0.5')}") is INSTANCE[2]
    with pytest.raises(NotAcceptable):
        select(STUDY, accept="application/dicom")
    with pytest.raises(NotAcceptable):
        select(METADATA, accept=related("application/dicom+json"))


def test_higher_q_wins_and_equal_q_takes_the_first_listed() -> None:
    xml, json = related("application/dicom+xml"), "application/dicom+json"
    assert select(METADATA, accept=f"{json};q=0.4, {xml};q=0.5") is METADATA[1]
    assert select(METADATA, accept=f"{xml}, {json}") is METADATA[1]
    assert select(METADATA, accept=f"{json}, {xml}") is METADATA[0]


def test_named_type_goes_before_the_wildcard_of_equal_q() -> None:
    assert select(METADATA, accept=f"*/*, {related('application/dicom+xml')}") is METADATA[1]


def test_q_zero_excludes_a_type_even_under_a_wildcard() -> None:
    assert select(METADATA, accept="*/*, application/dicom+json;q=0") is METADATA[1]
    assert select(STUDY, accept=f"{related('application/dicom')};q=0, multipart/related") is STUDY[1]
    with pytest.raises(NotAcceptable):
        select(METADATA, accept="application/dicom+json;q=0")


def test_exclusion_wins_over_the_same_range_with_weight() -> None:
    with pytest.raises(NotAcceptable):
        select(METADATA, accept="application/dicom+json, application/dicom+json;q=0")


def test_excluding_everything_else_leaves_the_named_type() -> None:
    assert select(METADATA, accept=f"*/*;q=0, {related('application/dicom+xml')}") is METADATA[1]


def test_most_specific_range_weighs_an_offer() -> None:
    assert select(METADATA, accept="application/dicom+json;q=0.1, */*;q=0.9") is METADATA[1]
    assert select(METADATA[:1], accept="application/dicom+json;q=0.1, */*;q=0.9") is METADATA[0]


def test_accept_parameter_goes_before_the_header() -> None:
    assert select(METADATA, accept="application/dicom+json", parameter=related("application/dicom+xml", q="0.1")) is METADATA[1]


def test_unsupported_accept_parameter_falls_back_to_the_header() -> None:
    assert select(METADATA, accept=related("application/dicom+xml"), parameter="image/png") is METADATA[1]
    assert select(METADATA, accept=None, parameter="image/png") is METADATA[0]
    with pytest.raises(NotAcceptable):
        select(METADATA, accept="text/html", parameter="image/png")


def test_plus_that_the_query_string_turned_into_a_space_is_restored() -> None:
    offers = tuple(reversed(METADATA))
    assert select(offers, accept="*/*", parameter="application/dicom json") is METADATA[0]
    assert select(METADATA, accept="*/*", parameter='multipart/related; type="application/dicom xml"') is METADATA[1]


def test_two_transfer_syntaxes_are_a_bad_request_in_either_place() -> None:
    with pytest.raises(BadRequest):
        select(INSTANCE, accept=related("application/dicom", "1.2.3,1.2.4"))
    with pytest.raises(BadRequest):
        select(INSTANCE, accept="*/*", parameter=related("application/dicom", "1.2.3,1.2.4"))


def test_unknown_transfer_syntax_is_not_acceptable() -> None:
    with pytest.raises(NotAcceptable):
        select(INSTANCE, accept=related("application/dicom", "1.2.3.4"))


def test_range_without_syntax_means_the_default_of_its_media_type() -> None:
    assert select(JLS_FRAME, accept=related("application/octet-stream")) is JLS_FRAME[0]
    assert select(JLS_FRAME, accept=related("image/jls")) is JLS_FRAME[2]
    with pytest.raises(NotAcceptable):
        select([Offer("image/jls", f"{JPEG}81")], accept=related("image/jls"))
    with pytest.raises(NotAcceptable):
        select(JLS_FRAME[1:], accept=related("application/octet-stream"))


@pytest.mark.parametrize(
    ("essence", "syntax"),
    [
        ("image/jpeg", f"{JPEG}70"),
        ("image/dicom-rle", "1.2.840.10008.1.2.5"),
        ("image/jls", f"{JPEG}80"),
        ("image/jp2", f"{JPEG}90"),
        ("image/jpx", f"{JPEG}92"),
        ("image/jphc", f"{JPEG}201"),
        ("image/jxl", f"{JPEG}110"),
        ("video/mpeg", f"{JPEG}100"),
        ("video/mp4", f"{JPEG}102"),
        ("video/H265", f"{JPEG}107"),
    ],
)
def test_defaults_of_the_table(essence: str, syntax: str) -> None:
    offers = (Offer(essence, "1.2.3"), Offer(essence, syntax))
    assert select(offers, accept=related(essence)) is offers[1]


def test_form_that_cannot_be_reduced_also_answers_a_range_without_syntax() -> None:
    assert select(LOSSY_FRAME, accept=related("application/octet-stream")) is LOSSY_FRAME[0]
    assert select(LOSSY_FRAME, accept=related("image/jpeg")) is LOSSY_FRAME[1]
    with pytest.raises(NotAcceptable):
        select(LOSSY_FRAME, accept=related("image/jpeg", f"{JPEG}70"))


def test_any_syntax_and_exact_syntax() -> None:
    stored_first = (JLS_FRAME[1], JLS_FRAME[0], JLS_FRAME[2])
    assert select(stored_first, accept="multipart/related; type=application/octet-stream; transfer-syntax=*") is JLS_FRAME[1]
    assert select(stored_first, accept=related("application/octet-stream", LE)) is JLS_FRAME[0]


def test_wildcards_take_the_first_offer_whatever_its_syntax() -> None:
    for accept in (None, "*/*", "multipart/related", related("application/*")):
        assert select(JLS_FRAME[1:], accept=accept) is JLS_FRAME[1]
    assert select(JLS_FRAME[1:], accept=related("image/*")) is JLS_FRAME[2]
    assert select(LOSSY_FRAME, accept="image/*") is LOSSY_FRAME[2]


def test_slide_viewer_gets_a_form_that_it_listed() -> None:
    accept = f"{related('image/jls', f'{JPEG}80')}, {related('application/octet-stream', '*')}, {related('image/jpeg', f'{JPEG}50')}"
    assert select(LOSSY_FRAME, accept=accept) is LOSSY_FRAME[0]
    assert select(LOSSY_FRAME[1:], accept=accept) is LOSSY_FRAME[1]
    assert select(JLS_FRAME, accept=accept) is JLS_FRAME[2]


def test_explanation_lists_the_acceptable_offers_with_their_reasons() -> None:
    found = explain(METADATA, accept="*/*;q=0.5", parameter=related("application/dicom+xml"))
    assert [(item.offer, item.source) for item in found] == [
        (METADATA[1], "accept parameter"),
        (METADATA[0], "Accept header"),
        (METADATA[1], "Accept header"),
    ]
    assert found[0].media_range.essence == "application/dicom+xml"


OFFERS = st.builds(
    Offer,
    st.sampled_from(["application/dicom", "application/octet-stream", "image/jpeg", "application/dicom+json"]),
    st.sampled_from([None, LE, f"{JPEG}50", f"{JPEG}70"]),
    st.sampled_from(Packaging),
    st.booleans(),
)


@given(st.lists(OFFERS, min_size=1, max_size=6))
def test_description_of_an_offer_asks_for_exactly_that_offer(offers: list[Offer]) -> None:
    for offer in offers:
        found = select(offers, accept=describe(offer))
        assert (found.media_type, found.packaging) == (offer.media_type, offer.packaging)
        if offer.transfer_syntax:
            assert found.transfer_syntax in (offer.transfer_syntax, None)


@given(
    st.lists(OFFERS, max_size=4),
    st.none() | st.text(max_size=60),
    st.lists(OFFERS.map(describe), max_size=4),
    st.sampled_from(["", ";q=0", ";q=.3"]),
)
def test_any_header_gives_an_offer_or_a_documented_error(offers: list[Offer], text: str | None, ranges: list[str], q: str) -> None:
    try:
        assert select(offers, accept=", ".join(item + q for item in ranges), parameter=text) in offers
    except (NotAcceptable, BadRequest) as error:
        assert error.status in (400, 406)  # noqa: PT017
