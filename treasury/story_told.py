"""A person's story in words: each step a sentence in Indonesian and one in English, then the key of its evidence.

A sentence is a lead and the clauses whose facts the step has. A fact that no clause speaks of is shown as `key: value` on a line of its
own, so that nothing that the story knows is left out. Amounts are rupiah, dates and instants Jakarta's.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from functools import cache
from string import Formatter
from typing import Any, Final

from reconciliation.reports import headings, words
from reconciliation.reports.words import Text
from schemas import codes, outcomes
from schemas.money import format_idr

Step = Mapping[str, Any]
_Clause = tuple[Text, frozenset[str]]
"""What is said, and the facts that it speaks of."""

_SHORT: Final = 12
"""Characters of a digest that are shown; `salur export events` and `--json` have all of it."""
_DIGEST: Final = re.compile(r"\b[0-9a-f]{64}\b")
_INDENT: Final = " " * len("2020-12-31 23:59 WIB  ")

WHY: Final = {code: Text(*both) for code, both in codes.REASONS.items()} | {
    "on_hold": Text("sedang ditahan", "on hold"),
    "account_changed": Text("rekening berganti sejak keputusan", "another account since the decision"),
    "account_unwritable": Text("nomor rekening tidak dapat ditulis", "account number cannot be written"),
    "past_last_payment": Text("lewat batas akhir pembayaran", "past the last payment date"),
    "name_unwritable": Text("nama tidak dapat ditulis", "name cannot be written"),
    "name_too_long": Text("nama terlalu panjang", "name too long"),
    "amount_not_positive": Text("jumlah tidak positif", "amount not positive"),
    "answers_unread": Text("jawaban bank belum dibaca", "answers of a bank not read yet"),
    "disputed": Text("bukti bertentangan", "evidence disagrees"),
    "deposited": Text("sudah disetor ke kas negara", "deposited to the treasury"),
    "settled": Text("diselesaikan dua petugas", "settled by two people"),
}
"""Why a decision is what it is, and why a due one is not instructed."""

_REISSUE_ACTS: Final = {
    "propose": Text("diusulkan", "proposed"),
    "approve": Text("disetujui", "approved"),
    "refuse": Text("ditolak", "refused"),
}
_BREAK_STATES: Final = {"open": Text("terbuka", "open"), "closed": Text("tertutup", "closed")}
_OWNERS: Final = {
    "salur": Text("Salur", "Salur"),
    "participant": Text("peserta", "the participant"),
    "treasury": Text("bendahara", "treasury"),
}
_SAYS: Final = {
    "never_arrived": Text("berkas tidak pernah sampai", "the file never arrived"),
    "received": Text("berkas diterima, belum dibayar", "the file was received, nothing is said of its payments"),
    "credited": Text("dikreditkan", "credited"),
    "rejected": Text("ditolak", "rejected"),
}
_STATUSES: Final = {code: Text(code, english) for code, english in outcomes.STATUSES.items()} | {
    "active": Text("aktif", "active"),
    "revoked": Text("dicabut", "revoked"),
}
_SUPERSEDED: Final = {"True": Text("sudah digantikan keputusan kemudian", "superseded by a later decision")}


def _parsed(block: str) -> tuple[_Clause, ...]:
    """`Indonesian | English`, one a line; both speak of the same facts."""
    found = []
    for line in block.strip().splitlines():
        indonesian, _, english = (part.strip() for part in line.partition(" | "))
        names = frozenset(name for _, name, _, _ in Formatter().parse(indonesian) if name)
        found.append((Text(indonesian, english or indonesian), names))
    return tuple(found)


_LEADS: Final = {
    what: _parsed(line)[0]
    for what, _, line in (
        line.partition(": ")
        for line in """
participants: Data peserta diterima | The participant's data were taken
accounts: Rekening versi {version} diterima | Version {version} of the account was taken
completions: Penyelesaian pelatihan {completion_id} diterima | Completion {completion_id} was taken
surveys: Survei {number} diterima | Survey {number} was taken
allocations: Alokasi SK-PKP {sk_number} diterima | What SK-PKP {sk_number} allocates was taken
decided: Untuk {period}, {benefit} ke-{sequence} diputuskan {decision} | For {period}, {benefit} {sequence} was decided: {decision}
instructed: Instruksi {end_to_end_id} dibuat: {amount_idr} untuk {benefit} ke-{sequence} | Instruction {end_to_end_id} was made: {amount_idr} for {benefit} {sequence}
released: Kelompok pembayaran {subject} dilepas | Batch {subject} was released
withdrawn: Kelompok pembayaran {subject} dibatalkan | Batch {subject} was withdrawn
submission_intended: Pengiriman berkas {subject} dimulai | The sending of file {subject} began
submitted: Berkas {subject} sudah dikirim | File {subject} was sent
submission_refused: Pengiriman berkas {subject} ditolak bank | The bank refused the upload of file {subject}
sending_recovered: Pengiriman berkas {subject} dicatat kembali setelah pemulihan | The sending of file {subject} was recorded again after a recovery
silence: Bank diam tentang berkas {subject} | The bank was silent about file {subject}
bank_answer_entered: Jawaban tertulis bank tentang {subject} dimasukkan: {says} | The bank's written answer about {subject} was entered: {says}
bank_answer: Jawaban tertulis bank tentang {subject} dibenarkan orang kedua: {says} | The bank's written answer about {subject} was confirmed by a second person: {says}
reissue: Penerbitan ulang {subject} {act} | The reissue of {subject} was {act}
exception: Kasus {subject}: {act} | Case {subject}: {act}
break: Selisih {break_id} {state}: {kind} | Break {break_id} is {state}: {kind}
claim_proposed: Tagihan {subject} diusulkan | Claim {subject} was proposed
claim_confirmed: Tagihan {subject} dibenarkan orang kedua | Claim {subject} was confirmed by a second person
claim_cancelled: Tagihan {subject} dibatalkan | Claim {subject} was cancelled
repaid: Pengembalian {subject} atas tagihan {claim}: {amount_idr} | Repayment {subject} on claim {claim}: {amount_idr}
deposited: Setoran {subject} ke kas negara: {amount_idr} | Deposit {subject} to the treasury: {amount_idr}
hold: Peserta ditahan | The participant was put on hold
unhold: Penahanan peserta diakhiri | The hold on the participant was ended
told: Peserta diberi tahu: {benefit} ke-{sequence}, {status} | The participant was told: {benefit} {sequence}, {status}
next: Selanjutnya, {benefit} ke-{sequence} percobaan {attempt} yang berakhir {end}: {verdict} | Next, {benefit} {sequence} attempt {attempt}, which ended {end}: {verdict}
""".strip().splitlines()
    )
}
"""What each kind of step is, as `treasury.story` names it."""

_OF_A_STATE: Final = _parsed("Pembayaran {end_to_end_id}: {what} | Payment {end_to_end_id}: {what}")[0]
_OTHERWISE: Final = (Text("{what}", "{what}"), frozenset({"what"}))

_CLAUSES: Final = _parsed("""
karena {reasons} | because: {reasons}
peserta {participant_id} | participant {participant_id}
gelombang {wave} | wave {wave}
diterima dalam program {accepted_on} | accepted on {accepted_on}
pekerjaan {occupation} | occupation {occupation}
provinsi {province} | province {province}
status {status} sejak {status_at} | status {status} since {status_at}
status {status} | status {status}
percobaan {attempt} setelah percobaan {previous_attempt} | attempt {attempt} after attempt {previous_attempt}
percobaan {attempt} | attempt {attempt}
periode {period} | period {period}
lewat {channel} ke rekening versi {account_version} | through {channel} to version {account_version} of the account
pada {channel} | at {channel}
terverifikasi {verified_at} | verified {verified_at}
ditutup {closed_at} | closed {closed_at}
pelatihan {training_id} | training {training_id}
di platform {platform} | on platform {platform}
dibeli {purchased_at} | bought {purchased_at}
selesai {completed_at} | completed {completed_at}
sertifikat {certificate_number} | certificate {certificate_number}
rating {rating} | rating {rating}
diulas {reviewed_at} | reviewed {reviewed_at}
dibatalkan {revoked_at} | revoked {revoked_at}
SK-PKP {sk_number} baris {sk_line} | SK-PKP {sk_number} line {sk_line}
SK-PKP {sk_number} | SK-PKP {sk_number}
baris {sk_line} | line {sk_line}
bantuan pelatihan {training_aid_idr} | training aid {training_aid_idr}
insentif {incentive_idr} | incentive {incentive_idr}
survei {survey_idr} | surveys {survey_idr}
tentang {about} | about {about}
tentang {subject} | about {subject}
kode {reason_code} dari daftar {code_list} | code {reason_code} of the list {code_list}
kode {reason_code} | code {reason_code}
menurut jawaban tertulis bank: {says} | as the bank wrote: {says}
menurut {from} | according to the {from}
bank: {bank} | bank: {bank}
seharusnya {expected} | expected {expected}
ditemukan: {found} | found: {found}
sebesar {amount_idr} | amount {amount_idr}
{count} pembayaran senilai {sum_idr} | payments: {count}, {sum_idr} in all
{count} pembayaran | payments: {count}
{items} pembayaran di dalamnya dengan sidik {items_sha256} | payments in it: {items}, with digest {items_sha256}
menjadi {state} | now {state}
tindakan: {action} | action: {action}
jatuh tempo {due_on} | due on {due_on}
menunggu sampai {waits_until} | waits until {waits_until}
yang dapat dilakukan: {to_do} | what can be done: {to_do}
pihak berikutnya: {owner} | who acts next: {owner}
kebijakan {policy} | policy {policy}
batas waktu data {cut_off} | cut-off {cut_off}
keputusan dalam {run} | decided in {run}
{superseded} | {superseded}
dalam berkas {file_name} dari kelompok pembayaran {batch} | in file {file_name} of batch {batch}
tahun anggaran {fiscal_year} | budget year {fiscal_year}
NTPN {ntpn} dan NTB {ntb} | NTPN {ntpn} and NTB {ntb}
mengoreksi {corrects} | corrects {corrects}
pemberitahuan {noticed_on} | notice of {noticed_on}
dikembalikan paling lambat {repay_by} | to be repaid by {repay_by}
alasan: {reason} | reason: {reason}
dengan cara {to} | by way of {to}
lewat {via} | via {via}
surat {letter_sha256} | letter {letter_sha256}
atas dasar keadaan menurut {standing} | given what stands by {standing}
dimasukkan oleh {entered_by} | entered by {entered_by}
pemeriksaan di bank: {looked} | the look at the bank: {looked}
bukti: {proof} | proof: {proof}
isi berkas {sha256} | contents {sha256}
sidik {digest} | digest {digest}
dicatat di sumber {recorded_at} | recorded at the source {recorded_at}
pembuat {maker} | maker {maker}
oleh {person} | by {person}
""")
"""What is said of a fact, in the order in which it is said; the first clause that has all its facts speaks of them."""


def lines(story: Iterable[Step]) -> list[str]:
    """The whole story as `salur explain` prints it."""
    return [line for step in story for line in told(step)]


def told(step: Step) -> list[str]:
    """One step: when it was and what it was in Indonesian; the same in English with its evidence; then what neither speaks of."""
    # What says nothing (no reason, no bank's code) needs no words.
    facts = {name: value for name, value in step["facts"].items() if value is not None and value not in ("", [], {})}
    said, spoken = _sentence(step["what"], facts)
    evidence = (
        step["evidence"] if step["evidence"].startswith(step["found_in"]) else f"{step['found_in']} {step['evidence']}"
    )
    when = words.short_instant(datetime.fromisoformat(step["at"]))
    rest = "; ".join(f"{name}: {_plain(name, value)}" for name, value in facts.items() if name not in spoken)
    return [
        f"{when} WIB  {said.id}",
        f"{_INDENT}{said.en}  [{_shortened(evidence)}]",
        *([f"{_INDENT}{rest}"] if rest else []),
    ]


def _sentence(what: str, facts: Mapping[str, Any]) -> tuple[Text, set[str]]:
    """The sentence about a step in both languages, and the facts that it speaks of."""
    leads = ([_OF_A_STATE] if what in words.STATES else []) + ([_LEADS[what]] if what in _LEADS else [])
    lead = next((lead for lead in leads if lead[1] <= {*facts, "what"}), _OTHERWISE)
    chosen, spoken = [lead[0]], set(lead[1])
    for text, names in _CLAUSES:
        if names <= facts.keys() and not names & spoken:
            chosen.append(text)
            spoken |= names
    values = {name: _in_words(what, name, facts[name]) for name in spoken - {"what"}}
    values["what"] = words.named(words.STATES, what)
    return Text(
        f"{', '.join(text.id for text in chosen)}.".format_map({name: value.id for name, value in values.items()}),
        f"{', '.join(text.en for text in chosen)}.".format_map({name: value.en for name, value in values.items()}),
    ), spoken


def _in_words(what: str, name: str, value: Any) -> Text:
    """A fact as a sentence has it: codes in words, amounts as rupiah, dates and instants in Jakarta's time, digests cut short."""
    text = str(value)
    if (what, name) in _OF_KIND:
        return words.named(_OF_KIND[what, name], text)
    if name in _SAID:
        return _SAID[name](text)
    if name in _codes():
        return words.named(_codes()[name], text)
    if name.endswith("_idr") and isinstance(value, int):
        return _same(format_idr(value))
    return _in_time(text) or _same(_shortened(_plain(name, value)))


def _in_time(text: str) -> Text | None:
    """A date, or an instant with its offset, in words; None for any other text."""
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            return words.on(date.fromisoformat(text))
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return words.instant(instant) if instant.tzinfo else None


def _same(text: str) -> Text:
    return Text(text, text)


def _shortened(text: str) -> str:
    return _DIGEST.sub(lambda found: found[0][:_SHORT], text)


def _plain(name: str, value: Any) -> str:
    """A fact that no sentence speaks of, whole."""
    if name.endswith("_idr") and isinstance(value, int):
        return format_idr(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _reasons(text: str) -> Text:
    each = [words.named(WHY, code) for code in text.split(";")]
    return Text(" dan ".join(why.id for why in each), " and ".join(why.en for why in each))


def _code(text: str) -> Text:
    named = words.CODES.get(text)
    return Text(f"{text} ({named.id})", f"{text} ({named.en})") if named else _same(text)


def _to_do(text: str) -> Text:
    both = outcomes.TO_DO.get(text)
    return Text(*(each.rstrip(".") for each in both)) if both else _same(text)


def _from(text: str) -> Text:
    """`bni status_report`: a bank and a kind of its files."""
    bank, _, kind = text.partition(" ")
    of, file = words.named(_codes()["bank"], bank), words.named(words.INBOUND_KINDS, kind)
    return Text(f"{file.id} {of.id}", f"{file.en} of {of.en}")


def _found(text: str) -> Text:
    """What was found; a silence is counted up to an instant."""
    due = _in_time(text.removeprefix("silence past ")) if text.startswith("silence past ") else None
    return Text(f"tidak ada jawaban hingga {due.id}", f"no answer by {due.en}") if due else _state(text)


def _state(text: str) -> Text:
    return words.named(words.STATES, text)


def _month(text: str) -> Text:
    return words.month(text) if re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", text) else _same(text)


_SAID: Final[dict[str, Callable[[str], Text]]] = {
    "reasons": _reasons,
    "reason_code": _code,
    "to_do": _to_do,
    "from": _from,
    "found": _found,
    "expected": _state,
    "period": _month,
    "benefit": lambda text: Text(*codes.BENEFITS.get(text, (text, text))),
}
_OF_KIND: Final[dict[tuple[str, str], dict[str, Text]]] = {
    ("break", "state"): _BREAK_STATES,
    ("break", "kind"): {code: Text(*both) for code, both in codes.BREAKS.items()},
    ("reissue", "act"): _REISSUE_ACTS,
}


@cache
def _codes() -> dict[str, dict[str, Text]]:
    """The words of codes, by fact: the report's own, and those that only a story has."""
    return {name: dict(texts) for name, texts in headings.meanings().items()} | {
        "action": words.REMEDIES,
        "act": words.ACTS,
        "end": words.STATES,
        "owner": _OWNERS,
        "says": _SAYS,
        "status": _STATUSES,
        "superseded": _SUPERSEDED,
    }
