"""Part 10 objects that come as one zip archive: an extension, for people who have a folder of files and no multipart writer.

The archive waits in a spool; its members are inflated one by one, bounded in number, in size and in growth. Their names are never used,
but to pass over what macOS adds. Must not know: what becomes of an instance afterwards.
"""

from __future__ import annotations

import io
import lzma
import zipfile
import zlib
from collections.abc import AsyncGenerator, AsyncIterator
from functools import partial

from app.dicomweb.store_report import Failed, FailureReason
from app.errors import BadRequest, TooLarge
from app.model import Limits
from app.ports import Archive, Spool
from app.studies.body import append, spooled

CHUNK = 1024 * 1024
RATIO_FROM = 4 * 1024 * 1024
DIRECTORY_BYTES = 512
"""What an entry of the archive's directory may take, name included: the directory is read as a whole."""

_DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, RuntimeError, NotImplementedError, ValueError)
"""What `zipfile` raises for members that are damaged, encrypted, or packed in a way that it does not know."""


async def instances(archive: Archive, body: AsyncIterator[bytes]) -> AsyncGenerator[Spool | Failed, None]:
    """As `incoming.instances`: one for each file of the archive. BadRequest if it is no zip archive; TooLarge."""
    spool = archive.spool()
    try:
        async for chunk in body:
            await append(archive, spool, chunk)
        opened = await archive.turns.work(partial(_open, spool, archive.limits))
        left = archive.limits.instance_bytes
        for member in _files(opened, archive.limits):
            inflated = await spooled(archive.turns, _inflated, opened, member, archive, left)
            if not isinstance(inflated, Failed):
                left -= inflated.size
            yield inflated
    finally:
        spool.close()


class _Reader(io.RawIOBase):
    """A spool as the seekable stream that `zipfile` wants. A single read is bounded, so that a directory cannot fill the memory."""

    def __init__(self, spool: Spool, longest: int) -> None:
        self._spool = spool
        self._longest = longest
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._spool.size}[whence]
        if start + offset < 0:
            raise OSError("before the start")
        self._at = start + offset
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        wanted = self._spool.size - self._at if size is None or size < 0 else size
        if min(wanted, self._spool.size - self._at) > self._longest:
            raise zipfile.BadZipFile("too much at once")
        data = self._spool.read(self._at, max(0, wanted))
        self._at += len(data)
        return data


def _open(spool: Spool, limits: Limits) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(_Reader(spool, max(CHUNK, limits.parts * DIRECTORY_BYTES)))
    except _DAMAGE as error:
        raise BadRequest("The body is not a zip archive, or its directory is damaged or too large", clause="PS3.18 10.5.1") from error


def _files(opened: zipfile.ZipFile, limits: Limits) -> list[zipfile.ZipInfo]:
    members = [member for member in opened.infolist() if not member.is_dir() and not member.filename.startswith("__MACOSX/")]
    if len(members) > limits.parts:
        raise TooLarge(f"The zip archive has more than {limits.parts} files, the limit of this server")
    return members


def _inflated(opened: zipfile.ZipFile, member: zipfile.ZipInfo, archive: Archive, left: int) -> Spool | Failed:
    """One file of the archive; a damaged one fails alone. TooLarge for more than `left` bytes, or for a member that grows like a bomb."""
    spool = archive.spool()
    try:
        with opened.open(member) as stream:
            while chunk := stream.read(CHUNK):
                size = spool.size + len(chunk)
                if size > left or (size > RATIO_FROM and size > member.compress_size * archive.limits.inflate_ratio):
                    raise TooLarge("The zip archive grows more on inflating than this server takes")
                spool.write(chunk)
    except _DAMAGE:
        spool.close()
        sentence = "A file of the zip archive is damaged, encrypted, or packed in a way that is not known"
        return Failed(None, None, FailureReason.CANNOT_UNDERSTAND, sentence)
    except BaseException:
        spool.close()
        raise
    return spool
