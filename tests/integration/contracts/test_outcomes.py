"""`salur outcomes`, as scripts, platforms and the dashboard meet it."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from tests.lib.commands import PERIOD, Salur, carry
from tests.lib.platform_server import Fault, PlatformServer, platform_server


def configure(salur: Salur, **outlets: dict[str, Any]) -> None:
    """Add outlets to salur.toml."""
    with (salur.home / "salur.toml").open("a", encoding="utf-8") as stream:
        for name, settings in outlets.items():
            stream.write(f"\n[outcomes.{name}]\n")
            stream.writelines(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())


def answered(salur: Salur, out: Path) -> None:
    """Sent; ovo refuses all, dana has paid all, the others say nothing."""
    salur.release_all()
    salur.ask("submit", "--to", out)
    carry(salur, out, "ovo", rejects_per_million=1_000_000)
    carry(salur, out, "dana")


def test_outcomes_are_counted_written_and_told_once(instructed: Salur, tmp_path: Path) -> None:
    answered(instructed, tmp_path / "sent")
    configure(instructed, dashboard={"folder": "told"})
    expected = {"berhasil": 2, "gagal": 2, "sedang diproses": 8}
    assert instructed.ask("outcomes") == {
        "batch": "outcomes-000001", "rows": 12, "statuses": expected,
        "delivered": {"dashboard": ["outcomes-000001"]}, "waiting": {"dashboard": 0},
    }  # fmt: skip
    with (instructed.home / "told" / "outcomes-000001.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert sorted(row["status"] for row in rows) == sorted(key for key, count in expected.items() for _ in range(count))
    assert instructed("outcomes").out == "No news.\n"
    assert instructed.ask("outcomes", "--out", tmp_path / "by-hand")["written"] == ["outcomes-000001"]


def test_the_words_for_a_person_name_what_is_new_and_what_waits(instructed: Salur) -> None:
    configure(instructed, dashboard={"folder": "told"}, lms={"url": "https://127.0.0.1:1", "patience_seconds": 0.1})
    first = instructed("outcomes", "--outlet", "dashboard").out.splitlines()
    assert first == ["outcomes-000001: 12 sedang diproses.", "dashboard: outcomes-000001", "lms: 1 waiting"]
    assert "Outcomes not delivered to lms: 1" in instructed("status").out.splitlines()


def test_an_outlet_out_of_reach_ends_with_14_and_the_others_are_told(instructed: Salur) -> None:
    with platform_server(PlatformServer()) as server:
        server.faults = [Fault(503)] * 100
        (instructed.home / "keys" / "lms.token").write_text(server.token, encoding="utf-8")
        configure(
            instructed,
            lms={"url": server.url, "token_file": "keys/lms.token", "patience_seconds": 0.2},
            zfiles={"folder": "told"},
        )
        said = instructed.ask("outcomes", code=14)
        assert said["delivered"] == {"lms": [], "zfiles": ["outcomes-000001"]}
        assert (said["waiting"], said["error"]["exit_code"]) == ({"lms": 1, "zfiles": 0}, 14)
        assert instructed.ask("status")["outcomes_waiting"] == {"lms": 1, "zfiles": 0}
        assert server.token not in json.dumps(said)
        server.faults = []
        assert instructed.ask("outcomes", "--outlet", "lms")["delivered"] == {"lms": ["outcomes-000001"]}
    assert instructed.ask("status")["outcomes_waiting"] == {"lms": 0, "zfiles": 0}


def test_an_outlet_that_is_none_is_wrong_usage(instructed: Salur) -> None:
    instructed.ask("outcomes", "--outlet", "nowhere", code=2)


def test_where_every_payment_stands_is_exported_told_or_not(instructed: Salur, tmp_path: Path) -> None:
    answered(instructed, tmp_path / "sent")
    instructed.ask("export", "outcomes", "--period", PERIOD, "--out", tmp_path / "o.csv")
    with (tmp_path / "o.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert sorted({row["status"] for row in rows}) == ["berhasil", "gagal", "sedang diproses"]
    assert instructed.ask("export", "outcomes", "--period", "2020-07", "--out", tmp_path / "o.csv")["rows"] == 0


def test_a_run_that_waits_for_its_release_has_told_who_is_being_paid(instructed: Salur, drop_of_twelve: Path) -> None:
    configure(instructed, dashboard={"folder": "told"}, broken={"folder": "salur.toml/no-folder"})
    said = instructed.ask("run", "--period", PERIOD, "--source", drop_of_twelve, code=13)
    assert (instructed.home / "told" / "outcomes-000001.manifest.json").exists()
    assert "outlet broken" in said["error"]["others"][0]


def test_a_run_ends_with_telling_and_one_outlets_trouble_hides_nothing_that_was_done(
    instructed: Salur, drop_of_twelve: Path, tmp_path: Path
) -> None:
    config = instructed.home / "salur.toml"
    config.write_text(config.read_text(encoding="utf-8").replace("wait_seconds = 60", "wait_seconds = 0"))
    answered(instructed, tmp_path / "sent")
    configure(instructed, dashboard={"folder": "told"})
    run = ("run", "--period", PERIOD, "--source", drop_of_twelve)
    assert instructed.ask(*run)["outcomes"]["delivered"] == {"dashboard": ["outcomes-000001"]}
    configure(instructed, broken={"folder": "salur.toml/no-folder"})
    said = instructed.ask(*run, code=14)
    assert said["reconcile"]["states"]["credited"] == 2
    assert said["outcomes"]["waiting"] == {"broken": 1, "dashboard": 0}


def test_what_a_person_was_told_is_part_of_the_story(instructed: Salur, tmp_path: Path) -> None:
    instructed.ask("outcomes")
    answered(instructed, tmp_path / "sent")
    instructed.ask("outcomes", at="2020-07-09T08:00:00+07:00")
    told = [step for step in instructed.ask("explain", "CONTOH0002")["story"] if step["what"] == "told"]
    assert [step["facts"]["status"] for step in told] == ["sedang diproses", "gagal"]
    assert all(len(step["evidence"]) == 64 for step in told)


def test_the_doctor_looks_at_each_outlet(instructed: Salur) -> None:
    configure(instructed, good={"folder": "told"}, bad={"url": "https://platform.example", "token_file": "keys/absent"})
    checks = {row["what"]: row for row in instructed.ask("doctor", code=10)["checks"]}
    assert (checks["outlet good"]["ok"], checks["outlet bad"]["exit_code"]) == (True, 10)
