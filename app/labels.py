"""Labels of studies: words that a site hangs on them, by rules at store time or by request, for rules on who may see what.

The words beside `model`, and the Protocol beside `ports`. Must not know: HTTP, SQL, who fulfils it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

from app.model import InstanceRecord, Uid

MOST = 64
"""Labels of one study."""

_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")


def is_label(text: str) -> bool:
    """1 to 64 letters, digits, `.`, `_`, `:` and `-`: what stands in a path and in a rule as it is."""
    return _LABEL.fullmatch(text) is not None


class KeptLabels(Protocol):
    """Of studies that are there; they go with the last instance of a study. All may raise Unavailable."""

    async def of(self, study: Uid) -> frozenset[str]: ...

    async def add(self, study: Uid, labels: frozenset[str]) -> bool:
        """False if the study is not there, or would have more than MOST."""

    async def remove(self, study: Uid, label: str) -> bool:
        """False if the study does not have it."""


class Labels(KeptLabels, Protocol):
    """What is kept, and what rules say."""

    def by_rule(self, records: Sequence[InstanceRecord]) -> frozenset[str]:
        """What the site's rules give to the study of these records; nothing is written."""
