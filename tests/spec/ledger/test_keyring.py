"""Keys: the owner's alone, one for each purpose, and sealed data bound to the person that it is about."""

from __future__ import annotations

import base64
from pathlib import Path

import pyarrow as pa
import pytest

from ledger.keyring import KEY_BYTES, Keyring, load_keyring, new_key_file
from schemas.errors import EvidenceDamaged, InputRejected

KEYS, OTHER = Keyring(bytes(KEY_BYTES)), Keyring(bytes(KEY_BYTES - 1) + b"\x01")


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("SALUR_KEY", raising=False)
    return tmp_path / "keys" / "master.key"


def test_a_new_key_is_its_owners_alone_and_opens_what_it_sealed(path: Path) -> None:
    new_key_file(path)
    assert path.stat().st_mode & 0o777 == 0o600
    sealed = load_keyring(path).seal("P1", b"isi")
    assert load_keyring(path).unseal("P1", sealed) == b"isi"


def test_an_existing_key_is_never_overwritten(path: Path) -> None:
    new_key_file(path)
    before = path.read_bytes()
    with pytest.raises(FileExistsError):
        new_key_file(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o666])
def test_a_key_that_others_can_reach_is_refused(path: Path, mode: int) -> None:
    new_key_file(path)
    path.chmod(mode)
    with pytest.raises(InputRejected, match=f"mode {mode:o}"):
        load_keyring(path)


@pytest.mark.parametrize("text", ["", "kunci", "AAAA", base64.b64encode(bytes(31)).decode(), "=" * 44, "\N{EURO SIGN}"])
def test_what_is_no_key_is_refused_without_repeating_it(path: Path, text: str) -> None:
    path.parent.mkdir()
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(InputRejected) as refused:
        load_keyring(path)
    assert not text or text not in str(refused.value)


def test_a_missing_key_is_said_to_be_missing(path: Path) -> None:
    with pytest.raises(InputRejected, match="cannot be read"):
        load_keyring(path)


def test_the_environment_gives_the_key_where_there_is_no_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALUR_KEY", base64.b64encode(bytes(KEY_BYTES)).decode())
    assert load_keyring(path).mac("nik", "x") == KEYS.mac("nik", "x")


def test_a_wrong_key_in_the_environment_is_not_replaced_by_the_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_key_file(path)
    monkeypatch.setenv("SALUR_KEY", "salah")
    with pytest.raises(InputRejected):
        load_keyring(path)


def test_sealing_the_same_twice_gives_the_same_and_of_two_persons_something_else() -> None:
    assert KEYS.seal("P1", b"isi") == KEYS.seal("P1", b"isi")
    assert (
        len({KEYS.seal("P1", b"isi"), KEYS.seal("P2", b"isi"), KEYS.seal("P1", b"ini"), OTHER.seal("P1", b"isi")}) == 4
    )


@pytest.mark.parametrize("clear", [b"", b"3171010101909901", bytes(100_000)])
def test_what_is_sealed_opens_for_the_same_person_alone(clear: bytes) -> None:
    sealed = KEYS.seal("P1", clear)
    assert KEYS.unseal("P1", sealed) == clear
    assert not clear.strip(b"\0") or clear not in sealed
    for keys, subject in ((KEYS, "P2"), (OTHER, "P1"), (KEYS, "")):
        with pytest.raises(EvidenceDamaged):
            keys.unseal(subject, sealed)


def test_any_changed_or_missing_byte_of_a_seal_is_damage() -> None:
    sealed = KEYS.seal("P1", b"isi")
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        for broken in (bytes(changed), sealed[:position]):
            with pytest.raises(EvidenceDamaged):
                KEYS.unseal("P1", broken)


def test_equal_values_of_one_kind_match_and_no_others() -> None:
    macs = {
        KEYS.mac("nik", "1"),
        KEYS.mac("kk", "1"),
        KEYS.mac("nik", "2"),
        OTHER.mac("nik", "1"),
        KEYS.mac("nik\0", "1"),
    }
    assert len(macs) == 5
    assert all(len(mac) == 32 and set(mac) <= set("0123456789abcdef") for mac in macs)


def test_a_column_of_digests_is_that_of_its_values_and_keeps_what_is_missing() -> None:
    column = pa.chunked_array([["1", None], ["\N{LATIN SMALL LETTER E WITH ACUTE}"]])
    assert KEYS.mac_array("nik", column).to_pylist() == [
        KEYS.mac("nik", "1"), None, KEYS.mac("nik", "\N{LATIN SMALL LETTER E WITH ACUTE}"),
    ]  # fmt: skip
