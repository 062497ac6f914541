"""axe-core, which finds what screen readers stumble over: fetched from npm by name and pinned digest, kept in `build/`, never committed."""

from __future__ import annotations

import tarfile
from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from viewer.build import Package, check, fetch

AXE = Package("axe-core", "4.14.1", "sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==")
KEPT = Path(__file__).resolve().parents[2] / "build" / f"axe-core-{AXE.version}.tgz"


@cache
def script() -> str:
    """Its source text. ProblemError if it cannot be fetched or is another."""
    if not KEPT.exists():
        KEPT.parent.mkdir(exist_ok=True)
        fetched = fetch(KEPT.parent, AXE)
        check(fetched, AXE)
        fetched.rename(KEPT)
    check(KEPT, AXE)
    with tarfile.open(KEPT) as archive:
        member = archive.extractfile("package/axe.min.js")
        assert member is not None
        return member.read().decode()


def findings(page: Page) -> list[str]:
    """What is wrong with the page as it is now: rule, and the elements."""
    page.evaluate(script())
    found: dict[str, Any] = page.evaluate("() => axe.run(document, { resultTypes: ['violations', 'incomplete'] })")
    assert found["passes"], "axe looked at nothing"
    return [f"{rule['id']}: {node['html'][:200]} {node['failureSummary'][:200]}" for rule in found["violations"] for node in rule["nodes"]]
