"""The money as the report shows it: its figures at the period's end beside those at the report's moment, in words."""

from dataclasses import dataclass, replace

from ledger import money
from reconciliation.reports.facts import CycleFacts
from reconciliation.reports.figures import NOTHING, Equation, Line, Sum
from reconciliation.reports.money import ALL, FIGURES, NOT_SPLIT, UNKNOWN
from reconciliation.reports.words import Text, natural
from schemas.codes import ACCOUNTS

FIGURE_WORDS = {
    "allocated": Text(
        "Dialokasikan menurut SK-PKP, dengan bantuan pelatihan", "Allocated by SK-PKP, training aid included"
    ),
    "funded": Text("Diterima di rekening penampungan (SP2D)", "Received on the holding account (SP2D)"),
    "instructed": Text("Diinstruksikan", "Instructed"),
    "withdrawn": Text("Dibatalkan sebelum dikirim", "Withdrawn before sending"),
    "waiting": Text("Menunggu dilepas atau dikirim", "Waiting for release or sending"),
    "released": Text("Dilepas dengan persetujuan orang kedua", "Released by a second person"),
    "sent": Text("Dikirim ke mitra", "Sent to banks"),
    "in_transit": Text("Dalam perjalanan, masih diproses mitra", "In transit, in process at banks"),
    "debited": Text("Didebit, belum terbukti dikreditkan", "Debited, credit not proved"),
    "credited": Text("Dikreditkan ke peserta", "Credited to participants"),
    "rejected": Text("Ditolak", "Rejected"),
    "returned": Text("Retur", "Returned"),
    "owed_again": Text("Retur, belum dikirim lagi atau disetor", "Returned, neither sent again nor deposited"),
    "never_arrived": Text("Tidak pernah sampai", "Never arrived"),
    "committed": Text("Terikat: terbuka atau dibayar", "Committed: open or paid"),
    "held": Text("Ditahan oleh keputusan periode terakhir", "Held by the latest period's decisions"),
    "deposited": Text("Disetor ke kas negara dari dana", "Deposited to the treasury out of the funds"),
    "receivable": Text("Piutang peserta, belum dikembalikan", "Receivable from participants, not repaid"),
    "repaid": Text("Dikembalikan peserta", "Repaid by participants"),
    "repaid_deposited": Text("Pengembalian yang sudah disetor", "Repayments deposited to the treasury"),
    "in_account": Text(
        "Masih di rekening penampungan: diterima − dikreditkan − didebit − disetor",
        "Still in the holding account: received − credited − debited − deposited",
    ),
    "left_of_funds": Text(
        "Sisa dana: diterima − terikat − retur belum dikirim lagi − disetor",
        "Left of the funds: received − committed − returned, not sent again − deposited",
    ),
    "left_of_allocation": Text(
        "Sisa alokasi: dialokasikan − dikreditkan", "Left of the allocations: allocated − credited"
    ),
    "over_allocated": Text("Diminta di atas alokasi peserta", "Asked for beyond a person's allocation"),
    "untraced": Text("Terikat tanpa nomor dan baris SK-PKP", "Committed without number and line of an SK-PKP"),
}
EQUATION_WORDS = {
    "money_received": (
        Text("penerimaan → jurnal", "receipts → journal"),
        "penerimaan dengan koreksinya = yang diberikan pemberi dana menurut jurnal",
    ),
    "money_whereabouts": (
        Text("di mana dana berada", "where the money is"),
        "diterima + dikembalikan = kas + dalam perjalanan + didebit + dikreditkan + retur + belum disetor + disetor",
    ),
    "money_receivable": (
        Text("tagihan → jurnal", "claims → journal"),
        "ditagih − dikembalikan = piutang menurut jurnal",
    ),
    "money_deposited": (
        Text("setoran → jurnal", "deposits → journal"),
        "disetor ke kas negara = disetor menurut jurnal",
    ),
    "money_account": (
        Text("jurnal → keadaan, semua periode", "journal → states, all periods"),
        "saldo akun di jurnal = instruksi yang berada di akun itu",
    ),
    "money_batched": (
        Text("instruksi → kelompok, semua periode", "instructions → batches, all periods"),
        "diinstruksikan = menurut kelompok pembayaran",
    ),
    "money_committed": (
        Text("instruksi → akhirnya", "instructions → their ends"),
        "diinstruksikan − berakhir tanpa dibayar = terbuka atau dibayar",
    ),
}
DIMENSIONS = {
    "benefit": Text("Menurut manfaat", "By benefit"),
    "sk": Text("Menurut SK-PKP", "By SK-PKP"),
    "fiscal_year": Text("Menurut tahun anggaran", "By budget year"),
    "channel": Text("Menurut mitra pembayaran", "By bank and wallet"),
    "period": Text("Menurut periode", "By period"),
}
_KEYS = {
    "training_aid": Text("bantuan pelatihan", "training aid"),
    "incentive": Text("insentif", "incentive"),
    "survey": Text("insentif survei", "survey"),
    NOT_SPLIT: Text("belum dirinci", "not split"),
    UNKNOWN: Text("tidak diketahui", "not known"),
}
COLOURS = {
    "credited": "credited", "debited": "debited", "in_transit": "accepted", "waiting": "released", "rest": "track",
}  # fmt: skip
"""The colour of each part of the bar of the money received."""
_ALWAYS = ("instructed", "credited")

assert FIGURE_WORDS.keys() == set(FIGURES), "every figure has its words"


@dataclass(frozen=True)
class Part:
    """One benefit, decision, budget year, channel or period, with what stands side by side of it."""

    label: Text
    allocated: Sum
    funded: Sum
    released: Sum
    committed: Sum
    credited: Sum
    on_hold: Sum


def moments(facts: CycleFacts) -> list[tuple[Text, list[Line]]]:
    """The figures of all at each moment, earliest first; those that say nothing at any moment are left out."""
    rows = [row for row in facts.money.to_pylist() if row["dimension"] == ALL]
    said = {row["figure"] for row in rows if row["amount_idr"] or row["people_count"]} | set(_ALWAYS)
    found = []
    for known_at in sorted({row["known_at"] for row in rows}):
        here = {row["figure"]: _sum(row) for row in rows if row["known_at"] == known_at}
        is_now = known_at == facts.at
        label = Text("saat laporan", "at the report") if is_now else Text("akhir periode", "at the period's end")
        lines = [Line(f, FIGURE_WORDS[f], here.get(f, NOTHING)) for f in FIGURES if f in said and (f in here or is_now)]
        found.append((label, lines))
    return found if any(line.sum != NOTHING for _, lines in found for line in lines) else []


_APART = ("allocated", "funded", "released", "credited")
_BETWEEN = {
    "funded": Text("dialokasikan − diterima", "allocated − received"),
    "released": Text("diterima − dilepas", "received − released"),
    "credited": Text("dilepas − dikreditkan", "released − credited"),
}
_SHORT = {
    "allocated": Text("Dialokasikan (SK-PKP)", "Allocated (SK-PKP)"),
    "funded": Text("Diterima (SP2D)", "Received (SP2D)"),
    "released": Text("Dilepas", "Released"),
    "credited": Text("Dikreditkan", "Credited"),
}


def apart(facts: CycleFacts) -> list[tuple[Text, list[Line]]]:
    """What is easily taken for one another, at each moment: allocated, received, released, credited, each with what lies between it and
    the one before; nothing where nothing is known of them."""
    found = []
    for label, lines in moments(facts):
        known = {line.key: line.sum for line in lines}
        rows: list[Line] = []
        for before, figure in zip((None, *_APART), _APART, strict=False):
            if before is not None:
                between_idr = known.get(before, NOTHING).idr - known.get(figure, NOTHING).idr
                rows.append(Line(f"{before}_less_{figure}", _BETWEEN[figure], Sum(0, between_idr)))
            rows.append(Line(figure, _SHORT[figure], known.get(figure, NOTHING)))
        found.append((label, rows))
    return found


@dataclass(frozen=True)
class Balance:
    """One account of the journal in one period, bank and budget year (None: of none that is known), or in all of them; `is_first` of its part."""

    part: tuple[str | None, str | None, int | None] | None
    is_first: bool
    account: Text
    debits_idr: int
    credits_idr: int

    @property
    def balance_idr(self) -> int:
        """Debits less credits."""
        return self.debits_idr - self.credits_idr


def trial(facts: CycleFacts) -> list[Balance]:
    """The accounts of all parts together, then of each part, those that never moved left out."""
    rows = facts.trial_balance.to_pylist()
    sides: dict[str, tuple[int, int]] = {}
    for row in rows:
        debits, credits_ = sides.get(row["journal_account"], (0, 0))
        sides[row["journal_account"]] = debits + row["debits_idr"], credits_ + row["credits_idr"]
    found = [Balance(None, False, Text(*ACCOUNTS[name]), *sides[name]) for name in ACCOUNTS if name in sides]
    before = None
    for row in rows:
        part = row["period"], row["channel"], row["fiscal_year"]
        words = Text(*ACCOUNTS[row["journal_account"]])
        found.append(Balance(part, part != before, words, row["debits_idr"], row["credits_idr"]))
        before = part
    return [replace(each, is_first=place == 0 or each.is_first) for place, each in enumerate(found)]


def _sum(row: dict[str, int | None]) -> Sum:
    """People, or receipts where no people are counted, and rupiah."""
    people = row["people_count"]
    return Sum((row["transaction_count"] or 0) if people is None else people, row["amount_idr"] or 0)


def by_part(facts: CycleFacts) -> list[tuple[Text, list[Part]]]:
    """What stands side by side, part by part, at the report's moment."""
    cells: dict[str, dict[str, dict[str, Sum]]] = {}
    for row in facts.money.to_pylist():
        if row["known_at"] == facts.at and row["dimension"] in DIMENSIONS:
            cells.setdefault(row["dimension"], {}).setdefault(row["key"], {})[row["figure"]] = _sum(row)
    return [
        (
            title,
            [
                Part(_KEYS.get(key, Text(key, key)), *(sums.get(f, NOTHING) for f in _BESIDE))
                for key, sums in sorted(
                    cells[dimension].items(), key=lambda item: (item[0] == UNKNOWN, natural(item[0]))
                )
            ],
        )
        for dimension, title in DIMENSIONS.items()
        if dimension in cells
    ]


_BESIDE = ("allocated", "funded", "released", "committed", "credited", "held")


def bars(facts: CycleFacts) -> list[tuple[Text, list[tuple[str, int]], int, int]]:
    """For allocations and for receipts, at the report's moment: words, coloured parts, the bar's whole and its own rupiah."""
    now = {
        row["figure"]: row["amount_idr"]
        for row in facts.money.to_pylist()
        if row["known_at"] == facts.at and row["dimension"] == ALL
    }
    whole = max((now.get(figure, 0) for figure in ("allocated", "funded", "committed")), default=0)
    parts = [(COLOURS[f], now.get(f, 0)) for f in ("credited", "debited", "in_transit", "waiting")]
    return [
        (FIGURE_WORDS[figure], parts, max(whole, 1), now[figure]) for figure in ("allocated", "funded") if figure in now
    ]


def legend() -> list[tuple[str, Text]]:
    """The colours of `bars` in words."""
    rest = [("track", Text("sisa", "left over"))]
    return [(COLOURS[f], FIGURE_WORDS[f]) for f in ("credited", "debited", "in_transit", "waiting")] + rest


def equations(facts: CycleFacts) -> list[Equation]:
    """The equations between the records at each moment, those that do not hold first."""
    found = [
        Equation(
            EQUATION_WORDS[row["stage"]][0],
            f"{row['known_at']:%Y-%m-%d} {row['scope']}",
            Text(EQUATION_WORDS[row["stage"]][1], row["equation"]),
            Sum(row["left_count"], row["left_idr"]),
            Sum(row["right_count"], row["right_idr"]),
            row["holds"],
        )
        for row in facts.money_proofs.to_pylist()
    ]
    return sorted(found, key=lambda each: each.holds)


assert set(_ALWAYS) <= money.STATES_OF.keys(), "figures of instructions"
