"""Ctrl-C in the middle of an import: what was told as stored is stored, and nothing else is left."""

import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.builders import fresh_uid, instance

FILES = 1500


def _heed_interrupts() -> None:
    """Whoever runs the tests in the background of a shell has told them to ignore Ctrl-C, and all that they start."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_an_interrupted_import_tells_what_it_stored_and_leaves_nothing_else(tmp_path: Path, root: Path) -> None:
    folder, data = tmp_path / "in", tmp_path / "data"
    folder.mkdir()
    study, series = fresh_uid(), fresh_uid()
    content, first = instance(study_uid=study, series_uid=series, instance_uid="1.2.3.10000"), b"1.2.3.10000"
    for number in range(FILES):
        (folder / f"{number}.dcm").write_bytes(content.replace(first, b"1.2.3.%d" % (10000 + number)))
    command = [sys.executable, "-m", "app"]
    running = subprocess.Popen(
        [*command, "import", str(folder), "--data", str(data)],
        cwd=root,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=_heed_interrupts,  # noqa: PLW1509 - it takes no lock
    )
    deadline = time.monotonic() + 60
    while not list(data.glob("**/audit*")) and running.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    told, _ = running.communicate(timeout=60)
    assert running.returncode == 130
    stored = int(told.split()[0])
    assert 0 < stored < FILES, told
    assert list((data / "blobs" / "tmp").iterdir()) == []
    verify = [*command, "verify", "--data", str(data), "--grace", "0"]
    checked = subprocess.run(verify, cwd=root, capture_output=True, text=True, check=False)
    assert checked.stdout.splitlines()[-1].startswith(f"{stored} instances checked: 0 orphan")
    assert checked.returncode == 0
