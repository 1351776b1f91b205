"""What the workbook's sheets and columns are called, in both languages; a table or column that is not here bears its own name."""

from collections.abc import Mapping

from banks.profiles import profiles
from reconciliation.reports import money_shown, words
from reconciliation.reports.figures import AGE_BANDS
from reconciliation.reports.providers import UNKNOWN
from reconciliation.reports.words import Text
from schemas.codes import ACCOUNTS, BREAKS
from schemas.regions import PROVINCES


def _texts(lines: str) -> dict[str, Text]:
    """`name | Indonesian | English`, one a line."""
    rows = ([part.strip() for part in line.split("|")] for line in lines.strip().splitlines())
    return {name: Text(indonesian, english) for name, indonesian, english in rows}


SHEETS = _texts("""
figures | Semua angka | All figures
breakdown | Rincian | Breakdown
by_provider | Penyedia pelatihan | Training providers
by_platform | Platform | Platforms
by_training | Pelatihan | Trainings
decided | Keputusan, terhitung | Decisions, counted
paid | Instruksi, terhitung | Instructions, counted
trained_due | Jatuh tempo per pelatihan | Due by training
trained_paid | Instruksi per pelatihan | Instructions by training
standing | Instruksi semua periode | All periods
sides | Pencocokan tiga arah | Three-way match
totals | Total kendali | Control totals
decisions_people | SK-PKP | SK-PKP
funds | Dana diterima | Money received
money | Posisi dana | Money
money_proofs | Persamaan dana | Equations of the money
receivables | Piutang peserta | Receivables
deposits | Setoran ke kas negara | Deposits to the treasury
deposit_items | Retur yang disetor | Returns deposited
trial_balance | Neraca saldo | Trial balance
sk_differences | Beda SK-PKP | SK-PKP differences
proofs | Persamaan | Proofs
breaks | Selisih | Breaks
ended | Ditolak dan retur | Rejected, returned
batches | Kelompok pembayaran | Batches
consents | Persetujuan | Consents
acts | Tindakan manual | Manual acts
trainings | Daftar pelatihan | Catalogue
drops | Kiriman data | Source drops
drop_files | Berkas kiriman | Files of drops
policies | Kebijakan | Policies
blocklist | Daftar blokir | Blocklist
runs | Pelaksanaan langkah | Runs
checks | Pemeriksaan data | Data checks
quarantine | Karantina | Quarantine
files | Berkas ke mitra | Files to banks
inbound | Berkas dari mitra | Files from banks
balances | Saldo rekening koran | Statement balances
""")

COLUMNS = _texts("""
section | Bagian | Section
line | Baris | Line
label_id | Nama (Indonesia) | Name (Indonesian)
label_en | Nama (Inggris) | Name (English)
list_id | Daftar (Indonesia) | List (Indonesian)
list_en | Daftar (Inggris) | List (English)
scope | Lingkup | Scope
measure | Ukuran | Measure
count | Jumlah | Count
people | Jumlah | Count
amount_idr | Rupiah | Rupiah
due_people | Jatuh tempo | Due
due_idr | Rupiah jatuh tempo | Rupiah due
instructed_people | Diinstruksikan | Instructed
instructed_idr | Rupiah diinstruksikan | Rupiah instructed
sent_people | Terkirim | Sent
sent_idr | Rupiah terkirim | Rupiah sent
paid_people | Dikreditkan/didebit | Credited/debited
paid_idr | Rupiah tersalur | Rupiah paid
failed_people | Ditolak, retur | Rejected, returned
failed_idr | Rupiah ditolak, retur | Rupiah rejected, returned
open_people | Berjalan | Open
open_idr | Rupiah berjalan | Rupiah open
withdrawn_people | Dibatalkan | Withdrawn
withdrawn_idr | Rupiah dibatalkan | Rupiah withdrawn
benefit | Manfaat | Benefit
decision | Keputusan | Decision
reasons | Alasan | Reasons
reason | Alasan | Reason
reason_code | Kode alasan | Reason code
code_list | Daftar kode | Code list
channel | Mitra | Bank
bank | Mitra | Bank
wave | Gelombang | Wave
province | Provinsi | Province
occupation | Pekerjaan | Occupation
state | Keadaan | State
next_state | Percobaan berikut | Next attempt
verdict | Tindak lanjut | What follows
waits_until | Mulai tanggal | From
case_state | Keadaan kasus | State of the case
is_reissue | Penerbitan ulang | Reissue
is_companion | Berkas pendamping | Companion file
training_id | Kode pelatihan | Training id
title | Judul pelatihan | Title
provider | Penyedia | Provider
platform | Platform | Platform
period | Periode | Period
reported | Menurut laporan status | By status reports
booked | Menurut rekening koran | By statements
stage | Tahap serah-terima | Hand-over
equation | Persamaan | Equation
left_count | Jumlah kiri | Left count
right_count | Jumlah kanan | Right count
left_idr | Rupiah kiri | Left rupiah
right_idr | Rupiah kanan | Right rupiah
holds | Terpenuhi | Holds
break_id | Nomor selisih | Break
kind | Jenis | Kind
file_name | Berkas | File
expected | Menurut kami | Ours
found | Menurut mitra | Theirs
first_at | Pertama ditemukan (WIB) | First found (WIB)
owner | Pemilik | Owner
end_to_end_id | Nomor referensi | Reference
sequence | Tahap | Tranche
attempt | Percobaan | Attempt
batch | Kelompok pembayaran | Batch
execution_date | Tanggal pelaksanaan | Execution date
transaction_count | Pembayaran | Payments
control_sum_idr | Jumlah kontrol | Control sum
digest | Sidik digital | Digest
maker | Pembuat | Maker
created_at | Dibuat (WIB) | Created (WIB)
purpose | Untuk | Purpose
subject | Tentang | Subject
person | Oleh | By
via | Melalui | Via
at | Waktu (WIB) | When (WIB)
used_at | Dipakai (WIB) | Used (WIB)
stated_at | Ditulis mitra (WIB) | Written by the bank (WIB)
sk_number | SK-PKP | SK-PKP
row_count | Baris | Rows
taken | Diterima | Taken
revoked | Pernah dicabut | Ever revoked
reference | Nomor SP2D | SP2D
drop_id | Kiriman | Drop
source | Asal | Source
taken_at | Diterima (WIB) | Taken (WIB)
sha256 | SHA-256 | SHA-256
policy | Kebijakan | Policy
in_force | Berlaku | In force
listed_on | Terakhir dicatat | Last listed
step | Langkah | Step
run_id | Nomor pelaksanaan | Run
cut_off | Batas waktu data (WIB) | Cut-off (WIB)
archive_key | Kunci arsip | Archive key
table | Tabel | Table
expectation | Harapan | Expectation
column | Kolom | Column
action | Akibat | Action
success | Terpenuhi | Met
failed_count | Baris tidak memenuhi | Rows not met
observed | Terlihat | Observed
account | Rekening penampungan | Holding account
statement_id | Rekening koran | Statement
to_date | Sampai tanggal | To date
closing_idr | Saldo akhir | Closing balance
issued_on | Tanggal SP2D | Date of the SP2D
fiscal_year | Tahun anggaran | Budget year
corrects | Membetulkan | Corrects
claim | Tagihan | Claim
payment_count | Pembayaran | Payments
repaid_idr | Dikembalikan peserta | Repaid
owed_idr | Belum dikembalikan | Not repaid
noticed_on | Tanggal pemberitahuan | Date of the notice
repay_by | Batas 60 hari | 60 days end on
age_days | Umur (hari) | Age in days
confirmed_by | Disetujui oleh | Confirmed by
proposed_at | Diusulkan (WIB) | Proposed (WIB)
deposit | Setoran | Deposit
ntpn | NTPN | NTPN
ntb | NTB | NTB
returned_idr | Dari retur | Of returns
cash_idr | Dari kas program | Of the cash
journal_account | Akun | Account
debits_idr | Debet | Debits
credits_idr | Kredit | Credits
balance_idr | Saldo | Balance
known_at | Diketahui pada | Known at
dimension | Menurut | By
key | Bagian | Part
figure | Angka | Figure
people_count | Peserta | People
stated_idr | Menurut manifes | By manifest
missing_count | Peserta belum ada di baris | People lacking
missing_idr | Rupiah belum ada di baris | Rupiah lacking
spread_idr | Beda antarkiriman | Drops differ by
""")


SECTIONS = _texts("""
funnel | dari peserta sampai dana diterima | from participants to money received
decided | keputusan | decisions
decided_of | keputusan menurut manfaat | decisions by benefit
reasons.held | alasan: ditahan | reasons: held
reasons.not_due | alasan: belum berhak | reasons: not due
reasons.lapsed | alasan: hangus | reasons: lapsed
outcomes | keadaan setiap instruksi | where every instruction stands
unsettled | belum dikirim atau dijawab | not sent or not settled
steps | serah-terima | hand-overs
ways | pencocokan tiga arah | three-way match
stages | persamaan per tahap | proofs by stage
equations | persamaan | proofs
money | posisi dana | where the money stands
money_apart | empat total berdampingan | four totals side by side
money_by | posisi dana, dirinci | where the money stands, by part
money_equations | persamaan antara catatan | equations between the records
balances | saldo rekening koran | statement balances
ageing | umur selisih terbuka | age of open breaks
refusals | ditolak dan retur | rejected and returned
breakdowns | rincian | breakdown
prevented | pembayaran ganda yang dicegah | duplicates prevented
""")

MEASURES = _texts("""
sum | jumlah | total
rest | tanpa nama | unexplained
count | persamaan | proofs
held | terpenuhi | hold
left | kiri | left
right | kanan | right
total | jumlah | total
due | jatuh tempo | due
sent | terkirim | sent
paid | dikreditkan atau didebit | credited or debited
failed | ditolak, retur, tidak sampai | rejected, returned, never arrived
open | berjalan | open
allocated | dialokasikan | allocated
funded | diterima | received
released | dilepas | released
committed | terikat | committed
credited | dikreditkan | credited
on_hold | ditahan | held
""")

INSTEAD = frozenset({"section", "measure"})
"""Columns whose codes serve programs alone: in the workbook their words stand instead, and the Parquet tables have the codes."""

EMPTY = dict.fromkeys(("by_provider", "by_platform", "by_training"), UNKNOWN)
"""What stands in a table's first column where it is null, because that says something."""


def meanings() -> dict[str, Mapping[str, Text]]:
    """The words of codes, by column: what a column of codes is followed by."""
    banks = {code: Text(profile.name, profile.name) for code, profile in profiles().items()}
    return {
        "section": SECTIONS,
        "measure": words.BOOKED
        | MEASURES
        | {f"states.{state}": text for state, text in words.STATES.items()}
        | {f"by_channel.{code}": text for code, text in banks.items()}
        | {band: Text(f"{band} hari", f"{band} days") for band in AGE_BANDS},
        "state": words.STATES | words.INBOUND_STATES | words.CLAIM_STATES,
        "journal_account": {code: Text(*both) for code, both in ACCOUNTS.items()},
        "next_state": words.STATES,
        "verdict": words.REISSUES,
        "case_state": words.CASE_STATES,
        "decision": words.DECISIONS,
        "occupation": words.OCCUPATIONS,
        "province": {code: Text(name, name) for code, name in PROVINCES.items()},
        "channel": banks,
        "bank": banks,
        "reported": words.REPORTED,
        "booked": words.BOOKED,
        "stage": words.STAGES | {stage: text for stage, (text, _) in money_shown.EQUATION_WORDS.items()},
        "figure": money_shown.FIGURE_WORDS,
        "dimension": money_shown.DIMENSIONS,
        "kind": {code: Text(named[0], code.replace("_", " ")) for code, named in BREAKS.items()}
        | words.ACTS
        | words.INBOUND_KINDS,
        "reason_code": words.CODES,
        "step": words.STEPS,
        "action": words.ACTIONS,
    }


def title_of(table: str) -> Text:
    """What a sheet is called."""
    return words.named(SHEETS, table)


def heading_of(column: str) -> Text:
    """What a column is called."""
    return words.named(COLUMNS, column)
