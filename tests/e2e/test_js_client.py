"""The JavaScript `dicomweb-client`, which web viewers are built on, walks through a real server in Node."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.builders import study
from tests.e2e.server import Server

HERE = Path(__file__).parent / "js"
MISSING = "Node.js and npm are missing: install them with `apt-get install nodejs npm`"


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The script beside its packages, in a folder of its own: nothing is installed into the repository."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.fail(MISSING)
    folder = tmp_path_factory.mktemp("js")
    for name in ("package.json", "package-lock.json", "walk.js"):
        shutil.copy(HERE / name, folder / name)
    done = subprocess.run(
        [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return folder / "walk.js"


def test_every_method_of_the_javascript_client(server: Server, walk: Path, tmp_path: Path) -> None:
    paths = []
    for number, part10 in enumerate(study(series=1, instances=3, frames=2, PatientID="JS-1")):
        path = tmp_path / f"{number}.dcm"
        path.write_bytes(part10)
        paths.append(str(path))
    done = subprocess.run(["node", str(walk), server.base, *paths], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
