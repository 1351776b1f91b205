"""Small hand-made pain.001 files for tests of the simulated banks: a template of its own, visibly synthetic people.

Every field that a test wants wrong is an argument; left alone, the file is right.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from simulator.descriptions import BankDescription


@dataclass(frozen=True)
class Pay:
    """One transfer of a hand-made file."""

    end_to_end_id: str
    amount: str = "600000"
    account: str = ""
    name: str = "CONTOH SINTETIS"
    currency: str = "IDR"
    agent: str | None = None
    remittance: str = "INSENTIF TAHAP 1 CONTOH"


def pays(count: int, start: int = 1) -> list[Pay]:
    """`count` transfers with end-to-end ids of their own."""
    return [Pay(f"SYNTHETIC{number:06}") for number in range(start, start + count)]


def payment_file(
    bank: BankDescription,
    transfers: Sequence[Pay],
    *,
    message_id: str = "MSG-1",
    created_at: str = "2020-05-04T00:00:00+07:00",
    execution_date: str = "2020-05-05",
    count: int | None = None,
    control_sum: str | None = None,
    block_count: int | None = None,
    block_sum: str | None = None,
    debtor_account: str | None = None,
    debtor_agent: str | None = None,
    message: str | None = None,
) -> bytes:
    """A pain.001 of the version that the bank expects, or of `message`."""
    message = message or bank.pain001
    modern = message != "pain.001.001.03"
    counted = len(transfers)
    summed = str(sum(int(pay.amount.partition(".")[0]) for pay in transfers))
    day = f"<Dt>{execution_date}</Dt>" if modern else execution_date
    rows = "".join(_transfer(bank, pay, modern) for pay in transfers)
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:{message}"><CstmrCdtTrfInitn>
<GrpHdr><MsgId>{message_id}</MsgId><CreDtTm>{created_at}</CreDtTm>
<NbOfTxs>{counted if count is None else count}</NbOfTxs><CtrlSum>{control_sum or summed}</CtrlSum>
<InitgPty><Nm>LEMBAGA CONTOH</Nm></InitgPty></GrpHdr>
<PmtInf><PmtInfId>{message_id}-P</PmtInfId><PmtMtd>TRF</PmtMtd><BtchBookg>true</BtchBookg>
<NbOfTxs>{counted if block_count is None else block_count}</NbOfTxs><CtrlSum>{block_sum or summed}</CtrlSum>
<ReqdExctnDt>{day}</ReqdExctnDt><Dbtr><Nm>LEMBAGA CONTOH</Nm></Dbtr>
<DbtrAcct><Id><Othr><Id>{debtor_account or bank.debtor_account}</Id></Othr></Id></DbtrAcct>
<DbtrAgt><FinInstnId>{_agent(bank, debtor_agent, modern)}</FinInstnId></DbtrAgt>
{rows}</PmtInf></CstmrCdtTrfInitn></Document>
""".encode()


def _transfer(bank: BankDescription, pay: Pay, modern: bool) -> str:
    account = pay.account or ("0000000001" if bank.kind == "bank" else "6281200000001")
    return (
        f"<CdtTrfTxInf><PmtId><InstrId>{pay.end_to_end_id}</InstrId><EndToEndId>{pay.end_to_end_id}</EndToEndId></PmtId>"
        f'<Amt><InstdAmt Ccy="{pay.currency}">{pay.amount}</InstdAmt></Amt>'
        f"<CdtrAgt><FinInstnId>{_agent(bank, pay.agent, modern)}</FinInstnId></CdtrAgt><Cdtr><Nm>{pay.name}</Nm></Cdtr>"
        f"<CdtrAcct><Id><Othr><Id>{account}</Id></Othr></Id></CdtrAcct>"
        f"<RmtInf><Ustrd>{pay.remittance}</Ustrd></RmtInf></CdtTrfTxInf>\n"
    )


def _agent(bank: BankDescription, agent: str | None, modern: bool) -> str:
    tag = "BICFI" if modern else "BIC"
    identifier = agent or bank.agent
    return f"<{tag}>{identifier}</{tag}>" if bank.kind == "bank" else f"<Othr><Id>{identifier}</Id></Othr>"
