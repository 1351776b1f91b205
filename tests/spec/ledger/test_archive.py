"""Every byte is found again as it was kept, or the evidence is said to be damaged."""

from __future__ import annotations

import io
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from ledger.archive import CHUNK_BYTES, Archive
from ledger.keyring import Keyring, sha256_hex
from schemas.errors import EvidenceDamaged, TryLater

KEYS = Keyring(bytes(32))
SIZES = (0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES)


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(str(tmp_path / "archive"), KEYS)


def place(tmp_path: Path, key: str) -> Path:
    return tmp_path / "archive" / key[:2] / key


def content(size: int) -> bytes:
    return (b"isi sintetis 0123456789 " * (size // 24 + 1))[:size]


@pytest.mark.parametrize("size", SIZES)
def test_bytes_come_back_whatever_their_size_and_however_they_were_handed_over(archive: Archive, size: int) -> None:
    data = content(size)
    key = archive.put(data)
    assert key == sha256_hex(data)
    assert archive.get(key) == data
    assert archive.put_stream(io.BytesIO(data)) == key
    assert sum(len(chunk) for chunk in archive.chunks(key)) == size


@pytest.mark.parametrize("size", SIZES)
def test_a_stream_keeps_the_same_object_as_bytes_do(archive: Archive, tmp_path: Path, size: int) -> None:
    other = Archive(str(tmp_path / "other"), KEYS)
    key = archive.put(content(size))
    other.put_stream(io.BytesIO(content(size)))
    assert (tmp_path / "other" / key[:2] / key).read_bytes() == place(tmp_path, key).read_bytes()


def test_what_lies_on_disk_shows_nothing_of_what_was_kept(archive: Archive, tmp_path: Path) -> None:
    key = archive.put(b"NIK 3171010101909901 " * 100)
    sealed = place(tmp_path, key).read_bytes()
    assert b"3171010101909901" not in sealed
    assert b"NIK" not in sealed


def test_an_object_is_written_once_and_nothing_half_written_remains(archive: Archive, tmp_path: Path) -> None:
    key = archive.put(b"isi")
    before = place(tmp_path, key).stat()
    archive.put(b"isi")
    assert place(tmp_path, key).stat().st_mtime_ns == before.st_mtime_ns
    assert [path.name for path in (tmp_path / "archive").rglob("*") if path.is_file()] == [key]


def test_any_changed_byte_is_damage(archive: Archive, tmp_path: Path) -> None:
    key = archive.put(b"isi sintetis")
    path = place(tmp_path, key)
    whole = path.read_bytes()
    for position in range(len(whole)):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        with pytest.raises(EvidenceDamaged):
            archive.get(key)
    path.write_bytes(whole)
    assert archive.get(key) == b"isi sintetis"


@pytest.mark.parametrize("position", [0, CHUNK_BYTES, CHUNK_BYTES + 15, CHUNK_BYTES + 16, -1])
def test_a_changed_byte_of_a_long_object_is_damage(archive: Archive, tmp_path: Path, position: int) -> None:
    key = archive.put(content(CHUNK_BYTES + 100))
    sealed = bytearray(place(tmp_path, key).read_bytes())
    sealed[position] ^= 0x80
    place(tmp_path, key).write_bytes(sealed)
    with pytest.raises(EvidenceDamaged):
        archive.get(key)


@pytest.mark.parametrize("left", [0, 1, 15, 16, CHUNK_BYTES, CHUNK_BYTES + 16, CHUNK_BYTES + 17, -1])
def test_an_object_cut_short_is_damage_even_between_two_chunks(archive: Archive, tmp_path: Path, left: int) -> None:
    key = archive.put(content(CHUNK_BYTES + 100))
    path = place(tmp_path, key)
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(EvidenceDamaged):
        archive.get(key)


def test_bytes_behind_the_end_are_damage(archive: Archive, tmp_path: Path) -> None:
    key = archive.put(content(CHUNK_BYTES))
    with place(tmp_path, key).open("ab") as file:
        file.write(b"more")
    with pytest.raises(EvidenceDamaged):
        archive.get(key)


def test_objects_do_not_stand_for_each_other(archive: Archive, tmp_path: Path) -> None:
    one, two = archive.put(b"satu"), archive.put(b"dua!")
    shutil.copy(place(tmp_path, one), place(tmp_path, two))
    with pytest.raises(EvidenceDamaged):
        archive.get(two)


def test_chunks_of_one_object_do_not_change_places(archive: Archive, tmp_path: Path) -> None:
    key = archive.put(content(CHUNK_BYTES) + content(CHUNK_BYTES)[::-1] + b"x")
    path = place(tmp_path, key)
    sealed, step = path.read_bytes(), CHUNK_BYTES + 16
    path.write_bytes(sealed[step : 2 * step] + sealed[:step] + sealed[2 * step :])
    with pytest.raises(EvidenceDamaged):
        archive.get(key)


def test_the_last_chunk_is_held_back_until_the_whole_is_checked(archive: Archive, tmp_path: Path) -> None:
    data = content(CHUNK_BYTES + 100)
    wrong = sha256_hex(b"other")
    sealed = KEYS.seal_chunk(wrong, 0, False, data[:CHUNK_BYTES]) + KEYS.seal_chunk(wrong, 1, True, data[CHUNK_BYTES:])
    place(tmp_path, wrong).parent.mkdir(parents=True)
    place(tmp_path, wrong).write_bytes(sealed)
    got: list[int] = []
    with pytest.raises(EvidenceDamaged, match="not the bytes"):
        got.extend(len(chunk) for chunk in archive.chunks(wrong))
    assert got == [] or got == [CHUNK_BYTES]


def test_what_was_never_kept_is_missing(archive: Archive) -> None:
    assert not archive.has("0" * 64)
    with pytest.raises(EvidenceDamaged, match="missing"):
        archive.get("0" * 64)


def test_another_homes_key_opens_nothing(archive: Archive, tmp_path: Path) -> None:
    key = archive.put(b"isi")
    with pytest.raises(EvidenceDamaged):
        Archive(str(tmp_path / "archive"), Keyring(bytes(31) + b"\x01")).get(key)


def test_two_writers_of_the_same_bytes_leave_one_whole_object(archive: Archive, tmp_path: Path) -> None:
    data, entered, go_on = content(CHUNK_BYTES + 100), threading.Event(), threading.Event()

    class Slow(io.BytesIO):
        """A stream whose second reading stops in the middle until the other writer is done."""

        again = False

        def seek(self, *args: int) -> int:
            self.again = True
            return super().seek(*args)

        def read(self, size: int | None = -1) -> bytes:
            if self.again and self.tell() > 0:
                entered.set()
                go_on.wait(10)
            return super().read(size)

    slow = threading.Thread(target=archive.put_stream, args=(Slow(data),))
    slow.start()
    assert entered.wait(10)
    key = archive.put(data)
    assert archive.get(key) == data
    go_on.set()
    slow.join(10)
    assert archive.get(key) == data
    assert [path.name for path in (tmp_path / "archive").rglob("*") if path.is_file()] == [key]


def test_a_folder_that_cannot_be_written_is_tried_later(tmp_path: Path) -> None:
    (tmp_path / "archive").write_bytes(b"a file where a folder should be")
    with pytest.raises(TryLater):
        Archive(str(tmp_path / "archive"), KEYS).put(b"isi")


@pytest.fixture
def memory() -> Iterator[str]:
    yield "memory://salur-uji"
    fsspec.filesystem("memory").rm("/salur-uji", recursive=True)


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES + 1])
def test_object_storage_by_url_keeps_and_checks_alike(memory: str, size: int) -> None:
    archive = Archive(memory, KEYS)
    key = archive.put(content(size))
    assert Archive(memory, KEYS).get(key) == content(size)
    found = fsspec.filesystem("memory").find("/salur-uji")
    assert found == [f"/salur-uji/{key[:2]}/{key}"]
    fsspec.filesystem("memory").pipe(found[0], b"changed")
    with pytest.raises(EvidenceDamaged):
        archive.get(key)
