"""What a bank may rely on: which bytes it gets, under which names, and that two homes with one history write the same."""

from __future__ import annotations

import random
import re
from datetime import date
from pathlib import Path

import pytest
from lxml import etree

from banks.profiles import profiles
from banks.schema_check import validate
from tests.lib.commands import PERIOD, Salur, new_home
from tests.lib.small_drop import people, write_drop


def sent(salur: Salur, folder: Path) -> dict[str, bytes]:
    """Release everything, and what the banks get by name."""
    salur.release_all()
    salur.ask("submit", "--to", folder)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, _instructed_once: Salur) -> dict[str, bytes]:
    """The files of the twelve, as banks get them."""
    place = tmp_path_factory.mktemp("sent")
    return sent(_instructed_once.copy(place / "home"), place / "out")


def texts(data: bytes, name: str) -> list[str]:
    """The text of every element of that name."""
    return [element.text or "" for element in etree.fromstring(data).iter(f"{{*}}{name}")]


def test_every_file_is_valid_by_the_official_schema_of_its_banks_version(files: dict[str, bytes]) -> None:
    for code, profile in profiles().items():
        (data,) = [data for name, data in files.items() if f"_{code.upper()}_" in name]
        assert validate(data, profile.format) == []
        assert profile.format.encode() in data[:200]


def test_counts_and_sums_are_true_at_both_levels(files: dict[str, bytes]) -> None:
    for data in files.values():
        amounts = texts(data, "InstdAmt")
        assert texts(data, "NbOfTxs") == [str(len(amounts))] * 2
        assert [float(text) for text in texts(data, "CtrlSum")] == [sum(map(int, amounts))] * 2


def test_amounts_are_whole_rupiah_and_references_are_15_letters_and_digits(files: dict[str, bytes]) -> None:
    references = [text for data in files.values() for text in texts(data, "EndToEndId")]
    assert len(set(references)) == 12
    assert [text for text in references if not re.fullmatch("[A-Z0-9]{15}", text)] == []
    assert {text for data in files.values() for text in texts(data, "InstdAmt")} == {"600000"}
    currencies = {e.get("Ccy") for d in files.values() for e in etree.fromstring(d).iter("{*}InstdAmt")}
    assert currencies == {"IDR"}


def test_the_creation_time_is_the_cut_off_and_the_execution_date_the_first_banking_day_after_it(
    files: dict[str, bytes],
) -> None:
    for data in files.values():
        assert {text[:19] for text in texts(data, "CreDtTm")} <= {"2020-06-30T23:59:59", "2020-06-30T16:59:59"}
        day = "".join(texts(data, "Dt") or texts(data, "ReqdExctnDt")).strip()
        assert day == "2020-07-01"


def test_an_execution_date_that_is_given_is_asked_of_every_bank(tmp_path: Path, drop_of_twelve: Path) -> None:
    salur = new_home(tmp_path / "home")
    salur.ask("intake", "--source", drop_of_twelve)
    salur.ask("entitle", "--period", PERIOD)
    salur.ask("instruct", "--period", PERIOD, "--as", "siti", "--execution-date", "2020-07-15")
    assert {row["execution_date"] for row in salur.batches()} == {"2020-07-15"}
    assert all(b"2020-07-15" in data for data in sent(salur, tmp_path / "out").values())


def test_files_appear_only_when_complete(files: dict[str, bytes], tmp_path: Path, instructed: Salur) -> None:
    (tmp_path / "out").mkdir()
    name = next(iter(files))
    (tmp_path / "out" / name).write_bytes(b"something else")
    instructed.release_all()
    assert instructed("submit", "--to", tmp_path / "out").code == 10
    assert (tmp_path / "out" / name).read_bytes() == b"something else"
    there = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir() if path.name != name}
    assert there == {other: data for other, data in files.items() if other != name}


@pytest.mark.parametrize("seed", range(2))
def test_two_homes_with_one_history_write_the_same_bytes_under_the_same_names(
    files: dict[str, bytes], tmp_path: Path, seed: int
) -> None:
    """Other keys, another clock, other makers; rows in another order, in other forms, in several drops, some twice."""
    chance = random.Random(seed)
    salur = new_home(tmp_path / "home", f"2020-0{chance.randint(7, 9)}-{chance.randint(2, 28):02}T05:00:00+07:00")
    tables = people(12)
    shares: list[dict[str, list[dict[str, object]]]] = [{}, {}, {}]
    for name, rows in tables.items():
        chance.shuffle(rows)
        for row in rows:
            for share in chance.sample(shares, chance.randint(1, 2)):
                share.setdefault(name, []).append(row)
    for number, share in enumerate(shares):
        form = chance.choice(["csv", "jsonl", "parquet"])
        folder = write_drop(
            tmp_path / f"drop-{number}", share, form, chance.randint(1, 3), chance.choice(["\n", "\r\n"])
        )
        salur.ask("intake", "--source", folder)
    salur.ask("entitle", "--period", PERIOD)
    salur.ask("instruct", "--period", PERIOD, "--as", f"maker-{seed}")
    assert sent(salur, tmp_path / "out") == files


@pytest.mark.parametrize("is_late_first", [False, True])
def test_an_account_without_a_name_is_paid_under_the_participants_name_that_stands(
    empty: Salur, tmp_path: Path, is_late_first: bool
) -> None:
    tables = people(1)
    tables["accounts"][0]["owner_name"] = None
    (early,) = tables["participants"]
    corrected = {**early, "name": "CONTOH DIBETULKAN", "recorded_at": "2020-05-20T09:00:00+07:00"}
    early["recorded_at"] = "2020-05-10T09:00:00+07:00"
    for number, row in enumerate((corrected, early) if is_late_first else (early, corrected)):
        empty.ask("intake", "--source", write_drop(tmp_path / str(number), tables | {"participants": [row]}))
    empty.ask("entitle", "--period", PERIOD)
    empty.ask("instruct", "--period", PERIOD, "--as", "siti")
    (data,) = sent(empty, tmp_path / "out").values()
    assert [e.findtext("{*}Nm") for e in etree.fromstring(data).iter("{*}Cdtr")] == ["CONTOH DIBETULKAN"]


def test_instructing_again_makes_nothing_new(instructed: Salur, tmp_path: Path) -> None:
    before = instructed.batches()
    done = instructed.ask("instruct", "--period", PERIOD, "--as", "siti")
    assert done["instructed"] == 0
    assert instructed.batches() == before
    instructed.ask("entitle", "--period", PERIOD)
    assert instructed.ask("instruct", "--period", PERIOD, "--as", "siti")["instructed"] == 0


def test_whoever_comes_later_gets_a_file_of_its_own_and_no_name_is_used_twice(
    instructed: Salur, tmp_path: Path
) -> None:
    first = sent(instructed, tmp_path / "out")
    instructed.ask("intake", "--source", write_drop(tmp_path / "more", people(13, ("bni",) * 6)))
    instructed.ask("entitle", "--period", PERIOD)
    assert instructed.ask("instruct", "--period", PERIOD, "--as", "siti")["instructed"] == 1
    later = sent(instructed, tmp_path / "later")
    assert len(later) == 1
    assert not set(later) & set(first)
    assert not {texts(d, "MsgId")[0] for d in later.values()} & {texts(d, "MsgId")[0] for d in first.values()}


def test_what_is_not_submitted_by_the_last_payment_date_is_withdrawn_and_lapses(instructed: Salur) -> None:
    """Wave 1 is paid until 5 March 2021."""
    last = {date.fromisoformat(row["last_payment_date"]) for row in instructed.batches()}
    assert last == {date(2021, 3, 5)}
    done = instructed.ask("entitle", "--period", "2021-03", at="2021-03-06T00:00:00+07:00")
    assert len(done["withdrawn_batches"]) == 6
    assert (done["participants"], done["decisions"]) == (12, {"lapsed": 24})
    assert instructed.ask("instruct", "--period", "2021-03", at="2021-03-06T00:00:00+07:00")["instructed"] == 0
