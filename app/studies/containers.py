"""One answer, many items: how the whole is packed, and in which form each item goes in (PS3.18 8.7.8: the choice is made for each part)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from app.dicomweb.media_types import DICOM, ZIP
from app.dicomweb.negotiate import Offer, select
from app.errors import NotAcceptable
from app.studies.answers import Wanted

Packed = tuple[Offer, ...]
"""What one item could be sent as, best first."""


class Repeated(tuple[Offer, ...]):
    """A Packed that many items of one answer share, a study having as many items as instances: it is hashed once."""

    _hash: int | None = None

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = super().__hash__()
        return self._hash


class Container:
    """The packing of the whole: the one that the first item with an acceptable form selects. NotAcceptable if no item has any."""

    def __init__(self, items: Iterable[Packed], wanted: Wanted) -> None:
        self._wanted = wanted
        self._known: dict[Packed, Offer | None] = {}
        self.offer = self._first(items)

    def form(self, offers: Packed) -> Offer | None:
        """The form in which an item with these offers goes in; None if none that fits is acceptable."""
        if offers not in self._known:
            self._known[offers] = self._select([offer for offer in offers if _alike(offer, self.offer)])
        return self._known[offers]

    def _first(self, items: Iterable[Packed]) -> Offer:
        refusal: NotAcceptable | None = None
        for offers in dict.fromkeys(items):
            try:
                found = self._choose(offers)
            except NotAcceptable as error:
                refusal = refusal or error
                continue
            self._known[offers] = found
            return found
        raise refusal or NotAcceptable("There is nothing on offer for this resource", clause="PS3.18 8.7.8.1")

    def _choose(self, offers: Packed) -> Offer:
        if isinstance(offers, Repeated) and self._wanted.weighed is None:
            return _chosen(offers, self._wanted.accept, self._wanted.parameter)
        return self._wanted.choose(offers)

    def _select(self, offers: Sequence[Offer]) -> Offer | None:
        try:
            return self._wanted.choose(offers)
        except NotAcceptable:
            return None


@lru_cache(maxsize=256)
def _chosen(offers: Repeated, accept: str | None, parameter: str | None) -> Offer:
    """User agents ask again and again with the same header."""
    return select(offers, accept=accept, parameter=parameter)


_KINDS = {DICOM: 1, ZIP: 2}


def _alike(offer: Offer, opened: Offer) -> bool:
    """Part 10 files, values, and zip archives are three different answers; values of several media types may stand side by side."""
    return offer.packaging is opened.packaging and _KINDS.get(offer.media_type) == _KINDS.get(opened.media_type)
