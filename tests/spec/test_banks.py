"""Profiles, banking days, names and payment files: what the other side wants, and what is not written for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from banks import profiles as bank_profiles
from banks.calendars import CalendarMissing, is_banking_day, next_banking_day
from banks.exchange import BankConnection
from banks.formats import Agent, FileContradicts, UnreadableFile, UnwritableOrders
from banks.formats.names import fit, transliterate
from banks.formats.pain001 import Header, read_back, write
from banks.profiles import ProfileInvalid, file_name, load_profile, profiles
from banks.schema_check import validate
from schemas.errors import InputRejected, WrongUsage
from schemas.tables import TABLES

INSTALLED = Path(bank_profiles.__file__).parent


class TestProfiles:
    """One file a bank."""

    def test_the_six_channels_of_the_programme_are_installed(self) -> None:
        assert list(profiles()) == ["bca", "bni", "dana", "gopay", "linkaja", "ovo"]

    def test_a_bank_has_a_bic_and_a_wallet_an_agreed_identifier(self) -> None:
        agents = {code: profile.agent.bic or profile.agent.other_id for code, profile in profiles().items()}
        assert agents == {
            "bca": "CENAIDJA",
            "bni": "BNINIDJA",
            "dana": "DANA",
            "gopay": "GOPAY",
            "linkaja": "LINKAJA",
            "ovo": "OVO",
        }

    def test_a_new_bank_is_a_new_file(self, tmp_path: Path) -> None:
        text = (INSTALLED / "bni.toml").read_text(encoding="utf-8").replace('code = "bni"', 'code = "bri"')
        (tmp_path / "bri.toml").write_text(text, encoding="utf-8")
        assert load_profile("bri", tmp_path).code == "bri"
        assert "bri" not in profiles()

    def test_an_unknown_bank_is_told_with_those_that_are_known(self) -> None:
        with pytest.raises(WrongUsage, match="bca, bni, dana"):
            load_profile("brj")

    @pytest.mark.parametrize(
        ("old", "new", "key"),
        [
            ('format = "pain.001.001.09"', 'format = "pain.001.001.02"', "message.format"),
            ("row_limit = 99_999", "row_limit = 100_000", "message.row_limit"),
            ("row_limit = 99_999", "row_limit = true", "message.row_limit"),
            ('bic = "BNINIDJA"', 'bic = "BNI"', "bic"),
            ('bic = "BNINIDJA"', "", "agent_id"),
            ("_{date}_", "_", "files.name"),
            ('characters = "swift-x"', 'characters = "all"', "names.characters"),
            ('mode = "full"', 'mode = "ful"', "answers.mode"),
            ("[names]", "[naming]", "names.length_max"),
            ("[names]", 'colour = "red"\n[names]', "message.colour"),
            ("[names]", "[names", "not TOML"),
        ],
    )
    def test_a_profile_that_cannot_be_used_is_refused_naming_the_key(
        self, tmp_path: Path, old: str, new: str, key: str
    ) -> None:
        text = (INSTALLED / "bni.toml").read_text(encoding="utf-8")
        assert old in text
        (tmp_path / "bni.toml").write_text(text.replace(old, new), encoding="utf-8")
        with pytest.raises(ProfileInvalid, match=key):
            profiles(tmp_path)

    def test_a_file_name_bears_date_number_and_content(self) -> None:
        name = file_name(load_profile("ovo"), date(2020, 9, 1), 7, "K7QX")
        assert name == "PRAKERJA_OVO_20200901_007_K7QX.xml"

    def test_a_connection_takes_its_folders_from_the_profile_unless_told_otherwise(self, tmp_path: Path) -> None:
        table = {"host": "h", "user": "u", "private_key": "keys/k", "host_key": "ssh-ed25519 AAAA"}
        connection = BankConnection.from_config(load_profile("bni"), table, tmp_path)
        assert (connection.port, connection.inbox, connection.outbox) == (22, "/in", "/out")
        assert connection.private_key == tmp_path / "keys/k"
        assert BankConnection.from_config(load_profile("bni"), {**table, "inbox": "x"}, tmp_path).inbox == "x"
        with pytest.raises(InputRejected, match="host_key"):
            BankConnection.from_config(load_profile("bni"), {"host": "h", "user": "u", "private_key": "k"}, tmp_path)

    def test_a_bank_is_believed_to_leave_files_only_where_the_configuration_says_so(self, tmp_path: Path) -> None:
        table = {"host": "bank.example", "user": "salur", "private_key": "k", "host_key": "h"}
        assert {profile.after_arrival for profile in profiles().values()} == {"taken"}
        for said, believed in (({}, "taken"), ({"after_arrival": "left"}, "left")):
            connection = BankConnection.from_config(load_profile("bni"), table | said, tmp_path)
            assert connection.after_arrival == believed
        with pytest.raises(InputRejected, match="after_arrival"):
            BankConnection.from_config(load_profile("bni"), table | {"after_arrival": "gone"}, tmp_path)


class TestBankingDays:
    """No weekend, no national holiday, no collective leave; what nobody has decreed is not guessed."""

    @pytest.mark.parametrize(
        ("day", "following", "because"),
        [
            (date(2020, 7, 30), date(2020, 8, 3), "Friday is Idul Adha"),
            (date(2020, 7, 31), date(2020, 8, 3), "strictly after, and a weekend"),
            (date(2020, 8, 3), date(2020, 8, 4), "an ordinary Monday"),
            (date(2020, 10, 27), date(2020, 11, 2), "leave, holiday, leave, weekend"),
            (date(2020, 5, 21), date(2020, 5, 22), "its leave was taken back in 2020"),
            (date(2020, 12, 30), date(2021, 1, 4), "over the year's end"),
            (date(2021, 5, 11), date(2021, 5, 17), "no clearing from 12 to 14 May"),
        ],
    )
    def test_a_payment_waits_for_the_first_banking_day_after(self, day: date, following: date, because: str) -> None:
        assert next_banking_day("indonesia", day) == following, because

    @pytest.mark.parametrize("year", range(2020, 2027))
    def test_nothing_clears_on_independence_day(self, year: int) -> None:
        assert not is_banking_day("indonesia", date(year, 8, 17))

    @pytest.mark.parametrize("day", [date(2026, 12, 31), date(2019, 1, 1)])
    def test_a_year_without_a_decree_needs_a_person(self, day: date) -> None:
        with pytest.raises(CalendarMissing, match="indonesia"):
            next_banking_day("indonesia", day)


class TestNames:
    """Names in a bank's characters, and never a silent cut."""

    @pytest.mark.parametrize(
        ("name", "written"),
        [
            ("Siti Contoh", "Siti Contoh"),
            ("Ma’ruf Contoh", "Ma'ruf Contoh"),
            ("José  Ñandú-Contoh", "Jose Nandu-Contoh"),
            ("ＦＵＬＬ width", "FULL width"),
            ('=HYPERLINK("x")', "HYPERLINK( x )"),
            ("A & B <C>", "A B C"),
            ("nama\x00dengan\nbaris", "nama dengan baris"),
            ("  , S.Kom.  ", ", S.Kom."),
            ("ꦱꦶꦠꦶ", ""),
        ],
    )
    def test_a_name_is_written_in_the_banks_characters(self, name: str, written: str) -> None:
        assert transliterate(pa.array([name]), load_profile("bni").name_characters).to_pylist() == [written]

    def test_what_cannot_be_written_is_refused_with_its_reason(self) -> None:
        rows = [
            ("A", 1, "628000000001", "Contoh"),
            ("B", 1, "628000000001", "ꦱꦶ"),
            ("C", 1, "628000000001", "X" * 141),
            ("D", 1, "+62 8", "Contoh"),
            ("E", 0, "628000000001", "Contoh"),
        ]
        written, refused = fit(_orders(rows), load_profile("ovo"))
        assert written["end_to_end_id"].to_pylist() == ["A"]
        assert refused.to_pylist() == [
            {"end_to_end_id": "B", "reason": "name_unwritable"},
            {"end_to_end_id": "C", "reason": "name_too_long"},
            {"end_to_end_id": "D", "reason": "account_unwritable"},
            {"end_to_end_id": "E", "reason": "amount_not_positive"},
        ]


def _orders(rows: list[tuple[str, int, str, str]]) -> pa.Table:
    names = ("end_to_end_id", "amount_idr", "creditor_account", "creditor_name")
    orders = [dict(zip(names, row, strict=True)) | {"remittance": "contoh"} for row in rows]
    return pa.Table.from_pylist(orders, TABLES["orders.v1"].schema)


def _header() -> Header:
    return Header(
        format="pain.001.001.09",
        message_id="M",
        payment_information_id="P",
        created_at=datetime(2020, 8, 31, tzinfo=UTC),
        execution_date=date(2020, 9, 1),
        debtor_name="CONTOH",
        debtor_account="1",
        debtor_agent=Agent(bic="BNINIDJA"),
        creditor_agent=Agent(bic="BNINIDJA"),
        category_purpose="SSBE",
    )


ONE = ("SYNTHETIC00000X", 600_000, "0000000001", "CONTOH SATU")
TWO = ("SYNTHETIC00001X", 50_000, "0000000002", "CONTOH DUA")


class TestPaymentFiles:
    """Nothing is written that a bank would have to guess at, and nothing leaves that reads otherwise than meant."""

    @pytest.mark.parametrize(
        "rows",
        [
            [],
            [(*ONE[:1], 0, *ONE[2:])],
            [(*ONE[:1], -1, *ONE[2:])],
            [ONE, (ONE[0], *TWO[1:])],
            [(*ONE[:3], "")],
            [(*ONE[:3], "a\x07b")],
            [(*ONE[:3], "a\nb")],
            [(*ONE[:3], " blank")],
            [(*ONE[:3], "X" * 141)],
            [(*ONE[:2], "1" * 35, ONE[3])],
            [("X" * 36, *ONE[1:])],
            [(f"SYN{n}", 10**17, "1", "A") for n in range(10)],
        ],
    )
    def test_orders_that_cannot_be_written_as_they_are_are_refused(self, rows: list[tuple[str, int, str, str]]) -> None:
        with pytest.raises(UnwritableOrders) as refused:
            write(_orders(rows), _header())
        assert "CONTOH" not in str(refused.value)

    def test_the_same_orders_give_the_same_bytes_whatever_their_chunks(self) -> None:
        whole = _orders([ONE, TWO])
        parts = pa.concat_tables([whole.slice(0, 1), whole.slice(1, 1)])
        assert write(parts, _header()) == write(whole, _header())
        assert write(whole.slice(1), _header()) == write(_orders([TWO]), _header())

    @pytest.mark.parametrize(
        ("spoil", "error"),
        [
            (lambda data: data.replace(b"600000</InstdAmt>", b"600001</InstdAmt>"), FileContradicts),
            (lambda data: data.replace(b"<CtrlSum>650000", b"<CtrlSum>650001", 1), FileContradicts),
            (lambda data: data.replace(b"<NbOfTxs>2<", b"<NbOfTxs>3<"), FileContradicts),
            (lambda data: data.replace(b'Ccy="IDR"', b'Ccy="USD"', 1), FileContradicts),
            (lambda data: data.replace(b"600000</InstdAmt>", b"600000.5</InstdAmt>"), FileContradicts),
            (lambda data: data.replace(b"<Nm>CONTOH SATU</Nm>", b""), FileContradicts),
            (lambda data: data.replace(b"<EndToEndId>SYNTHETIC00000X</EndToEndId>", b""), UnreadableFile),
            (lambda data: data[:-12], UnreadableFile),
        ],
    )
    def test_bytes_that_do_not_say_what_was_meant_do_not_pass_the_reading(
        self, spoil: Callable[[bytes], bytes], error: type[Exception]
    ) -> None:
        data = write(_orders([ONE, TWO]), _header())
        assert read_back(data).control_sum_idr == 650_000
        with pytest.raises(error):
            read_back(spoil(data))

    def test_the_official_schema_finds_what_is_wrong_and_repeats_no_value(self) -> None:
        data = write(_orders([ONE, TWO]), _header())
        wrong = data.replace(b"CONTOH SATU", b"RAHASIA" * 30).replace(b">DEBT<", b">RAHASIA<")
        findings = validate(wrong, "pain.001.001.09")
        assert [finding.split(": ")[1] for finding in findings] == ["ChrgBr", "Nm"]
        assert "RAHASIA" not in " ".join(findings)
        assert validate(b"hello", "pain.001.001.09") == ["line 1: not well-formed XML"]

    def test_an_instant_without_an_offset_is_no_creation_time(self) -> None:
        with pytest.raises(AssertionError, match="offset"):
            replace(_header(), created_at=datetime(2020, 8, 31))  # noqa: DTZ001 (that is the point)
