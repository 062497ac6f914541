"""What `radiolucent import` finds: files of folders, members of zip archives; and what it says of those it cannot read."""

import zipfile
from contextlib import ExitStack
from pathlib import Path

import pytest

from app.cli.sources import Source, Unreadable, find


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def contents(sources: list[Source]) -> dict[str, bytes]:
    return {source.name: b"".join(source.chunks()) for source in sources}


def test_folders_are_read_with_all_below_them_and_zips_with_all_within(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "one").write_bytes(b"1")
    (tmp_path / "a" / "b" / "two.dcm").write_bytes(b"22")
    zipped(tmp_path / "a" / "c.ZIP", {"x/three": b"3" * 3_000_000, "empty/": b""})
    with ExitStack() as stack:
        sources, broken = find([tmp_path / "a"], stack)
        assert broken == []
        assert contents(sources) == {
            str(tmp_path / "a/b/two.dcm"): b"22",
            str(tmp_path / "a/one"): b"1",
            f"{tmp_path / 'a/c.ZIP'}!x/three": b"3" * 3_000_000,
        }
        assert {source.size for source in sources} == {1, 2, 3_000_000}


def test_a_zip_of_another_name_is_opened_if_it_is_named(tmp_path: Path) -> None:
    path = zipped(tmp_path / "export.bin", {"one": b"1"})
    with ExitStack() as stack:
        assert contents(find([path], stack)[0]) == {f"{path}!one": b"1"}


def test_a_broken_zip_is_told_by_name(tmp_path: Path) -> None:
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04 and no more")
    with ExitStack() as stack:
        assert find([tmp_path], stack) == ([], [str(tmp_path / "broken.zip")])


def test_a_damaged_member_is_unreadable_and_not_an_error(tmp_path: Path) -> None:
    path = zipped(tmp_path / "damaged.zip", {"one": bytes(range(256)) * 40})
    raw = bytearray(path.read_bytes())
    raw[40:60] = b"\xff" * 20
    path.write_bytes(raw)
    with ExitStack() as stack:
        [source], _ = find([path], stack)
        with pytest.raises(Unreadable):
            list(source.chunks())


def test_a_file_that_was_taken_away_is_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "one"
    path.write_bytes(b"1")
    with ExitStack() as stack:
        [source], _ = find([tmp_path], stack)
        path.unlink()
        with pytest.raises(Unreadable):
            list(source.chunks())


def test_links_that_lead_in_circles_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"1")
    (tmp_path / "round").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    with ExitStack() as stack:
        assert contents(find([tmp_path], stack)[0]) == {str(tmp_path / "one"): b"1"}
