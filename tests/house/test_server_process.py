"""What the server's own process loads: no codec, and of `app.pixels` only what speaks with workers (ADR 0011).

NumPy and Pillow are there all the same: pydicom loads them for itself, whose tables we use.
"""

import subprocess
import sys
from pathlib import Path

SERVERS_SIDE = {"adapter", "pool", "process", "syntaxes", "wire", "worker"}


def test_the_server_loads_no_codec(root: Path) -> None:
    program = "import sys, app.main; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=root)
    loaded = set(run.stdout.split())
    assert "app.pixels.adapter" in loaded
    assert "imagecodecs" not in loaded
    assert {name.split(".")[2] for name in loaded if name.startswith("app.pixels.")} <= SERVERS_SIDE
