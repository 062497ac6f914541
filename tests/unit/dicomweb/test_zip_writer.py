"""The zip writer, read back by the standard library; Zip64 on a sparse file that only claims to be large."""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dicomweb import zip_writer
from app.dicomweb.zip_writer import BLOCK, Entry, ZipWriter, archive_length, packed_size

HUGE = 5 * 1024**3


def archive(files: dict[str, list[bytes]], *, compress: bool = False, most: int | None = None) -> bytes:
    writer = ZipWriter()
    out = []
    for name, chunks in files.items():
        out.append(writer.begin(name, sum(map(len, chunks)) if most is None else most, compress=compress))
        out += [writer.data(chunk) for chunk in chunks]
        out.append(writer.end())
    return b"".join([*out, *writer.close()])


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("most", [None, HUGE])
def test_python_opens_it_and_finds_no_fault(compress: bool, most: int | None) -> None:
    files = {"0001/000001.dcm": [b"a" * 10, b"b" * 200_000], "0001/000002.dcm": [], "0002/000001.dcm": [b"\0" * BLOCK]}
    made = archive(files, compress=compress, most=most)
    with zipfile.ZipFile(io.BytesIO(made)) as opened:
        assert opened.testzip() is None
        assert {name: opened.read(name) for name in opened.namelist()} == {name: b"".join(chunks) for name, chunks in files.items()}
        assert all(item.date_time == (1980, 1, 1, 0, 0, 0) for item in opened.infolist())
    assert (len(made) < 5000) is compress


@given(st.lists(st.lists(st.integers(0, 3 * BLOCK), max_size=4), max_size=3))
def test_the_length_is_known_beforehand_however_the_data_come(sizes: list[list[int]]) -> None:
    files = {f"{n}.dcm": [b"x" * size for size in chunks] for n, chunks in enumerate(sizes)}
    made = archive(files)
    assert len(made) == archive_length((name, sum(map(len, chunks))) for name, chunks in files.items())
    with zipfile.ZipFile(io.BytesIO(made)) as opened:
        assert opened.testzip() is None


def test_equal_content_makes_equal_bytes_whatever_the_chunks() -> None:
    assert archive({"a.dcm": [b"x" * 100_000]}) == archive({"a.dcm": [b"x"] * 100_000})


def test_a_small_archive_has_nothing_of_zip64() -> None:
    made = archive({"a.dcm": [b"x"]})
    assert b"PK\x06\x06" not in made
    with zipfile.ZipFile(io.BytesIO(made)) as opened:
        assert opened.infolist()[0].extract_version == 20


def test_r24_beyond_four_gigabytes_sizes_and_offsets_are_of_zip64(tmp_path: Path) -> None:
    """The large entry is a hole in the file: what stands around it is what a real one would have."""
    path = tmp_path / "large.zip"
    tail = b"the last one"
    packer = zip_writer.Stored()
    with path.open("wb") as file:
        file.write(zip_writer.local_header("0001/000001.dcm", wide=True))
        large = Entry("0001/000001.dcm", 0, HUGE, packed_size(HUGE), 0x12345678, wide=True)
        file.seek(large.packed, io.SEEK_CUR)
        file.write(zip_writer.descriptor(large))
        small = Entry("0001/000002.dcm", file.tell(), len(tail), packed_size(len(tail)), zlib.crc32(tail), wide=False)
        file.write(zip_writer.local_header(small.name, wide=False) + packer.feed(tail) + packer.close() + zip_writer.descriptor(small))
        start = file.tell()
        records = zip_writer.directory_record(large) + zip_writer.directory_record(small)
        file.write(records + zip_writer.end_record(2, start, len(records)))
    assert path.stat().st_size == archive_length([("0001/000001.dcm", HUGE), ("0001/000002.dcm", len(tail))])
    with zipfile.ZipFile(path) as opened:
        assert [(item.file_size, item.compress_size, item.header_offset) for item in opened.infolist()] == [
            (HUGE, large.packed, 0),
            (len(tail), small.packed, small.offset),
        ]
        assert small.offset > 2**32
        assert opened.read("0001/000002.dcm") == tail


def test_more_entries_than_two_bytes_count_are_of_zip64() -> None:
    writer = ZipWriter()
    out = [step for n in range(70_000) for step in (writer.begin(f"{n}.dcm", 0), writer.end())]
    made = b"".join([*out, *writer.close()])
    assert len(made) == archive_length((f"{n}.dcm", 0) for n in range(70_000))
    with zipfile.ZipFile(io.BytesIO(made)) as opened:
        assert len(opened.namelist()) == 70_000


@pytest.mark.parametrize("name", ["", "/a", "../a", "a/../b", "a//b", "a\\b", "C:a", ".a", "a/.b", "ä", "a b", "a\n", "a\0"])
def test_a_name_that_could_leave_its_folder_is_an_error(name: str) -> None:
    with pytest.raises(ValueError, match="safe name"):
        ZipWriter().begin(name, 0)
