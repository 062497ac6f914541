"""Functional groups of enhanced multi-frame objects (PS3.3 C.7.6.16): what holds for one frame. Pure; knows no macro's meaning."""

from __future__ import annotations

from app.dicom.item import Item

SHARED = "52009229"
PER_FRAME = "52009230"


def macro(dataset: Item, frame: int, tag: str) -> Item | None:
    """The (first) item of functional group `tag` for the frame (from 1): its own, else the shared one, else None."""
    items = macros(dataset, frame, tag)
    return items[0] if items else None


def macros(dataset: Item, frame: int, tag: str) -> list[Item]:
    """All items of functional group `tag` for the frame, own or shared."""
    frames = dataset.values(PER_FRAME)
    if 0 < frame <= len(frames) and isinstance(frames[frame - 1], dict):
        found = Item(frames[frame - 1], f"{PER_FRAME}/{frame}/").items(tag)  # type: ignore[arg-type]
        if found:
            return found
    shared = dataset.item(SHARED)
    return shared.items(tag) if shared is not None else []


def first_with(candidates: list[Item | None], *tags: str) -> Item | None:
    """The first of these that has a value for one of the tags."""
    return next((each for each in candidates if each is not None and any(each.has(tag) for tag in tags)), None)
