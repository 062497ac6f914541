"""What a power cut would leave on a disk: only bytes and names that were flushed (POSIX promises nothing else)."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISDIR

import pytest


@dataclass(slots=True)
class Disk:
    """Watches `os.fsync`: the content of a file, and the names in a folder, are on the disk as they were at their last flush."""

    root: Path
    files: dict[int, str] = field(default_factory=dict)
    folders: dict[int, dict[str, int]] = field(default_factory=dict)
    flushes: int = 0

    def watch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        real = os.fsync

        def fsync(file: int) -> None:
            real(file)
            self.flushes += 1
            status = os.fstat(file)
            place = Path(f"/proc/self/fd/{file}")
            if S_ISDIR(status.st_mode):
                self.folders[status.st_ino] = {entry.name: entry.inode() for entry in os.scandir(place)}
            else:
                self.files[status.st_ino] = hashlib.sha256(place.read_bytes()).hexdigest()

        monkeypatch.setattr(os, "fsync", fsync)

    def holds(self, path: Path) -> bool:
        """Whether the file as it is now would still be there, whole, under its name."""
        if self.files.get(path.stat().st_ino) != hashlib.sha256(path.read_bytes()).hexdigest():
            return False
        while path != self.root:
            names = self.folders.get(path.parent.stat().st_ino, {})
            if names.get(path.name) != path.stat().st_ino:
                return False
            path = path.parent
        return True
