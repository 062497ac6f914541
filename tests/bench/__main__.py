"""`python -m tests.bench [section ...] [--json FILE]`: how long things take, beside the least that they could take.

A section is a module here with `measure() -> Iterator[Row]`, named in SECTIONS. Nothing in the tests depends on a time: figures are for
people, and for comparing two versions on one machine.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from dataclasses import asdict
from pathlib import Path

from app import __version__
from tests.bench import audit, pixels, rendering
from tests.bench.timing import Row

SECTIONS = {"audit": audit.measure, "pixels": pixels.measure, "rendering": rendering.measure}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("sections", nargs="*", choices=[*SECTIONS, []], help="all of them, if none is named")
    parser.add_argument("--json", metavar="FILE", help="also write the figures there")
    options = parser.parse_args()
    rows: list[Row] = []
    for section in options.sections or SECTIONS:
        print(f"\n## {section}\n\n| what | ms | limit, ms | times the limit | by |\n|---|---:|---:|---:|---|")
        for row in SECTIONS[section]():
            rows.append(row)
            print(line(row), flush=True)
    if options.json:
        path = Path(options.json)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({**machine(), "rows": [asdict(row) for row in rows]}, indent=1) + "\n", encoding="utf-8")


def line(row: Row) -> str:
    limit, times = (f"{row.limit:.2f}", f"{row.took / row.limit:.2f}") if row.limit else ("", "")
    return f"| {row.name} | {row.took:.2f} | {limit} | {times} | {row.by} |"


def machine() -> dict[str, object]:
    """What the figures depend on."""
    return {
        "version": __version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "system": sys.platform,
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
    }


if __name__ == "__main__":
    main()
