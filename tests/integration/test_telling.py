"""What became of payments, on its way to platforms over real HTTP and to folders: once each, whatever breaks in between."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import fsspec
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from disbursement import steps as paying
from ledger import chain, store
from ledger.house import House
from ledger.keyring import sha256_hex
from ledger.lock import alone
from reconciliation import telling
from schemas.errors import InputRejected, SalurError, TryLater, WrongUsage
from schemas.tables import TABLES
from tests.lib import joined
from tests.lib.dying import Killed, mortal
from tests.lib.platform_server import Fault, PlatformServer, platform_server
from tests.lib.small_drop import people, write_drop
from treasury.house import init_house

FILES = ["outcomes-000001.csv", "outcomes-000001.manifest.json", "outcomes-000001.parquet"]


@pytest.fixture(scope="module")
def _instructed_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return joined.instructed(tmp_path_factory.mktemp("instructed"))


@pytest.fixture
def house(_instructed_once: Path, tmp_path: Path) -> House:
    """Eight people with a drafted instruction each, and nobody to tell."""
    shutil.copytree(_instructed_once / "home", tmp_path / "home")
    return joined.opened(tmp_path / "home")


@pytest.fixture
def server() -> Iterator[PlatformServer]:
    with platform_server(PlatformServer()) as running:
        yield running


def telling_to(house: House, **outlets: dict[str, Any]) -> House:
    """The home, configured with outlets."""
    return replace(house, config={**house.config, "outcomes": outlets})


def over_http(house: House, server: PlatformServer, **more: Any) -> dict[str, Any]:
    """The settings of an outlet over HTTP that loses patience soon."""
    (house.path / "keys" / "contoh.token").write_text(server.token + "\n", encoding="utf-8")
    return {"url": server.url, "token_file": "keys/contoh.token", "patience_seconds": 0.5} | more


def statuses(server: PlatformServer) -> dict[str, int]:
    """How many rows of each status a platform has taken."""
    return dict(Counter(row["status"] for body in server.posted.values() for row in body["rows"]))


def deliveries(house: House) -> list[tuple[str, int]]:
    with house.store.reading() as connection:
        d = store.notice_deliveries.c
        return [tuple(row) for row in connection.execute(sa.select(d.outlet, d.notice).order_by(d.outlet, d.notice))]


def told(house: House) -> list[tuple[str, int, str]]:
    """Participant, notice and status of everything that was told."""
    with house.store.reading() as connection:
        t = store.told_outcomes.c
        query = sa.select(t.participant_id, t.notice, t.status).order_by(t.participant_id, t.notice)
        return [tuple(row) for row in connection.execute(query)]


def trouble(house: House, outlet: str | None = None) -> SalurError:
    """The error with which telling ends."""
    with pytest.raises(SalurError) as caught:
        telling.tell(house, outlet)
    return caught.value


def test_a_payment_is_followed_to_its_end_and_each_change_is_told_once(house: House, server: PlatformServer) -> None:
    outlets = {"lms": over_http(house, server)}
    first = telling.tell(telling_to(house, **outlets))
    assert first == {
        "batch": "outcomes-000001", "rows": 8, "statuses": {"sedang diproses": 8},
        "delivered": {"lms": ["outcomes-000001"]}, "waiting": {"lms": 0},
    }  # fmt: skip
    sent = joined.sent_to(house.path, rejects=400_000)
    later = telling_to(sent.house, **outlets)
    assert telling.tell(later)["batch"] is None  # on its way to the bank: still being processed
    sent.receive(sent.answers())
    rejected = sent.tally()["rejected"]  # the others are debited: still being processed
    second = telling.tell(later)
    assert (second["batch"], second["statuses"]) == ("outcomes-000002", {"gagal": rejected})
    assert telling.tell(later) == {
        "batch": None, "rows": 0, "statuses": {}, "delivered": {"lms": []}, "waiting": {"lms": 0}
    }  # fmt: skip
    assert statuses(server) == {"sedang diproses": 8, **second["statuses"]}
    with later.store.reading() as connection:
        chain.verify(connection)


def test_before_anything_is_instructed_people_hear_when_it_is_planned(tmp_path: Path) -> None:
    init_house(tmp_path / "home", joined.AT)
    house = joined.opened(tmp_path / "home")
    paying.intake(house, str(write_drop(tmp_path / "drop", people(3, ["bca"]))))
    paying.entitle(house, joined.PERIOD)
    assert telling.tell(house)["statuses"] == {"dijadwalkan": 3}
    paying.hold(house, "CONTOH0001", "hold", "diperiksa")
    assert telling.tell(house)["statuses"] == {"dana tertahan": 1}
    paying.hold(house, "CONTOH0001", "unhold", "selesai")
    assert telling.tell(house)["statuses"] == {"dijadwalkan": 1}
    paying.instruct(house, joined.PERIOD, "siti")
    assert telling.tell(house)["statuses"] == {"sedang diproses": 3}
    batch = joined.batch_of(house)["batch"]
    paying.reject(house, batch, "budi", "daftar salah")
    assert telling.tell(house)["statuses"] == {"dijadwalkan": 3}


def test_an_unknown_upload_is_never_told_as_a_failure(house: House) -> None:
    telling.tell(house)
    with house.store.transaction() as connection:
        name = connection.scalar(sa.select(store.files.c.file_name))
        row = {"seq": 1, "file_name": name, "state": "unknown", "evidence": "-", "at": 0}
        store.insert(connection, store.file_states, [row])
    assert telling.tell(house)["rows"] == 0
    assert set(telling.standing(house)["status"].to_pylist()) == {"sedang diproses"}


class TestAPlatformOverHttp:
    def test_gets_rows_without_personal_data_with_the_words_of_both_languages(
        self, house: House, server: PlatformServer
    ) -> None:
        telling.tell(telling_to(house, lms=over_http(house, server)))
        (body,) = server.posted.values()
        assert {key: body[key] for key in ("batch", "page", "pages")} == {
            "batch": "outcomes-000001", "page": 1, "pages": 1
        }  # fmt: skip
        assert body["rows"][0] == {
            "participant_id": "CONTOH0001", "benefit": "incentive", "sequence": 1, "period": "2020-06",
            "status": "sedang diproses", "status_english": "being processed", "status_at": "2020-07-01T02:00:00.000000Z",
            "amount_idr": 600_000, "due_on": "2020-06-02", "to_do": "wait",
            "to_do_indonesian": "Tidak perlu melakukan apa pun; tunggu kabar berikutnya.",
            "to_do_english": "Nothing to do: wait for the next news.",
        }  # fmt: skip
        assert not any(field.personal for field in TABLES["outcomes.v1"].fields)

    def test_whose_answer_is_lost_gets_the_same_again_under_the_same_key(
        self, house: House, server: PlatformServer
    ) -> None:
        server.faults = [Fault(is_cut=True), Fault(429, {"Retry-After": "0"}), Fault(500)]
        telling.tell(telling_to(house, lms=over_http(house, server, patience_seconds=5)))
        keys = {asked.headers["idempotency-key"] for asked in server.asked}
        assert (len(server.asked), len(keys), len(server.posted)) == (4, 1, 1)
        assert len({asked.body for asked in server.asked}) == 1
        assert deliveries(house) == [("lms", 1)]

    def test_that_stays_away_waits_and_keeps_nobody_else_from_the_news(
        self, house: House, server: PlatformServer, tmp_path: Path
    ) -> None:
        outlets = {"a-lms": over_http(house, server), "z-files": {"folder": str(tmp_path / "out")}}
        server.faults = [Fault(503)] * 100
        error = trouble(telling_to(house, **outlets))
        assert isinstance(error, TryLater)
        assert error.done["delivered"] == {"a-lms": [], "z-files": ["outcomes-000001"]}
        assert error.done["waiting"] == {"a-lms": 1, "z-files": 0}
        server.faults = []
        key = server.asked[0].headers["idempotency-key"]
        paying.hold(house, "CONTOH0001", "hold", "diperiksa")  # no news: already being processed
        again = telling.tell(telling_to(house, **outlets))
        assert (again["batch"], again["delivered"]) == (None, {"a-lms": ["outcomes-000001"], "z-files": []})
        assert list(server.posted) == [key]

    def test_takes_a_large_notice_in_pages_and_after_a_break_the_pages_that_it_has_come_as_they_were(
        self, house: House, server: PlatformServer
    ) -> None:
        telling_home = telling_to(house, lms=over_http(house, server, page_rows=3))
        server.faults = [Fault(), Fault(400)]
        assert isinstance(trouble(telling_home), InputRejected)
        assert (len(server.posted), deliveries(house)) == (1, [])
        telling.tell(telling_home)
        assert [(body["page"], body["pages"], len(body["rows"])) for body in server.posted.values()] == [
            (1, 3, 3), (2, 3, 3), (3, 3, 2)
        ]  # fmt: skip
        assert server.asked[0].headers["idempotency-key"] == server.asked[2].headers["idempotency-key"]
        assert server.asked[0].body == server.asked[2].body

    def test_gets_its_notices_in_order_and_none_past_one_that_it_does_not_take(
        self, house: House, server: PlatformServer
    ) -> None:
        outlets = {"lms": over_http(house, server)}
        server.faults = [Fault(400)]
        trouble(telling_to(house, **outlets))
        batch = joined.batch_of(house)["batch"]
        paying.reject(house, batch, "budi", "daftar salah")
        server.faults = [Fault(400)]
        assert trouble(telling_to(house, **outlets)).done["waiting"] == {"lms": 2}
        telling.tell(telling_to(house, **outlets))
        assert [json.loads(asked.body)["batch"][-1] for asked in server.asked] == ["1", "1", "1", "2"]

    def test_that_refuses_our_token_is_said_without_it(self, house: House, server: PlatformServer) -> None:
        settings = over_http(house, server)
        server.token = "another"
        error = trouble(telling_to(house, lms=settings))
        assert error.exit_code == InputRejected.exit_code
        assert "contoh-token" not in str(error)

    def test_only_hears_of_its_own_people_and_of_every_number(self, house: House, server: PlatformServer) -> None:
        with platform_server(PlatformServer()) as other:
            mine, others = over_http(house, server), over_http(house, other)
            telling.tell(
                telling_to(house, mine=mine | {"platform": "Platform Contoh"}, others=others | {"platform": "lain"})
            )
            assert [len(body["rows"]) for body in server.posted.values()] == [8]
            assert [(body["batch"], body["rows"]) for body in other.posted.values()] == [("outcomes-000001", [])]

    def test_that_is_configured_later_gets_everything_from_the_first_notice_on(
        self, house: House, server: PlatformServer
    ) -> None:
        telling.tell(house)
        done = telling.tell(telling_to(house, lms=over_http(house, server)))
        assert (done["batch"], done["delivered"]) == (None, {"lms": ["outcomes-000001"]})


class TestAFolder:
    def test_holds_a_notice_whole_with_the_digests_of_its_files(self, house: House, tmp_path: Path) -> None:
        out = tmp_path / "out"
        telling.tell(telling_to(house, files={"folder": str(out), "formats": ["parquet", "csv", "jsonl"]}))
        name = "outcomes-000001"
        manifest = json.loads((out / f"{name}.manifest.json").read_text(encoding="utf-8"))
        assert (manifest["batch"], manifest["rows"]) == (name, 8)
        assert manifest["files"] == {
            f"{name}.{form}": sha256_hex((out / f"{name}.{form}").read_bytes()) for form in ("parquet", "csv", "jsonl")
        }
        assert len(list(out.iterdir())) == 4  # nothing half-written
        rows = pq.read_table(out / f"{name}.parquet")
        assert rows.schema.names == list(TABLES["outcomes.v1"].columns)
        in_csv = pa_csv.read_csv(out / f"{name}.csv")
        in_json = [json.loads(line) for line in (out / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]
        for table in (in_csv["participant_id"].to_pylist(), [row["participant_id"] for row in in_json]):
            assert table == rows["participant_id"].to_pylist()
        assert in_json[0]["due_on"] == "2020-06-02"

    def test_has_the_same_bytes_from_any_home_with_the_same_history(self, tmp_path: Path) -> None:
        for name in ("one", "two"):
            house = joined.opened(joined.instructed(tmp_path / name) / "home")
            telling.tell(telling_to(house, files={"folder": "out"}))
        one, two = (
            {path.name: path.read_bytes() for path in (tmp_path / name / "home" / "out").iterdir()}
            for name in ("one", "two")
        )
        assert one == two

    def test_may_lie_in_any_store(self, house: House) -> None:
        url = f"memory://outcomes-{house.path.parent.name}"
        telling.tell(telling_to(house, files={"folder": url}))
        fs, root = fsspec.core.url_to_fs(url)
        assert sorted(path.rpartition("/")[2] for path in fs.ls(root, detail=False)) == FILES

    def test_of_another_home_is_left_alone(self, house: House, tmp_path: Path) -> None:
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "outcomes-000001.manifest.json").write_text("{}")
        error = trouble(telling_to(house, files={"folder": str(tmp_path / "out")}))
        assert (error.exit_code, deliveries(house)) == (InputRejected.exit_code, [])
        assert len(list((tmp_path / "out").iterdir())) == 1

    def test_that_cannot_be_written_is_tried_again_later(self, house: House, tmp_path: Path) -> None:
        (tmp_path / "out").write_text("a file where the folder should be")
        settings = {"folder": str(tmp_path / "out")}
        assert trouble(telling_to(house, files=settings)).exit_code == TryLater.exit_code
        (tmp_path / "out").unlink()
        assert telling.tell(telling_to(house, files=settings))["delivered"] == {"files": ["outcomes-000001"]}

    def test_has_no_manifest_before_it_has_all_else(self, house: House) -> None:
        home = telling_to(house, files={"folder": "out"})
        in_the_way = house.path / "out" / "outcomes-000001.parquet"
        in_the_way.mkdir(parents=True)
        assert trouble(home).exit_code == TryLater.exit_code
        assert not (house.path / "out" / "outcomes-000001.manifest.json").exists()
        in_the_way.rmdir()
        telling.tell(home)
        assert sorted(path.name for path in (house.path / "out").iterdir()) == FILES

    def test_carried_by_hand_gets_what_an_outlet_would_and_nothing_is_taken_for_delivered(
        self, house: House, tmp_path: Path
    ) -> None:
        told_home = telling_to(house, lms={"url": "https://platform.example", "platform": "lain"})
        for expected in (["outcomes-000001"], []):
            assert telling.tell(told_home, "lms", str(tmp_path / "lms"))["written"] == expected
        assert pq.read_table(tmp_path / "lms" / "outcomes-000001.parquet").num_rows == 0
        done = telling.tell(told_home, out=str(tmp_path / "all"))
        assert (done["written"], done["waiting"]) == (["outcomes-000001"], {"lms": 1})
        assert pq.read_table(tmp_path / "all" / "outcomes-000001.parquet").num_rows == 8


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"folder": "a", "url": "https://platform.example"},
        {"folder": "a", "formats": ["xlsx"]},
        {"folder": "a", "formats": []},
        {"folder": "nowhere-known://a"},
        {"url": "http://platform.example"},
        {"url": "https://user:secret@platform.example"},
        {"url": "https://platform.example", "token_file": "keys/absent"},
        {"url": "https://platform.example", "page_rows": 0},
        {"url": "https://platform.example", "colour": "red"},
    ],
)
def test_a_wrong_setting_is_refused_in_words_without_a_secret(house: House, settings: dict[str, Any]) -> None:
    error = trouble(telling_to(house, lms=settings))
    assert error.exit_code == InputRejected.exit_code
    assert "secret" not in str(error).replace("holds a secret", "")


def test_an_outlet_that_nobody_configured_is_wrong_usage(house: House) -> None:
    assert trouble(house, "lms").exit_code == WrongUsage.exit_code


def test_two_cannot_tell_at_once(house: House) -> None:
    hasty = replace(house, config={**house.config, "run": {"lock_wait_seconds": 0}})
    with alone(house.store, "outcomes"):
        assert trouble(hasty).exit_code == TryLater.exit_code


def test_whatever_moment_the_process_dies_at_each_change_is_told_once_and_none_is_lost(
    house: House, tmp_path: Path
) -> None:
    """Around each write to the archive and each transaction of the ledger; then the same command is given again."""
    died_at = 0
    for moments in range(100):
        with platform_server(PlatformServer()) as server:
            home = joined.opened(Path(shutil.copytree(house.path, tmp_path / f"home-{moments}")))
            home = telling_to(home, files={"folder": "out"}, lms=over_http(home, server, page_rows=5))
            try:
                telling.tell(mortal(home, moments))
                break
            except Killed:
                died_at = moments
            telling.tell(home)
            assert told(home) == [(f"CONTOH{n:04}", 1, "sedang diproses") for n in range(1, 9)]
            assert [len(body["rows"]) for body in server.posted.values()] == [5, 3]
            assert {body["batch"] for body in server.posted.values()} == {"outcomes-000001"}
            assert deliveries(home) == [("files", 1), ("lms", 1)]
            assert sorted(path.name for path in (home.path / "out").iterdir()) == FILES
            assert telling.tell(home)["batch"] is None
    assert died_at >= 11  # two moments around each of three writes to the archive and three transactions


def test_a_folder_that_was_left_half_written_is_finished(house: House) -> None:
    home = telling_to(house, files={"folder": "out"})
    out = house.path / "out"
    out.mkdir()
    for name in ("outcomes-000001.csv", ".outcomes-000001.csv.partial", ".outcomes-000001.parquet.partial"):
        (out / name).write_text("cut sh")
    telling.tell(home)
    assert sorted(path.name for path in out.iterdir()) == FILES
    manifest = json.loads((out / "outcomes-000001.manifest.json").read_text(encoding="utf-8"))
    assert manifest["files"] == {
        name: sha256_hex((out / name).read_bytes()) for name in FILES if "manifest" not in name
    }


def test_a_past_month_is_rehearsed_without_being_told_that_it_has_lapsed(tmp_path: Path) -> None:
    init_house(tmp_path / "home", joined.AT)
    years_later = joined.AT + timedelta(days=2000)
    house = joined.opened(tmp_path / "home", years_later)
    paying.intake(house, str(write_drop(tmp_path / "drop", people(3, ["bca"]))))
    paying.entitle(house, joined.PERIOD)
    assert telling.tell(house)["statuses"] == {"dijadwalkan": 3}
    paying.entitle(house, "2025-12")
    assert telling.tell(house)["statuses"] == {"gagal": 3}
