"""A home whose process dies at a chosen moment: before or after the archive keeps something, before or after the ledger does."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from ledger.archive import Archive
from ledger.house import House
from ledger.store import Connection, Store


class Killed(BaseException):
    """The process ends here: nothing of ours catches this."""


class Life:
    """So many moments to live."""

    def __init__(self, moments: int) -> None:
        self.left = moments

    def moment(self) -> None:
        """One more; the last one ends it."""
        if self.left == 0:
            raise Killed
        self.left -= 1


class MortalArchive(Archive):
    """An archive whose process may die around each write."""

    life: Life

    def put(self, data: bytes | memoryview) -> str:
        """Keep bytes, if it is given to us."""
        self.life.moment()
        key = super().put(data)
        self.life.moment()
        return key


class MortalStore(Store):
    """A ledger whose process may die before a transaction and after its commit."""

    life: Life

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """All or nothing, if it is given to us."""
        self.life.moment()
        with super().transaction() as connection:
            yield connection
        self.life.moment()


def mortal(house: House, moments: int) -> House:
    """The home, opened by a process that has so many moments to live."""
    life = Life(moments)
    return replace(house, store=_as(house.store, MortalStore, life), archive=_as(house.archive, MortalArchive, life))


def _as(thing: Any, kind: type, life: Life) -> Any:
    other = copy.copy(thing)
    other.__class__ = kind
    other.life = life
    return other
