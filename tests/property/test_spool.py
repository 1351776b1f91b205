"""What is put down until a drop is taken: it is read back as it was, from any place, and nobody else can read it."""

from __future__ import annotations

import hashlib
import os

from hypothesis import example, given
from hypothesis import strategies as st

from disbursement.sources.spool import spooled
from schemas.tables import SOURCES

CHUNK = 1024 * 1024
sizes = st.lists(st.sampled_from([0, 1, 17, CHUNK // 2, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK]), max_size=4)


@given(sizes, st.integers(0, 4 * CHUNK), st.integers(1, 2 * CHUNK))
@example([CHUNK, CHUNK], CHUNK, CHUNK)
def test_for_any_bytes_every_part_of_them_is_read_back_from_any_place(
    sizes: list[int], place: int, length: int
) -> None:
    written = b"".join(bytes([65 + number]) * size for number, size in enumerate(sizes))
    with spooled() as spools:
        spool = spools.add(SOURCES["completions.v1"])
        for number, size in enumerate(sizes):
            spool.write(bytes([65 + number]) * size)
        part = spool.finished()
        assert (part.byte_count, part.sha256) == (len(written), hashlib.sha256(written).hexdigest())
        with spool.reading() as stream:
            assert stream.read() == written
            stream.seek(place)
            assert stream.read(length) == written[place : place + length]
            assert stream.tell() == max(place, min(place + length, len(written)))


def test_what_lies_on_disk_has_no_name_and_cannot_be_read() -> None:
    with spooled() as spools:
        spool = spools.add(SOURCES["participants.v1"])
        spool.write_rows([b'{"nik": "3171010101909901"}'] * 1000)
        spool.finished()
        file = spool._file.fileno()
        assert os.fstat(file).st_nlink == 0
        assert b"31710101" not in os.pread(file, 1 << 20, 0)
