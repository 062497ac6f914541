"""A zip archive as the body of an answer: entries are read one after another while they go out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from app.dicomweb.media_types import ZIP
from app.dicomweb.zip_writer import ZipWriter, archive_length
from app.studies.answers import Part


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of at most `most` bytes; `text` is worth compressing."""

    name: str
    most: int
    body: AsyncIterator[bytes]
    text: bool = False


def headers(etag: str) -> dict[str, str]:
    """The file name is made from the content's tag: a name from the data set would tell of the patient."""
    name = f"dicom-{etag.removeprefix('W/').strip(chr(34))[:8]}.zip"
    return {"Content-Type": ZIP, "Content-Disposition": f'attachment; filename="{name}"'}


def length(parts: Sequence[Part], names: Sequence[str]) -> int | None:
    """The bytes of the whole archive, where those of its parts are known."""
    sizes = [part.length for part in parts if part.length is not None]
    return archive_length(zip(names, sizes, strict=True)) if len(sizes) == len(names) else None


async def entries(parts: Sequence[Part], names: Sequence[str]) -> AsyncIterator[Entry]:
    for part, name in zip(parts, names, strict=True):
        yield Entry(name, part.most if part.length is None else part.length, part.body())


async def texts(files: AsyncIterator[tuple[str, bytes]]) -> AsyncIterator[Entry]:
    async for name, text in files:
        yield Entry(name, len(text), _one(text), text=True)


async def _one(text: bytes) -> AsyncIterator[bytes]:
    yield text


async def archive(files: AsyncIterator[Entry]) -> AsyncIterator[bytes]:
    """The bytes of the archive; memory is that of a chunk and of the directory."""
    writer = ZipWriter()
    async for file in files:
        # The header goes with the first bytes: of a first file that cannot be read, nothing has been sent yet.
        before = writer.begin(file.name, file.most, compress=file.text)
        async for chunk in file.body:
            yield before + writer.data(chunk)
            before = b""
        yield before + writer.end()
    yield b"".join(writer.close())
