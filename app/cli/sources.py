"""What there is to import: the files of folders, and the members of zip archives, as one flat list. Knows no DICOM."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

CHUNK = 1024 * 1024


class Unreadable(Exception):
    """A file that cannot be read, with a sentence."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file or zip member; `size` in bytes, as its folder or archive says."""

    name: str
    size: int
    open: Callable[[], IO[bytes]]

    def chunks(self) -> Iterator[bytes]:
        """Its bytes, at most 1 MiB at a time. Unreadable if it breaks off, is encrypted, or was taken away."""
        try:
            with self.open() as stream:
                while chunk := stream.read(CHUNK):
                    yield chunk
        except (OSError, EOFError, zipfile.BadZipFile) as error:
            raise Unreadable("The file cannot be read to its end") from error
        except (RuntimeError, NotImplementedError) as error:
            raise Unreadable("The zip archive's member is encrypted, or packed in a way that is not known") from error
        except Exception as error:
            # zlib, bz2 and lzma each have an error of their own, and a damaged archive brings any of them.
            raise Unreadable("The zip archive's member is damaged") from error


def find(paths: Sequence[Path], stack: ExitStack) -> tuple[list[Source], list[str]]:
    """All sources under the paths, in a steady order, and the names of what could not be opened. Archives stay open on `stack`."""
    sources: list[Source] = []
    broken: list[str] = []
    for path in paths:
        for file in _files(path, broken):
            named = file == path
            if file.suffix.lower() == ".zip" or (named and zipfile.is_zipfile(file)):
                _unpack(file, stack, sources, broken)
            else:
                _add(file, sources, broken)
    return sources, broken


def _files(path: Path, broken: list[str]) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    # Links to folders are not followed: they may lead in circles.
    for folder, folders, names in os.walk(path, onerror=lambda error: broken.append(str(error.filename))):
        folders.sort()
        for name in sorted(names):
            file = Path(folder) / name
            if file.is_file():
                yield file


def _add(file: Path, sources: list[Source], broken: list[str]) -> None:
    try:
        sources.append(Source(str(file), file.stat().st_size, partial(_reader, file)))
    except OSError:
        broken.append(str(file))


def _reader(file: Path) -> IO[bytes]:
    return file.open("rb")


def _unpack(file: Path, stack: ExitStack, sources: list[Source], broken: list[str]) -> None:
    try:
        archive = stack.enter_context(zipfile.ZipFile(file))
    except (OSError, zipfile.BadZipFile):
        broken.append(str(file))
        return
    members = (member for member in archive.infolist() if not member.is_dir())
    sources += [Source(f"{file}!{member.filename}", member.file_size, partial(archive.open, member)) for member in members]
