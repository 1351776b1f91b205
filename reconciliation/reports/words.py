"""How a report writes: every text in Indonesian with English beside it, figures and dates as Indonesian offices write them."""

import re
from dataclasses import dataclass
from datetime import date, datetime

from markupsafe import Markup, escape

from schemas import codes
from schemas.zone import JAKARTA

_MONTHS = {
    "id": "Januari Februari Maret April Mei Juni Juli Agustus September Oktober November Desember".split(),
    "en": "January February March April May June July August September October November December".split(),
}


@dataclass(frozen=True)
class Text:
    """One text in both languages. In HTML both are there, and the page's style shows one."""

    id: str
    en: str

    def __html__(self) -> Markup:
        if self.id == self.en:
            return escape(self.id)
        return Markup('<span lang="id">{}</span><span lang="en">{}</span>').format(self.id, self.en)


def count(number: int) -> str:
    """`1.234.567`: thousands parted by dots."""
    return f"{number:,}".replace(",", ".")


def percent(part: int, whole: int) -> str:
    """`12,3 %` of the whole, rounded half up in whole numbers; a share of nothing is a dash."""
    if whole <= 0:
        return "–"
    tenths = (part * 2000 + whole) // (2 * whole)
    return f"{tenths // 10},{tenths % 10} %"


def on(day: date) -> Text:
    """A date in words: `31 Desember 2020`."""
    return Text(*(f"{day.day} {_MONTHS[tongue][day.month - 1]} {day.year}" for tongue in ("id", "en")))


def instant(at: datetime) -> Text:
    """An instant in Jakarta's time: `31 Desember 2020 23.59 WIB`."""
    local = at.astimezone(JAKARTA)
    day = on(local.date())
    return Text(f"{day.id} {local:%H.%M} WIB", f"{day.en} {local:%H:%M} WIB")


def short_instant(at: datetime) -> str:
    """An instant for tables: `2020-12-31 23:59`, in Jakarta's time."""
    return f"{at.astimezone(JAKARTA):%Y-%m-%d %H:%M}"


def month(period: str) -> Text:
    """A period in words: `Desember 2020`."""
    year, number = period.split("-")
    return Text(*(f"{_MONTHS[tongue][int(number) - 1]} {year}" for tongue in ("id", "en")))


DECISIONS = {
    "due": Text("jatuh tempo", "due"),
    "held": Text("ditahan", "held"),
    "not_due": Text("belum berhak dibayar", "not due"),
    "lapsed": Text("hangus, kembali ke kas negara", "lapsed, back to the treasury"),
    "complete": Text("semua tahap sudah diinstruksikan", "all tranches instructed"),
}

STATES = {
    "drafted": Text("disusun", "drafted"),
    "released": Text("dilepas", "released"),
    "submitted": Text("dikirim, belum dijawab", "sent, not answered"),
    "unknown": Text("belum diketahui", "unknown"),
    "accepted": Text("diterima bank", "accepted"),
    "debited": Text("didebit", "debited"),
    "credited": Text("dikreditkan", "credited"),
    "rejected": Text("ditolak", "rejected"),
    "returned": Text("retur", "returned"),
    "withdrawn": Text("dibatalkan sebelum dikirim", "withdrawn before sending"),
    "never_arrived": Text("tidak pernah sampai", "never arrived"),
}

OCCUPATIONS = {
    "unemployed": Text("tidak bekerja", "unemployed"),
    "employee": Text("karyawan", "employee"),
    "business_owner": Text("pelaku usaha", "business owner"),
}

REMEDIES = {
    "fix_account": Text("peserta memperbaiki rekening", "participant mends the account"),
    "retry_later": Text("diulang dengan data sama", "again later, same data"),
    "stop_file": Text("berkas dihentikan, bendahara bertindak", "stop the file, treasury acts"),
    "find_earlier": Text("cari pembayaran terdahulu", "look for the earlier payment"),
    "hold_for_person": Text("ditahan untuk diperiksa petugas", "hold for a person"),
    "review": Text("ditinjau petugas", "a person reviews"),
}

CODES = {
    "AB01": Text("batas waktu kliring terlampaui", "aborted, clearing timeout"),
    "AB05": Text("batas waktu bank penerima terlampaui", "timeout at the creditor's bank"),
    "AB06": Text("batas waktu bank perantara terlampaui", "timeout at an instructed bank"),
    "AB08": Text("bank penerima tidak tersambung", "creditor's bank offline"),
    "AB09": Text("kesalahan di bank penerima", "error at the creditor's bank"),
    "AB10": Text("kesalahan di bank perantara", "error at an instructed bank"),
    "AC01": Text("nomor rekening salah", "account number wrong"),
    "AC02": Text("rekening pembayar tidak sah", "debtor account invalid"),
    "AC03": Text("nomor rekening penerima tidak sah", "creditor account number invalid"),
    "AC04": Text("rekening ditutup", "account closed"),
    "AC05": Text("rekening pembayar ditutup", "debtor account closed"),
    "AC06": Text("rekening diblokir", "account blocked"),
    "AC07": Text("rekening penerima ditutup", "creditor account closed"),
    "AC14": Text("jenis rekening tidak sah", "account type invalid"),
    "AG01": Text("transaksi tidak diizinkan pada rekening ini", "transaction forbidden on this account"),
    "AM02": Text("melebihi jumlah maksimum", "above the maximum"),
    "AM04": Text("dana pembayar kurang", "payer's funds short"),
    "AM05": Text("ganda", "duplicate"),
    "AM07": Text("dana diblokir", "funds blocked"),
    "AM10": Text("jumlah kontrol tidak sah", "control sum invalid"),
    "AM13": Text("melebihi batas sistem kliring", "above the clearing's limit"),
    "AM14": Text("melebihi batas yang disepakati", "above the agreed limit"),
    "AM18": Text("jumlah transaksi tidak sah", "number of transactions invalid"),
    "AM19": Text("jumlah transaksi tidak sah", "number of transactions invalid"),
    "AM21": Text("melebihi batas bulanan", "above the period's limit"),
    "BE01": Text("pemilik tidak sesuai dengan rekening", "owner does not fit the account"),
    "BE06": Text("penerima tidak dikenal", "recipient unknown"),
    "BE22": Text("nama penerima tidak ada", "recipient's name missing"),
    "CNOR": Text("bank penerima tidak terdaftar", "creditor's bank not registered"),
    "DS0B": Text("tanda tangan tidak sah", "signature invalid"),
    "DS0D": Text("tanda tangan tidak sah", "signature invalid"),
    "DT01": Text("tanggal tidak sah", "date invalid"),
    "DU01": Text("nomor pesan ganda", "message reference used before"),
    "DU02": Text("nomor kelompok ganda", "payment information used before"),
    "DU03": Text("transaksi ganda", "transaction given twice"),
    "DU04": Text("nomor referensi ganda", "end-to-end reference used before"),
    "DU05": Text("nomor instruksi ganda", "instruction reference used before"),
    "DUPL": Text("pembayaran ganda", "duplicate payment"),
    "ED05": Text("setelmen gagal", "settlement failed"),
    "ED06": Text("setelmen tidak tersedia", "settlement not available"),
    "FF01": Text("format berkas tidak sah", "file format invalid"),
    "FF10": Text("gangguan teknis bank", "technical trouble at the bank"),
    "FR01": Text("penipuan", "fraud"),
    "FRAD": Text("dugaan penipuan", "suspected fraud"),
    "MD07": Text("penerima meninggal", "recipient deceased"),
    "MS02": Text("tanpa alasan, dari penerima", "no reason given, by the recipient"),
    "MS03": Text("tanpa alasan, dari bank", "no reason given, by the bank"),
    "NARR": Text("alasan dalam teks bebas", "reason in free text"),
    "NOAS": Text("penerima tidak menjawab", "no answer from the recipient"),
    "NOCM": Text("belum KYC", "not compliant (KYC)"),
    "RC04": Text("bank penerima salah", "recipient's bank wrong"),
    "RF01": Text("nomor referensi tidak unik", "reference not unique"),
    "RR04": Text("alasan peraturan", "regulatory reason"),
    "TM01": Text("lewat batas waktu", "after the cut-off time"),
    "UCRD": Text("penerima tidak dikenal", "recipient unknown"),
}
"""ISO 20022 codes that have a remedy, in words; one that is not here stands as its code alone."""


BENEFITS = {
    code: Text(indonesian.capitalize(), english.capitalize()) for code, (indonesian, english) in codes.BENEFITS.items()
}
"""Each benefit's name."""


def natural(text: str) -> list[tuple[int, str]]:
    """A sorting key under which SK-2 comes before SK-10."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"([0-9]+)", text)]


def named(words: dict[str, Text], code: str) -> Text:
    """The words of a code, or the code itself."""
    return words.get(code) or Text(code, code)


REISSUES = {verdict: Text(*texts) for verdict, texts in codes.REISSUES.items()}
"""What follows an attempt that ended without paying."""

STAGES = {
    "entitled": Text("hak → instruksi", "entitlement → instruction"),
    "first_attempts": Text("percobaan pertama → hak", "first attempt → entitlement"),
    "reissues": Text("percobaan berikut → hak", "later attempt → entitlement"),
    "ended": Text("berakhir tanpa bayar → tindak lanjut", "ended without paying → what follows"),
    "batched": Text("instruksi → kelompok pembayaran", "instruction → batch"),
    "released": Text("kelompok pembayaran → pelepasan", "batch → release"),
    "file_total": Text("kepala berkas → isi berkas", "file header → file details"),
    "outcome": Text("terkirim → hasil, per berkas", "sent → outcome, by file"),
    "outcome_of_bank": Text("terkirim → hasil, per mitra", "sent → outcome, by bank"),
    "outcome_of_period": Text("terkirim → hasil, periode", "sent → outcome, period"),
    "journal": Text("jurnal → keadaan instruksi", "journal → state of instructions"),
    "statement": Text("saldo rekening koran", "statement balances"),
    "statement_debits": Text("rekening koran: debit", "statement: debits"),
    "statement_credits": Text("rekening koran: kredit", "statement: credits"),
    "sent_back": Text("dana kembali → penolakan dan retur", "sent back → rejects and returns"),
}

EQUATIONS = {
    "entitled": "jatuh tempo = diinstruksikan + dibatalkan + tidak diinstruksikan + diputuskan sejak instruksi terakhir",
    "first_attempts": "percobaan pertama yang tidak dibatalkan = di antaranya yang jatuh tempo",
    "reissues": "percobaan berikut yang tidak dibatalkan = di antaranya yang jatuh tempo, atau jatuh tempo lagi",
    "ended": "berakhir tanpa bayar = diminta lagi + menunggu + pada petugas + hangus + dinyatakan dibayar + belum diputuskan",
    "batched": "diinstruksikan = masuk kelompok pembayaran",
    "released": "kelompok pembayaran = dilepas + menunggu + dibatalkan",
    "file_total": "jumlah kontrol berkas = jumlah instruksinya",
    "outcome": "terkirim = dikreditkan + didebit + diterima + berjalan/belum dijawab + ditolak + retur + belum diketahui",
    "journal": "saldo akun di jurnal = instruksi yang berada di akun itu",
    "statement": "saldo awal + kredit − debit = saldo akhir",
    "statement_debits": "debit di rekening koran = debit menurut catatan kami + dalam selisih",
    "statement_credits": "kredit di rekening koran = dana kembali menurut catatan kami + dana masuk + dalam selisih",
    "sent_back": "pembukuan dana kembali = pembayaran dan berkas utuh yang berakhir demikian",
}
EQUATIONS |= dict.fromkeys(("outcome_of_bank", "outcome_of_period"), EQUATIONS["outcome"])
"""The equations of the proofs in Indonesian, by stage; the English wording is the proof's own."""

REPORTED = {
    "credited": Text("lapor: dikreditkan", "reported as credited"),
    "debited": Text("lapor: didebit", "reported as debited"),
    "accepted": Text("lapor: diterima", "reported as accepted"),
    "in_flight": Text("lapor: masih diproses", "reported as in process"),
    "rejected": Text("lapor: ditolak", "reported as rejected"),
    "silent": Text("belum ada laporan", "no report"),
}
BOOKED = {
    "debited": Text("didebit di rekening koran", "debited in statement"),
    "sent_back": Text("didebit, lalu kembali", "debited, then sent back"),
    "nothing": Text("belum ada mutasi", "no entry"),
}

SEVERITIES = {
    "critical": Text("kritis", "critical"),
    "high": Text("tinggi", "high"),
    "normal": Text("biasa", "normal"),
}
INBOUND_KINDS = {
    "status_report": Text("laporan status", "status report"),
    "statement": Text("rekening koran", "statement"),
    "notification": Text("nota debit/kredit", "notification"),
    "untold": Text("tidak dikenali", "not told"),
}
INBOUND_STATES = {
    "taken": Text("diterima", "taken"),
    "repeated": Text("sudah pernah diterima", "received before"),
    "quarantined": Text("dikarantina", "quarantined"),
}
CASE_STATES = {
    "open": Text("belum ada pemilik", "no owner yet"),
    "assigned": Text("dikerjakan", "in work"),
    "proposed": Text("menunggu orang kedua", "waits for a second person"),
    "approved": Text("disetujui dua orang", "approved by two people"),
    "closed": Text("tidak ditemukan lagi", "no longer found"),
}
CLAIM_STATES = {
    "proposed": Text("diusulkan, belum ditagih", "proposed, not owed yet"),
    "open": Text("ditagih", "owed"),
    "overdue": Text("lewat 60 hari", "overdue"),
    "repaid": Text("dikembalikan", "repaid"),
    "cancelled": Text("dibatalkan", "cancelled"),
}
"""Where a claim for money back stands."""

ACTS = {
    "hold": Text("menahan peserta", "hold"),
    "unhold": Text("mengakhiri penahanan", "end of hold"),
    "stop": Text("menghentikan pengiriman", "stop"),
    "resume": Text("melanjutkan pengiriman", "resume"),
    "assign": Text("menugaskan kasus", "assign a case"),
    "comment": Text("mencatat pada kasus", "comment on a case"),
    "resolve": Text("mengusulkan penyelesaian", "propose a resolution"),
    "resolve_paid": Text("mengusulkan penyelesaian: sudah dibayar", "propose a resolution: it was paid"),
    "resolve_not_paid": Text("mengusulkan penyelesaian: belum dibayar", "propose a resolution: it was not paid"),
    "approve": Text("menyetujui penyelesaian", "approve a resolution"),
    "refuse": Text("menolak penyelesaian", "refuse a resolution"),
    "close": Text("menutup kasus", "close a case"),
    "reopen": Text("membuka kembali kasus", "reopen a case"),
}
STEPS = {
    "intake": Text("penerimaan data", "intake"),
    "entitle": Text("keputusan", "entitlement"),
    "instruct": Text("instruksi", "instruction"),
    "collect": Text("pengambilan jawaban", "collection"),
    "receive": Text("penerimaan berkas", "file carried by hand"),
    "reconcile": Text("rekonsiliasi", "reconciliation"),
}
ACTIONS = {
    "stop": Text("menghentikan langkah", "stops the step"),
    "quarantine": Text("baris dikarantina", "sets rows aside"),
    "warn": Text("memperingatkan", "warns"),
}
SOURCES = {
    "participants": Text("peserta", "participants"),
    "accounts": Text("rekening", "accounts"),
    "trainings": Text("pelatihan", "trainings"),
    "completions": Text("penyelesaian pelatihan", "completions"),
    "blocklist": Text("daftar blokir", "blocklist"),
    "surveys": Text("survei", "surveys"),
    "allocations": Text("alokasi SK-PKP per peserta", "allocations by SK-PKP and person"),
}
QUARANTINED = {
    "missing_key": Text("kunci kosong", "the key column is empty"),
    "wrong_type": Text("nilai tidak terbaca sebagai jenis kolomnya", "a value cannot be read as its type"),
    "instant_without_offset": Text("waktu tanpa selisih UTC", "an instant without an offset from UTC"),
    "impossible_date": Text("tanggal yang tidak ada", "a date that does not exist"),
    "rating_out_of_range": Text("rating di luar 1–5", "a rating outside 1–5"),
    "price_invalid": Text("harga negatif atau berdesimal", "a price that is negative or has decimals"),
    "amount_invalid": Text("jumlah negatif atau berdesimal", "an amount that is negative or has decimals"),
    "conflicting_record": Text("rekaman yang saling bertentangan", "records that contradict each other"),
    "unreadable_row": Text("baris tidak dapat diurai", "a line that cannot be parted into columns"),
    "unknown_value": Text("nilai di luar daftar", "a value outside the column's list"),
}
RESOLVED_BY = {
    "missing_at_bank": "laporan status atau rekening koran yang menyebutnya, atau pernyataan tertulis bank",
    "unknown_to_us": "koreksi bank, atau bukti bahwa nomor referensi itu milik kami",
    "amount_differs": "koreksi bank atau mutasi tambahan sebesar selisihnya",
    "date_outside_window": "penjelasan bank yang disetujui orang kedua",
    "duplicate": "pembatalan mutasi kedua, atau pernyataan bank bahwa dilaporkan dua kali",
    "ambiguous": "nomor referensi bank yang membedakan calon pasangan",
    "contradiction": "pernyataan tertulis bank tentang jawaban yang berlaku",
    "unknown_code": "arti kode yang disepakati dengan bank",
    "accepted_not_debited": "rekening koran yang memuat debit, atau penolakan",
    "credited_not_debited": "rekening koran yang memuat debit, atau koreksi laporan bank",
    "debited_not_acknowledged": "laporan status yang belum ada",
    "statement_gap": "rekening koran yang hilang atau koreksinya",
    "statement_arithmetic": "rekening koran yang dikoreksi",
    "unreadable_file": "berkas yang terbaca dengan nama yang sama, atau keterangan bank tentang isinya",
    "statement_conflict": "pernyataan tertulis bank tentang rekening koran yang berlaku",
    "report_conflict": "pernyataan tertulis bank tentang laporan yang berlaku",
    "notified_not_stated": "rekening koran yang memuat pembukuan itu, atau keterangan bank bahwa tidak pernah dibukukan",
    "paid_twice": "pengembalian salah satu dari keduanya, atau keterangan bank bahwa salah satunya tidak pernah dibayar",
    "claimed_and_returned": "pembatalan tagihan oleh orang kedua, atau penyelesaian dana yang sudah dikembalikan peserta oleh dua orang",
    "totals_differ": "laporan yang dikoreksi",
    "reversed_not_debited": "rekening koran yang memuat debit",
    "rejected_not_reversed": "pengembalian di rekening koran, atau pernyataan bank bahwa telah dibayar",
}
"""What may close a break of each kind, in Indonesian; `reconciliation.breaks` has it in English."""
