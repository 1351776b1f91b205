"""What a bank's line may carry and must not be taken for an answer: each refused with a true reason, none read in part."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from xml.parsers import expat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from banks.formats import UnreadableFile, camt053, camt054, pain002
from banks.formats.reader import sniff
from schemas.errors import InputRejected

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:"
TRANSFER = "<TxInfAndSts><OrgnlEndToEndId>SYNTHETIC00001X</OrgnlEndToEndId><TxSts>RJCT</TxSts></TxInfAndSts>"
ENTRY = '<Ntry><Amt Ccy="IDR">1</Amt><CdtDbtInd>DBIT</CdtDbtInd></Ntry>'
GROUP = "<GrpHdr><MsgId>B</MsgId></GrpHdr><OrgnlGrpInfAndSts><OrgnlMsgId>M</OrgnlMsgId></OrgnlGrpInfAndSts>"


def report(inside: str = f"<OrgnlPmtInfAndSts>{TRANSFER}</OrgnlPmtInfAndSts>", namespace: str | None = None) -> str:
    """A status report of one transfer, or with other content."""
    declared = NAMESPACE + "pain.002.001.03" if namespace is None else namespace
    return f'<Document xmlns="{declared}"><CstmrPmtStsRpt>{GROUP}{inside}</CstmrPmtStsRpt></Document>'


def refusal(data: bytes) -> str:
    """Why the reader of status reports does not take `data`."""
    with pytest.raises(UnreadableFile) as refused:
        pain002.read(data)
    assert isinstance(refused.value, InputRejected)
    return refused.value.why


def test_the_report_that_the_others_are_made_from_is_read() -> None:
    assert pain002.read(report().encode()).responses["status"].to_pylist() == [None, None, "RJCT"]


@pytest.mark.parametrize(
    ("codes", "counts"),
    [
        (("TM01", "AM05"), "AM05"),  # refused as a duplicate: whatever else is wrong, it may be paid already
        (("AM05", "TM01"), "AM05"),
        (("AC04", "REKTUTUP"), "AC04"),  # a bank's own word beside the list's
        (("REKTUTUP", "AC04"), "AC04"),
        (("REKTUTUP", "SALAH"), "REKTUTUP"),
    ],
)
def test_of_several_reasons_that_counts_which_frees_least(codes: tuple[str, str], counts: str) -> None:
    reasons = "".join(f"<StsRsnInf><Rsn><Prtry>{code}</Prtry></Rsn></StsRsnInf>" for code in codes)
    told = report().replace("</TxSts>", f"</TxSts>{reasons}")
    read = pain002.read(told.encode()).responses.to_pylist()[-1]
    (other,) = set(codes) - {counts}
    assert (read["reason_code"], read["reason_text"]) == (counts, other)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2021-01-05T08:00:00+07:00", datetime(2021, 1, 5, 1, tzinfo=UTC)),
        ("2021-01-05T08:00:00.5Z", datetime(2021, 1, 5, 8, 0, 0, 500_000, tzinfo=UTC)),
        ("2021-01-05T08:00:00", datetime(2021, 1, 5, 1, tzinfo=UTC)),  # without an offset it is Jakarta's
    ],
)
def test_a_report_says_when_it_was_written(written: str, read: datetime) -> None:
    stamped = report().replace("<MsgId>B</MsgId>", f"<MsgId>B</MsgId><CreDtTm>{written}</CreDtTm>", 1)
    taken = pain002.read(stamped.encode())
    assert (taken.created_at, taken.findings) == (read, ())


@pytest.mark.parametrize(
    "written", ["yesterday", "2021-02-30T00:00:00", "0001-01-01T00:00:00", "9999-12-31T23:59:59-12:00"]
)
def test_a_report_with_an_impossible_time_is_read_without_it(written: str) -> None:
    stamped = report().replace("<MsgId>B</MsgId>", f"<MsgId>B</MsgId><CreDtTm>{written}</CreDtTm>", 1)
    taken = pain002.read(stamped.encode())
    assert (taken.created_at, taken.findings) == (None, ("a message's creation time is no instant (1)",))
    assert taken.responses["status"].to_pylist() == [None, None, "RJCT"]
    assert pain002.read(report().encode()).created_at is None


LAUGHS = '<?xml version="1.0"?>\n<!DOCTYPE Document [<!ENTITY a0 "ha">' + "".join(
    f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10)
)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b" \n\t ", "empty"),
        (b"hello", "does not begin as an XML document"),
        (b"%PDF-1.4 ...", "does not begin as an XML document"),
        (b"PK\x03\x04zip", "does not begin as an XML document"),
        (b"\x00" * 100, "does not begin as an XML document"),
        (b"<html><body>login</body></html>", "outermost element is not Document"),
        (report(namespace="urn:wrong").encode(), "names no ISO 20022 message"),
        (report(namespace=NAMESPACE + "camt.053.001.02").encode(), "It is a camt.053.001.02; expected is pain.002"),
        (report(namespace=NAMESPACE + "pain.002.001.02").encode(), "It is a pain.002.001.02; expected is pain.002"),
        (report(namespace=NAMESPACE + "other.002.001.03").encode(), "names no ISO 20022 message"),
        (report().encode()[:-12], "not well-formed XML: unclosed token"),
        (report().encode()[: -len("</Document>")], "not well-formed XML: no element found"),
        (report().encode() + b"<Document/>", "not well-formed XML: junk after document element"),
        (report().encode() + report().encode(), "not well-formed XML: junk after document element"),
        (report().encode() + b"\x00\x00", "not well-formed XML: not well-formed (invalid token)"),
        (report().replace("RJCT", "RJ\x01CT").encode(), "not well-formed XML: not well-formed (invalid token)"),
        (report().replace("RJCT", "&what;").encode(), "not well-formed XML: undefined entity"),
        (report().replace("RJCT", "\xe9").encode("latin-1"), "not well-formed XML: not well-formed (invalid token)"),
        (b"\xff\xfe" + report().encode("utf-16-le")[:-1], "not utf-16 from byte"),
        (
            f'<?xml version="1.0" encoding="EBCDIC-CP-US"?>{report()}'.encode(),
            "encoding ebcdic-cp-us, which is not read",
        ),
        (LAUGHS.encode() + b"]>" + report().replace("RJCT", "&a9;").encode(), "declares a document type or entities"),
        (b'<!DOCTYPE Document SYSTEM "file:///etc/passwd">' + report().encode(), "declares a document type"),
        (report("<OrgnlPmtInfAndSts/>").encode(), "1 elements OrgnlPmtInfAndSts, of which 0"),
        (report(TRANSFER).encode(), "1 elements TxInfAndSts, of which 0"),
        (
            report(f"<Wrap><OrgnlPmtInfAndSts>{TRANSFER}</OrgnlPmtInfAndSts></Wrap>").encode(),
            "elements OrgnlPmtInfAndSts",
        ),
        (report(GROUP).encode(), "2 elements OrgnlGrpInfAndSts"),
        (report().replace("CstmrPmtStsRpt", "CstmrCdtTrfInitn").encode(), "holds no CstmrPmtStsRpt"),
        (report().replace("<TxSts>RJCT</TxSts>", "<TxSts>RJCT</TxSts><TxSts>ACSC</TxSts>").encode(), "is repeated"),
    ],
)
def test_what_is_no_status_report_is_refused_with_its_reason(data: bytes, reason: str) -> None:
    assert reason in refusal(data)


ODD = [
    "<", ">", "&", "&amp;", "&#65;", "&#0;", "</", "/>", '"', " ", "\r", "\x0b", "\x7f", "\ufffe", "\ufffd", "\u2028", "]]>", "<!--",
    "<!-- x -->", "<![CDATA[x]]>", "<?x y?>", '<?xml version="1.0"?>', "<!DOCTYPE a>", "</Document>", "<Document>", "<a/>",
    "<a></a>", "<a>x</a>", "<a> </a>", '<a b="c" b="d">x</a>', '<a Ccy="IDR">x</a>', '<a Ccy="IDR" Ccy="IDR">x</a>', "<a:b>x</a:b>",
    "<1>x</1>", "<a >x</a >", "<a\n>x</a>", "< a>x</a>", "</TxSts>", "<TxInfAndSts>", "x",
]  # fmt: skip


@pytest.mark.parametrize(
    "odd", [token.encode() for token in ODD] + [b"\xe9", b"\xed\xa0\x80", b"\xc0\xaf", b"\xef\xbb\xbf"]
)
def test_wherever_something_odd_stands_what_is_read_is_what_expat_calls_well_formed(odd: bytes) -> None:
    whole = report().encode()
    borders = [found.start() + after for found in re.finditer(rb"[<>]", whole) for after in (0, 1)]
    for place in [*borders[::3], whole.index(b"RJCT") + 2, len(whole)]:
        data = whole[:place] + odd + whole[place:]
        try:
            pain002.read(data)
        except UnreadableFile:
            continue
        expat.ParserCreate().Parse(data, True)


def test_a_plain_file_is_read_as_one_that_says_the_same_with_comments() -> None:
    whole = report().replace("><", ">\n<").encode()
    commented = whole.replace(b"\n<TxSts>", b"<!-- <TxInfAndSts> -->\n<TxSts>")
    assert pain002.read(commented).responses.equals(pain002.read(whole).responses)


def test_ten_megabytes_of_nested_entities_are_refused_before_any_is_expanded() -> None:
    declarations = "".join(f'<!ENTITY b{n} "{"&a9;" * 100}">' for n in range(25_000))
    data = (LAUGHS + declarations + "]>" + report().replace("RJCT", "&b0;")).encode()
    assert len(data) > 10_000_000
    assert "declares a document type or entities" in refusal(data)


def test_a_hundred_thousand_elements_inside_one_another_end_in_a_refusal() -> None:
    nested = "<x>" * 100_000 + "</x>" * 100_000
    assert pain002.read(report(nested).encode()).responses.num_rows == 1
    assert "no element found" in refusal(report(nested).encode()[: -len("</CstmrPmtStsRpt></Document>")])


def test_a_doctype_hidden_behind_comments_and_instructions_is_seen() -> None:
    data = b"<?xml version='1.0'?><!-- x --><?y?>\n<!-- <Document> --><!DOCTYPE Document []>" + report().encode()
    assert "declares a document type" in refusal(data)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "iso-8859-1", "windows-1252"])
def test_a_report_in_another_encoding_that_it_declares_is_read(encoding: str) -> None:
    named = encoding.replace("-sig", "")
    text = f'<?xml version="1.0" encoding="{named}"?>\n' + report().replace("RJCT", "RJCT\xe9")
    assert pain002.read(text.encode(encoding)).responses["status"].to_pylist()[-1] == "RJCT\xe9"


def test_a_root_without_any_namespace_is_read_by_the_version_that_it_names_elsewhere() -> None:
    data = report().replace("xmlns=", "Xmlns=").encode()
    assert pain002.read(data).responses.num_rows == 3


def test_a_statement_cut_short_between_two_entries_is_not_read_as_a_shorter_one() -> None:
    whole = f'<Document xmlns="{NAMESPACE}camt.053.001.02"><BkToCstmrStmt><Stmt><Id>S</Id>{ENTRY * 3}</Stmt></BkToCstmrStmt></Document>'
    assert camt053.read(whole.encode()).entries.num_rows == 3
    for cut in (whole.index("</Stmt>"), whole.index("</BkToCstmrStmt>"), whole.index("</Document>")):
        with pytest.raises(UnreadableFile, match="not well-formed"):
            camt053.read(whole[:cut].encode())


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("<CdtDbtInd>DBIT</CdtDbtInd>", "", "neither debit nor credit"),
        ("DBIT", "debit", "neither debit nor credit"),
        ("<Id>S</Id>", "", "has no id"),
        ("<Id>S</Id>", "<Id>S</Id><Id>T</Id>", "states its statement id twice"),
        ("<Stmt>", "<Stmt/><Stmt>", "2 elements Stmt, of which 1"),
        ('<Amt Ccy="IDR">1</Amt><CdtDbtInd>DBIT</CdtDbtInd>', "", "1 elements Ntry, of which 0"),
        ("<Stmt>", "<Other><Stmt>", "not well-formed"),
        (f"<Stmt><Id>S</Id>{ENTRY}</Stmt>", "", "no statement"),
    ],
)
def test_a_statement_without_what_every_statement_has_is_refused(old: str, new: str, reason: str) -> None:
    inside = f"<GrpHdr><MsgId>M</MsgId></GrpHdr><Stmt><Id>S</Id>{ENTRY}</Stmt>".replace(old, new)
    data = f'<Document xmlns="{NAMESPACE}camt.053.001.02"><BkToCstmrStmt>{inside}</BkToCstmrStmt></Document>'
    with pytest.raises(UnreadableFile, match=reason):
        camt053.read(data.encode())


NOTIFICATION = f"<GrpHdr><MsgId>M</MsgId></GrpHdr><Ntfctn><Id>N</Id>{ENTRY}</Ntfctn>"


def notification(inside: str = NOTIFICATION, version: str = "camt.054.001.08") -> bytes:
    """A notification of one entry, or with other content."""
    message = f"<BkToCstmrDbtCdtNtfctn>{inside}</BkToCstmrDbtCdtNtfctn>"
    return f'<Document xmlns="{NAMESPACE}{version}">{message}</Document>'.encode()


@pytest.mark.parametrize("version", [f"camt.054.001.{number:02}" for number in range(2, 14)])
def test_a_notification_of_any_version_is_read(version: str) -> None:
    assert camt054.read(notification(version=version)).entries.num_rows == 1


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("<CdtDbtInd>DBIT</CdtDbtInd>", "", "neither debit nor credit"),
        ("<Id>N</Id>", "", "A notification has no id"),
        ("<Id>N</Id>", "<Id>N</Id><Id>O</Id>", "id twice"),
        ("<Ntfctn>", "<Ntfctn/><Ntfctn>", "2 elements Ntfctn, of which 1"),
        (f"<Ntfctn><Id>N</Id>{ENTRY}</Ntfctn>", "", "no notification"),
        (ENTRY, ENTRY + "<NtryDtls><TxDtls/></NtryDtls>", "1 elements TxDtls, of which 0"),
        (ENTRY, ENTRY + "<RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf>", "1 elements RtrInf, of which 0"),
        ("</Ntfctn>", "</Stmt>", "not well-formed"),
    ],
)
def test_a_notification_without_what_every_one_has_is_refused(old: str, new: str, reason: str) -> None:
    with pytest.raises(UnreadableFile, match=reason):
        camt054.read(notification(NOTIFICATION.replace(old, new)))


@pytest.mark.parametrize("version", ["camt.054.001.01", "camt.054.001.99", "camt.053.001.08"])
def test_what_is_no_notification_of_a_known_version_is_another_message(version: str) -> None:
    with pytest.raises(UnreadableFile, match=f"It is a {version}; expected is camt.054, versions 02 to 13"):
        camt054.read(notification(version=version))


@given(st.integers(0, len(NOTIFICATION)), st.integers(0, 40), st.binary(max_size=6))
def test_a_damaged_notification_is_refused_or_read_and_never_crashes(start: int, length: int, instead: bytes) -> None:
    whole = notification()
    try:
        told, reason = camt054.read(whole[:start] + instead + whole[start + length :]).entries.num_rows, ""
    except UnreadableFile as refused:
        told, reason = -1, refused.why
    assert 0 <= told <= 1 or reason


def test_a_refusal_never_repeats_what_stands_in_the_file() -> None:
    secret = "SITI RAHASIA 6281234567890"
    for data in (
        report().replace("RJCT", f"{secret}</TxSts><TxSts>x").encode(),
        report().replace("RJCT", f"{secret}&what;").encode(),
        report(TRANSFER.replace("SYNTHETIC00001X", secret)).encode(),
    ):
        with pytest.raises(UnreadableFile) as refused:
            pain002.read(data)
        assert "RAHASIA" not in str(refused.value)
        assert "628" not in str(refused.value)


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_bytes_of_any_kind_are_refused_or_told_apart_without_a_crash(data: bytes) -> None:
    assert sniff(data) is None
    with pytest.raises(UnreadableFile):
        pain002.read(data)


@given(st.integers(0, len(report())), st.integers(0, 40), st.binary(max_size=6))
def test_a_damaged_report_is_refused_or_read_and_never_crashes(start: int, length: int, instead: bytes) -> None:
    whole = report().encode()
    damaged = whole[:start] + instead + whole[start + length :]
    try:
        rows = pain002.read(damaged).responses.num_rows
    except UnreadableFile as refused:
        rows, reason = 0, refused.why
    else:
        reason = ""
    assert 1 <= rows <= 3 or (rows == 0 and reason)


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("pain.002.001.10", "status_report"),
        ("camt.053.001.08", "statement"),
        ("camt.054.001.08", "notification"),
        ("camt.052.001.08", None),
        ("pain.001.001.09", None),
    ],
)
def test_a_file_says_of_itself_what_it_is(message: str, kind: str | None) -> None:
    assert sniff(report(namespace=NAMESPACE + message).encode()) == kind
