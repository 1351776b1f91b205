"""Where each reference that a bank names stands among ours: the join that a reconciliation's time goes into.

References of ours are short and all of one length, so that two machine words hold one. They are laid into a table by
their top bits after a multiplication, all at once; whoever is not left in its place, because another came to lie there,
goes into the next, smaller table. What is found is compared as a whole, so the answer is exact whatever the bits are.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Numbers = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

_BYTES_MAX = 16
_SPREAD = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F))
"""Odd numbers without pattern: multiplied by them, texts that differ in their last letters differ in their top bits."""


_WORTH_A_THREAD = 10_000


@contextmanager
def beside(row_count: int) -> Iterator[Callable[..., Callable[[], Any]]]:
    """Begins work in another thread, where there are rows enough to be worth one, or does it at once; gives what to ask for the result.

    For work that lets go of Python's lock.
    """
    if row_count < _WORTH_A_THREAD:
        yield _at_once
        return
    with ThreadPoolExecutor(max_workers=1) as thread:
        yield lambda work, *arguments: thread.submit(work, *arguments).result


def _at_once(work: Callable[..., Any], *arguments: Any) -> Callable[[], Any]:
    result = work(*arguments)
    return lambda: result


def positions(wanted: pa.Array, among: pa.Array) -> Numbers:
    """The position of each wanted text among texts that do not repeat; -1 where it is null or not there."""
    lengths = pc.binary_length(among)
    length = lengths[0].as_py() if len(among) else 0
    same = 0 < (length or 0) <= _BYTES_MAX and not among.null_count and pc.all(pc.equal(lengths, length)).as_py()
    if not same:
        return _numbers(pc.index_in(wanted, among))
    fits = pc.fill_null(pc.equal(pc.binary_length(wanted), length), False)
    rows = np.flatnonzero(fits.to_numpy(zero_copy_only=False))
    candidates = wanted if len(rows) == len(wanted) else wanted.filter(fits)
    found = np.full(len(wanted), -1, dtype=np.int64)
    found[rows] = _among(_words(candidates, length), _words(among, length))
    return found


def _words(texts: pa.Array, length: int) -> tuple[Words, Words]:
    """Each text of the length as two numbers."""
    _, offsets, data = texts.buffers()
    start = np.frombuffer(offsets, dtype=np.int32)[texts.offset] if len(texts) else 0
    letters = np.frombuffer(data or b"", dtype=np.uint8)[start : start + len(texts) * length]
    padded = np.zeros((len(texts), _BYTES_MAX), dtype=np.uint8)
    padded[:, :length] = letters.reshape(len(texts), length)
    words = padded.view(np.uint64)
    return np.ascontiguousarray(words[:, 0]), np.ascontiguousarray(words[:, 1])


def _among(wanted: tuple[Words, Words], among: tuple[Words, Words]) -> Numbers:
    found = np.full(len(wanted[0]), -1, dtype=np.int64)
    spread = [words[0] * _SPREAD[0] ^ words[1] * _SPREAD[1] for words in (wanted, among)]
    asked: Numbers = np.arange(len(found), dtype=np.int64)
    left: Numbers = np.arange(len(among[0]), dtype=np.int64)
    while len(asked) and len(left):
        bits = len(left).bit_length() + 1
        wanted_place, place = (
            (words[rows] >> np.uint64(64 - bits)).astype(np.int64)
            for words, rows in zip(spread, (asked, left), strict=True)
        )
        table = np.full(1 << bits, -1, dtype=np.int32)
        table[place] = left
        lies = table[wanted_place]
        is_it = (lies >= 0) & (among[0][lies] == wanted[0][asked]) & (among[1][lies] == wanted[1][asked])
        found[asked[is_it]] = lies[is_it]
        asked, left = asked[~is_it], left[table[place] != left]
        spread = [words * _SPREAD[0] for words in spread]
    return found


def _numbers(column: pa.Array) -> Numbers:
    numbers: Numbers = pc.fill_null(column, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    return numbers
