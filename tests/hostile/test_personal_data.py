"""Personal data is nowhere in clear but in the files for the bank: not on the screen, in exports, the report, or at rest.

One cycle is run with people whose NIK, KK, names and accounts appear nowhere else; then everything is searched for them.
"""

from __future__ import annotations

import csv
import re
import zipfile
from pathlib import Path

import pytest

from tests.lib.commands import PERIOD, Answer, Salur, new_home
from tests.lib.small_drop import Tables, people, write_drop
from treasury.exports import TABLES

pytestmark = pytest.mark.slow  # plays a whole cycle

NAMES = [f"RAHASIA SEKALI{chr(65 + n)}" for n in range(6)]
OWNERS = [f"RAHASIA PEMILIK{chr(65 + n)}" for n in range(2)]
NIKS = [f"317405550188990{n}" for n in range(6)]
CARDS = [f"317405440377880{n}" for n in range(6)]
ACCOUNTS = [f"771188220{n}" for n in range(6)]
PHONES = ["081277665544", "6281288776655"]
SECRETS = [*NAMES, *OWNERS, *NIKS, *CARDS, *ACCOUNTS, *PHONES]


def tables() -> Tables:
    """Six people: four good ones, one with another owner's account and one whose rows contradict each other."""
    made = people(6, channels=("bni",))
    for n, (person, account) in enumerate(zip(made["participants"], made["accounts"], strict=True)):
        person.update(nik=NIKS[n], kk=CARDS[n], name=NAMES[n])
        account.update(owner_nik=NIKS[n], owner_name=NAMES[n], account_number=ACCOUNTS[n])
    made["accounts"][4].update(owner_name=OWNERS[0], owner_nik=NIKS[5])
    made["participants"].append({**made["participants"][5], "name": OWNERS[1]})
    made["blocklist"] = [{"nik": NIKS[3], "source": "contoh", "reason": "contoh"}]
    return made


BROKEN_ROWS = f"""participant_id,nik,kk,name,accepted_on
P90,{NIKS[0]},{CARDS[0]},{NAMES[0]}
P91,{NIKS[1]},{CARDS[1]},{NAMES[1]},2020-02-30
,{NIKS[2]},{CARDS[2]},{NAMES[2]},
{"x" * 300},{NIKS[3]},{CARDS[3]},{NAMES[3]},2020-05-04
P92,{NIKS[4]},{CARDS[4]},{NAMES[4]}\x00,
"""
DAMAGED = BROKEN_ROWS + f'P93,{NIKS[5]},{CARDS[5]},"{NAMES[5]},\n'
BANK_SAYS = f"""<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.03"><CstmrPmtStsRpt>
<GrpHdr><MsgId>B1</MsgId><CreDtTm>2020-07-01T09:00:00</CreDtTm></GrpHdr>
<OrgnlGrpInfAndSts><OrgnlMsgId>{NAMES[2]} {PHONES[0]}</OrgnlMsgId><OrgnlMsgNmId>pain.001</OrgnlMsgNmId>
<StsRsnInf><Rsn><Prtry>UNTUK {NAMES[3]}</Prtry></Rsn></StsRsnInf></OrgnlGrpInfAndSts>
<OrgnlPmtInfAndSts><OrgnlPmtInfId>{ACCOUNTS[2]}</OrgnlPmtInfId>
<TxInfAndSts><OrgnlEndToEndId>NOTOURS00000001</OrgnlEndToEndId>
<TxSts>RJCT</TxSts><StsRsnInf><Rsn><Cd>BE01</Cd></Rsn><AddtlInf>{NAMES[0]} {ACCOUNTS[0]} {NIKS[0]}</AddtlInf></StsRsnInf>
<OrgnlTxRef><Cdtr><Nm>{NAMES[1]}</Nm></Cdtr><CdtrAcct><Id><Othr><Id>{ACCOUNTS[1]}</Id></Othr></Id></CdtrAcct></OrgnlTxRef>
</TxInfAndSts><TxInfAndSts><OrgnlEndToEndId>{PHONES[0]}</OrgnlEndToEndId><TxSts>TOLAK {NAMES[5]}</TxSts></TxInfAndSts>
</OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>"""
ABOUT_OURS = """<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.03"><CstmrPmtStsRpt>
<GrpHdr><MsgId>B2</MsgId><CreDtTm>2020-07-01T09:00:00</CreDtTm></GrpHdr>
<OrgnlGrpInfAndSts><OrgnlMsgId>{message_id}</OrgnlMsgId><OrgnlMsgNmId>pain.001</OrgnlMsgNmId></OrgnlGrpInfAndSts>
<OrgnlPmtInfAndSts><OrgnlPmtInfId>{payment_information_id}</OrgnlPmtInfId><TxInfAndSts>
<OrgnlEndToEndId>{end_to_end_id}</OrgnlEndToEndId><TxSts>RJCT</TxSts>
<StsRsnInf><Rsn><Prtry>REK A.N. {name}</Prtry></Rsn></StsRsnInf></TxInfAndSts></OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>"""
STATEMENT = f"""<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt>
<GrpHdr><MsgId>S1</MsgId><CreDtTm>2020-07-02T09:00:00</CreDtTm></GrpHdr><Stmt><Id>S {NAMES[4]}</Id>
<CreDtTm>2020-07-02T09:00:00</CreDtTm><Acct><Id><Othr><Id>0000000901</Id></Othr></Id></Acct>
<Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy="IDR">600000</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2020-07-01</Dt></Dt></Bal>
<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="IDR">0</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2020-07-01</Dt></Dt></Bal>
<Ntry><Amt Ccy="IDR">600000</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>2020-07-01</Dt></BookgDt>
<AcctSvcrRef>TRF {NAMES[5]}</AcctSvcrRef><NtryDtls><TxDtls><Refs><AcctSvcrRef>{PHONES[1]}</AcctSvcrRef>
<EndToEndId>{PHONES[1]}</EndToEndId></Refs><RtrInf><Rsn><Prtry>{NAMES[3]}</Prtry></Rsn></RtrInf></TxDtls></NtryDtls></Ntry>
</Stmt></BkToCstmrStmt></Document>"""


def about_ours(salur: Salur, root: Path) -> Path:
    """A refusal of one payment that was sent, whose reason names its recipient."""
    salur("export", "instructions", "--out", root / "sent.csv")
    with (root / "sent.csv").open(newline="") as rows:
        first = next(csv.DictReader(rows))
    (root / "refused.xml").write_text(ABOUT_OURS.format(**first, name=NAMES[0]))
    return root / "refused.xml"


@pytest.fixture(scope="module", name="cycle")
def one_cycle(tmp_path_factory: pytest.TempPathFactory) -> tuple[Salur, list[Answer], Path]:
    """The home, what every command said, and the folder of exports."""
    root = tmp_path_factory.mktemp("secret")
    salur = new_home(root / "home")
    broken, damaged = root / "broken", root / "damaged"
    for folder, text in ((broken, BROKEN_ROWS), (damaged, DAMAGED)):
        folder.mkdir()
        (folder / "participants.csv").write_text(text)
    for name, text in (("answer.xml", BANK_SAYS), ("statement.xml", STATEMENT)):
        (root / name).write_text(text)
    shown = [
        salur("intake", "--source", write_drop(root / "drop", tables())),
        salur("intake", "--source", broken),
        salur("intake", "--source", damaged),
        salur("entitle", "--period", PERIOD),
        salur("instruct", "--period", PERIOD, "--as", "siti"),
        salur("batches", "--json"),
    ]
    salur.release_all()
    shown += [
        salur("submit", "--to", root / "for-the-bank", "--json"),
        *(salur("receive", root / name, "--bank", "bni", "--json") for name in ("answer.xml", "statement.xml")),
        salur("receive", about_ours(salur, root), "--bank", "bni", "--json"),
        salur("reconcile", "--period", PERIOD, "--json"),
        salur("report", "--period", PERIOD, "--out", root / "out" / "report"),
        *(salur("explain", f"CONTOH{n:04}", "--json") for n in range(1, 7)),
        salur("exceptions", "list", "--json"),
        salur("status", "--json"),
        *(salur("export", table, "--out", root / "out" / f"{table}.csv") for table in TABLES),
    ]
    return salur, shown, root


def found_in(data: bytes) -> list[str]:
    """The secrets that stand in `data`."""
    return [secret for secret in SECRETS if secret.encode() in data]


def test_the_cycle_ran_and_set_rows_aside_so_that_there_was_something_to_leak(
    cycle: tuple[Salur, list[Answer], Path],
) -> None:
    salur, shown, root = cycle
    assert [answer.code for answer in shown if answer.code] == [10]  # the damaged drop
    assert (root / "out" / "quarantine.csv").read_text().count("\n") == 1 + 2 + 5
    assert salur.batches()[0]["transaction_count"] == 3
    (sent,) = (path for path in (root / "for-the-bank").iterdir())
    assert set(found_in(sent.read_bytes())) == {*NAMES[:3], *ACCOUNTS[:3]}


def test_what_a_bank_wrote_where_codes_and_references_belong_is_shown_as_a_digest_and_still_looked_into(
    cycle: tuple[Salur, list[Answer], Path],
) -> None:
    with (cycle[2] / "out" / "breaks.csv").open(newline="") as rows:
        found = [(row["kind"], row["found"]) for row in csv.DictReader(rows)]
    assert "unknown_code" in [kind for kind, words in found if re.fullmatch("#[0-9a-f]{12}/[0-9]+", words)]
    strangers = [words for kind, words in found if kind == "unknown_to_us"]
    assert len(strangers) == 2
    assert all(re.search("#[0-9a-f]{12}/[0-9]+", words) for words in strangers)
    with (cycle[2] / "out" / "responses.csv").open(newline="") as rows:
        assert {"BE01", ""} < {row["reason_code"] for row in csv.DictReader(rows)}


def test_no_command_shows_personal_data(cycle: tuple[Salur, list[Answer], Path]) -> None:
    for answer in cycle[1]:
        assert not found_in(f"{answer.out}{answer.err}".encode())


def test_no_export_and_no_report_holds_personal_data(cycle: tuple[Salur, list[Answer], Path]) -> None:
    for path in (cycle[2] / "out").rglob("*"):
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as pack:
                assert not [name for name in pack.namelist() if found_in(pack.read(name))]
        elif path.is_file():
            assert not found_in(path.read_bytes()), path.name


def test_nothing_at_rest_holds_personal_data_in_clear(cycle: tuple[Salur, list[Answer], Path]) -> None:
    kept = [path for path in cycle[0].home.rglob("*") if path.is_file()]
    assert {"ledger.db", "master.key"} <= {path.name for path in kept}
    assert not [path.name for path in kept if found_in(path.read_bytes())]


def test_what_was_set_aside_can_be_opened_with_the_key_and_holds_the_row(
    cycle: tuple[Salur, list[Answer], Path],
) -> None:
    from ledger import queries
    from treasury.house import open_house

    house = open_house(cycle[0].home)
    with house.store.reading() as connection:
        rows = queries.whole(connection, "quarantine").to_pylist()
    of_file = [row for row in rows if row["reason"] != "conflicting_record"]
    opened = b"".join(house.keys.unseal(f"quarantine:{row['table']}", row["raw_sealed"]) for row in of_file)
    assert set(found_in(opened)) == {*NAMES[:5], *NIKS[:5], *CARDS[:5]}
