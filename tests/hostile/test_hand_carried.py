"""What a bank's answer may be when somebody carries it in by hand: kept, said, and never the end of the work."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lib.commands import PERIOD, Salur, new_home

NOT_OURS = """<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.03"><CstmrPmtStsRpt>
<GrpHdr><MsgId>B1</MsgId><CreDtTm>2020-07-01T09:00:00</CreDtTm></GrpHdr>
<OrgnlGrpInfAndSts><OrgnlMsgId>NOT-OURS</OrgnlMsgId><OrgnlMsgNmId>pain.001</OrgnlMsgNmId></OrgnlGrpInfAndSts>
<OrgnlPmtInfAndSts><OrgnlPmtInfId>NOT-OURS</OrgnlPmtInfId><TxInfAndSts><OrgnlEndToEndId>NOTOURS00000001</OrgnlEndToEndId>
<TxSts>RJCT</TxSts></TxInfAndSts></OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>"""
LAUGHS = "".join(f'<!ENTITY b{n} "{f"&b{n - 1};" * 10}">' for n in range(1, 10))
NESTED = f'<?xml version="1.0"?><!DOCTYPE Document [<!ENTITY b0 "ha">{LAUGHS}{" " * 10_000_000}]>' + NOT_OURS.replace(
    "RJCT", "&b9;"
)


@pytest.fixture(scope="module")
def salur(tmp_path_factory: pytest.TempPathFactory) -> Salur:
    """A home in which nothing has been paid."""
    return new_home(tmp_path_factory.mktemp("carried") / "home")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("empty.xml", b""),
        ("page.html", b"<html><body>Masuk</body></html>"),
        ("text.xml", b"Yth. Bapak/Ibu, terlampir laporan."),
        ("nested.xml", NESTED.encode()),
        ("cut.xml", NOT_OURS.encode()[:400]),
        ("zeros.xml", b"\0" * 4096),
        ("=HYPERLINK(1).xml", b"PK\x03\x04"),
    ],
)
def test_what_is_no_answer_is_kept_and_set_aside_with_its_reason(
    salur: Salur, tmp_path: Path, name: str, data: bytes
) -> None:
    (tmp_path / name).write_bytes(data)
    (told,) = salur.ask("receive", tmp_path / name, "--bank", "bni")["files"]
    assert (told["state"], bool(told["reason"])) == ("quarantined", True)
    (again,) = salur.ask("receive", tmp_path / name, "--bank", "bni")["files"]
    assert again["state"] == "repeated"


def test_an_answer_about_a_payment_that_is_not_ours_is_a_break_and_moves_nothing(salur: Salur, tmp_path: Path) -> None:
    (tmp_path / "answer.xml").write_text(NOT_OURS)
    assert salur.ask("receive", tmp_path / "answer.xml", "--bank", "bni")["files"][0]["state"] == "taken"
    assert salur.ask("reconcile", "--period", PERIOD)["breaks"]["unknown_to_us"] == 1


@pytest.mark.parametrize("path", ["gone.xml", ".", "/dev/zero"])
def test_what_is_no_file_is_refused(salur: Salur, tmp_path: Path, path: str) -> None:
    answer = salur("receive", tmp_path / path, "--bank", "bni")
    assert (answer.code, "Traceback" in answer.err) == (10, False)
