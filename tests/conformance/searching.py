"""What the tests of Search have in common: one instance stored, and the UIDs that a query finds."""

from __future__ import annotations

from typing import Any

from tests.api.conftest import Site
from tests.builders import instance


async def one(site: Site, uid: str = "1.2.3", **keywords: Any) -> None:
    answer = await site.store(instance(**{"study_uid": uid, "series_uid": f"{uid}.1", "instance_uid": f"{uid}.1.1"} | keywords))
    assert answer.status_code == 200, answer.text


async def found(site: Site, query: str, resource: str = "/studies", tag: str = "0020000D") -> list[str]:
    return [item[tag]["Value"][0] for item in await site.objects(f"{resource}?{query}")]
