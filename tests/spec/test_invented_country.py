"""The invented country: a source drop as the contract has it, the same for the same seed, with every bad case countable."""

import json
from collections import Counter
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.dataset as ds
import pytest

from schemas.errors import WrongUsage
from schemas.identifiers import check_niks, normalise_phones
from simulator import country
from simulator.people import Summary, generate, wave_sizes

PEOPLE = 4_000
COLUMNS = {
    "participants": "participant_id nik kk name wave accepted_on sk_number sk_line occupation status status_at",
    "accounts": "participant_id version channel account_number owner_name owner_nik verified_at closed_at",
    "trainings": "training_id title provider platform price_idr",
    "completions": "completion_id platform participant_id training_id purchased_at completed_at certificate_number rating"
    " reviewed_at recorded_at revoked_at",
    "blocklist": "nik reason source listed_on delisted_on",
    "surveys": "participant_id number completed_at",
    "allocations": "sk_number participant_id sk_line training_aid_idr incentive_idr survey_idr",
}


def read(folder: Path, name: str) -> pa.Table:
    return ds.dataset(sorted(str(path) for path in folder.glob(f"{name}-*.parquet"))).to_table()


def manifest(folder: Path) -> dict[str, dict[str, dict[str, str | int]]]:
    text: dict[str, dict[str, dict[str, str | int]]] = json.loads(
        (folder / "manifest.json").read_text(encoding="utf-8")
    )
    return text


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Summary]:
    """Four blocks of a thousand people."""
    folder = tmp_path_factory.mktemp("country") / "drop"
    return folder, generate(folder, PEOPLE, seed=1, block_people=1_000)


@pytest.fixture(scope="module")
def people(made: tuple[Path, Summary]) -> pa.Table:
    """One row a person: the latest status."""
    rows = read(made[0], "participants").sort_by([("participant_id", "ascending"), ("status_at", "descending")])
    ids = rows.column("participant_id").to_pylist()
    return rows.take([i for i, one in enumerate(ids) if i == 0 or ids[i - 1] != one])


def test_the_same_arguments_give_the_same_bytes(made: tuple[Path, Summary], tmp_path: Path) -> None:
    generate(tmp_path / "again", PEOPLE, seed=1, block_people=1_000)
    assert manifest(tmp_path / "again") == manifest(made[0])


def test_another_seed_gives_other_people(made: tuple[Path, Summary], tmp_path: Path) -> None:
    generate(tmp_path / "other", PEOPLE, seed=2, block_people=1_000)
    mine, other = manifest(made[0])["files"], manifest(tmp_path / "other")["files"]
    assert mine["participants-0001.parquet"]["sha256"] != other["participants-0001.parquet"]["sha256"]


def test_every_table_has_the_contracts_columns(made: tuple[Path, Summary]) -> None:
    assert {name: " ".join(read(made[0], name).column_names) for name in COLUMNS} == COLUMNS


def test_the_manifest_counts_every_row_and_every_person(made: tuple[Path, Summary]) -> None:
    folder, summary = made
    told = manifest(folder)
    assert set(told["files"]) == {path.name for path in folder.glob("*.parquet")}
    rows: Counter[str] = Counter()
    for name, entry in told["files"].items():
        rows[name.split("-")[0]] += int(entry["rows"])
    assert rows == summary.rows == Counter({name: read(folder, name).num_rows for name in COLUMNS})
    assert sum(int(decision["people"]) for decision in told["decisions"].values()) == PEOPLE
    each = {number: int(one["amount_idr"]) // int(one["people"]) for number, one in told["decisions"].items()}
    assert set(each.values()) == {3_550_000, 4_200_000}
    assert [number for number in each if each[number] == 4_200_000] == ["SK-48/2020", "SK-49/2020"]


def test_waves_keep_their_proportions() -> None:
    sizes = wave_sizes(10_000).tolist()
    assert sum(sizes) == 10_000
    assert sizes[0] == 256
    assert set(sizes[3:9]) <= {1216, 1217}
    assert wave_sizes(1).sum() == 1


def test_only_bad_niks_are_rejected_and_none_is_odd(made: tuple[Path, Summary], people: pa.Table) -> None:
    checks = check_niks(people.column("nik"), people.column("accepted_on"))
    assert len(checks.problem.drop_null()) == made[1].faults["bad_nik"] > 0
    assert len(checks.warnings.drop_null()) == 0


def test_every_sound_nik_and_wallet_bears_the_mark_of_an_invented_person(
    made: tuple[Path, Summary], people: pa.Table
) -> None:
    niks = people.column("nik").combine_chunks()
    sound = niks.filter(pc.is_null(check_niks(niks).problem))
    assert pc.all(pc.greater_equal(pc.utf8_slice_codeunits(sound, 12), str(country.SERIAL_MIN))).as_py()
    accounts = read(made[0], "accounts")
    is_wallet = pc.is_in(accounts.column("channel"), pa.array(["ovo", "gopay", "linkaja", "dana"]))
    wallets = normalise_phones(accounts.filter(is_wallet).column("account_number"))
    assert wallets.null_count == 0
    assert pc.all(pc.starts_with(wallets, "0844")).as_py()


def test_a_nik_repeats_only_where_it_is_meant_to(made: tuple[Path, Summary], people: pa.Table) -> None:
    repeats = people.num_rows - len(people.column("nik").unique())
    assert repeats == made[1].faults["repeated_nik"] > 0


def test_a_kk_holds_three_only_where_it_is_meant_to(made: tuple[Path, Summary], people: pa.Table) -> None:
    sizes = Counter(Counter(people.column("kk").to_pylist()).values())
    assert set(sizes) == {1, 2, 3}
    assert sizes[3] == made[1].faults["third_in_kk"]


def test_the_revoked_are_as_many_as_told(made: tuple[Path, Summary], people: pa.Table) -> None:
    assert pc.sum(pc.equal(people.column("status"), "revoked")).as_py() == made[1].faults["revoked"] > 0


def test_accounts_fail_only_where_they_are_meant_to(made: tuple[Path, Summary], people: pa.Table) -> None:
    faults = made[1].faults
    rows = read(made[0], "accounts").to_pylist()
    current = {row["participant_id"]: row for row in sorted(rows, key=lambda row: int(row["version"]))}
    niks = dict(zip(people.column("participant_id").to_pylist(), people.column("nik").to_pylist(), strict=True))
    assert PEOPLE - len(current) == faults["no_account"] > 0
    assert sum(row["verified_at"] is None for row in current.values()) == faults["unverified_account"] > 0
    assert sum(row["closed_at"] is not None for row in current.values()) == faults["closed_account"] > 0
    assert sum(row["channel"] not in country.CHANNELS for row in current.values()) == faults["unknown_channel"] > 0
    assert sum(row["owner_nik"] != niks[one] for one, row in current.items()) == faults["owner_mismatch"] > 0


def test_learning_goes_wrong_only_where_it_is_meant_to(made: tuple[Path, Summary]) -> None:
    folder, summary = made
    price = {row["training_id"]: row["price_idr"] for row in read(folder, "trainings").to_pylist()}
    balance = {row["participant_id"]: _scheme(row).balance_idr for row in read(folder, "participants").to_pylist()}
    by_person: dict[str, dict[str, dict[str, object]]] = {}
    for row in sorted(read(folder, "completions").to_pylist(), key=lambda row: row["recorded_at"]):
        if str(row["completion_id"]).startswith("C-"):
            by_person.setdefault(row["participant_id"], {})[row["completion_id"]] = row
    bought = [list(rows.values()) for rows in by_person.values()]
    done = [[row for row in rows if row["completed_at"]] for rows in bought]
    spent = [sum(price.get(row["training_id"], 0) for row in rows) for rows in bought]
    found = {
        "over_balance": sum(total > balance[who] for who, total in zip(by_person, spent, strict=True)),
        "no_completion": sum(not rows for rows in done),
        "no_certificate": sum(bool(rows) and not any(row["certificate_number"] for row in rows) for rows in done),
        "no_rating": sum(bool(rows) and not any(row["rating"] for row in rows) for rows in done),
        "no_review": sum(bool(rows) and not any(row["reviewed_at"] for row in rows) for rows in done),
        "revoked_completion": sum(bool(rows) and all(row["revoked_at"] for row in rows) for rows in done),
        "unknown_training": sum(all(row["training_id"] not in price for row in rows) for rows in bought),
    }
    assert found == {kind: summary.faults[kind] for kind in found}
    assert all(found.values())


def _scheme(person: dict[str, object]) -> country.Scheme:
    return country.SCHEME_2020 if person["wave"] in range(1, 48) else country.SCHEME_2023


def test_a_first_training_is_bought_in_the_schemes_days_and_as_many_surveys_are_answered_as_it_has(
    made: tuple[Path, Summary], people: pa.Table
) -> None:
    scheme = {row["participant_id"]: (_scheme(row), row["accepted_on"]) for row in people.to_pylist()}
    bought: dict[str, datetime] = {}
    for row in read(made[0], "completions").to_pylist():
        if row["purchased_at"] and row["participant_id"] in scheme:
            bought[row["participant_id"]] = min(
                bought.get(row["participant_id"], row["purchased_at"]), row["purchased_at"]
            )
    late = [who for who, at in bought.items() if (at.date() - scheme[who][1]).days > scheme[who][0].purchase_days]
    assert len(late) == made[1].faults["late_purchase"] > 0
    answered = read(made[0], "surveys").to_pylist()
    numbers = Counter((scheme[row["participant_id"]][0].surveys, row["number"]) for row in answered)
    assert set(numbers) == {(3, 1), (3, 2), (3, 3), (2, 1), (2, 2)}


def test_rows_that_must_be_quarantined_bear_ids_of_their_own(made: tuple[Path, Summary]) -> None:
    rows = read(made[0], "completions").to_pylist()
    kinds = Counter("no_key" if row["completion_id"] is None else row["completion_id"].split("-")[1] for row in rows)
    faults = made[1].faults
    assert {kind: kinds[kind] for kind in ("no_key", "rating_out_of_range", "conflicting_record")} == {
        kind: faults[kind] for kind in ("no_key", "rating_out_of_range", "conflicting_record")
    }
    assert sum(row["rating"] == 9 for row in rows) == faults["rating_out_of_range"]


def test_text_formats_carry_the_same_people(made: tuple[Path, Summary], tmp_path: Path) -> None:
    for form in ("csv", "jsonl"):
        generate(tmp_path / form, PEOPLE, seed=1, fmt=form, block_people=1_000)  # type: ignore[arg-type]
    expected = read(made[0], "participants").select(["participant_id", "nik", "name"]).to_pylist()
    text = pacsv.ConvertOptions(column_types={"nik": pa.string()})
    files = sorted((tmp_path / "csv").glob("participants-*.csv"))
    from_csv = pa.concat_tables([pacsv.read_csv(path, convert_options=text) for path in files])
    assert from_csv.select(["participant_id", "nik", "name"]).to_pylist() == expected
    lines = [
        line
        for path in sorted((tmp_path / "jsonl").glob("participants-*.jsonl"))
        for line in path.open(encoding="utf-8")
    ]
    assert [{key: json.loads(line)[key] for key in ("participant_id", "nik", "name")} for line in lines] == expected
    assert json.loads(lines[0])["status_at"] == "2020-04-17T09:00:00+07:00"


def test_only_text_formats_have_instants_without_an_offset(made: tuple[Path, Summary], tmp_path: Path) -> None:
    summary = generate(tmp_path / "csv", PEOPLE, seed=1, fmt="csv", block_people=1_000)
    lines = [line for path in (tmp_path / "csv").glob("completions-*.csv") for line in path.open(encoding="utf-8")]
    assert sum("X-no_offset-" in line for line in lines) == summary.faults["no_offset"] > 0
    assert made[1].faults["no_offset"] == 0


def test_another_month_moves_every_day_alike(made: tuple[Path, Summary], tmp_path: Path) -> None:
    generate(tmp_path / "later", PEOPLE, seed=1, period="2021-12", block_people=1_000)
    later, now = (read(folder, "participants").column("accepted_on") for folder in (tmp_path / "later", made[0]))
    assert set(pc.days_between(now, later).to_pylist()) == {365}


def test_a_folder_in_use_is_refused(made: tuple[Path, Summary]) -> None:
    with pytest.raises(WrongUsage, match="not empty"):
        generate(made[0], 10, seed=1)


def test_progress_is_told_after_every_block(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    generate(tmp_path / "drop", 25, seed=1, progress=lambda done, total: told.append((done, total)), block_people=10)
    assert told == [(10, 25), (20, 25), (25, 25)]
