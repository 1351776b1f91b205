"""A person's story in words: each kind of step as sentences in both languages, and nothing that is known left out."""

from __future__ import annotations

from typing import Any

import pytest

from schemas import codes
from treasury.story_told import WHY, lines, told

HASH = "580850554e7e74923361e5f0fc6e3ade8ee90a24e5082878beb486259f475962"
E2E = "NG60DK8F34QQCCF"
ONE = {"benefit": "incentive", "sequence": 1}


def step(what: str, facts: dict[str, Any], evidence: str = HASH, found_in: str = "event") -> dict[str, Any]:
    """A step as `treasury.story` makes it, of ten o'clock in Jakarta."""
    at = "2020-12-01T03:00:00+00:00"
    return {"at": at, "what": what, "facts": facts, "evidence": evidence, "found_in": found_in, "order": 1}


STEPS: list[tuple[str, dict[str, Any], str, str]] = [
    # kind, facts, in Indonesian, in English
    (
        "participants",
        {
            "participant_id": "P-1",
            "wave": 8,
            "accepted_on": "2020-08-01",
            "occupation": "unemployed",
            "province": "31",
            "status": "revoked",
            "status_at": "2020-11-01T02:00:00+00:00",
            "sk_number": "SK-1",
            "sk_line": "7",
        },
        "Data peserta diterima, peserta P-1, gelombang 8, diterima dalam program 1 Agustus 2020, pekerjaan tidak bekerja, provinsi Daerah Khusus Ibukota Jakarta, status dicabut sejak 1 November 2020 09.00 WIB, SK-PKP SK-1 baris 7.",
        "The participant's data were taken, participant P-1, wave 8, accepted on 1 August 2020, occupation unemployed, province Daerah Khusus Ibukota Jakarta, status revoked since 1 November 2020 09:00 WIB, SK-PKP SK-1 line 7.",
    ),
    (
        "accounts",
        {
            "version": 2,
            "channel": "bni",
            "verified_at": "2020-08-03T02:00:00+00:00",
            "closed_at": "2020-11-03T02:00:00+00:00",
        },
        "Rekening versi 2 diterima, pada Bank Negara Indonesia, terverifikasi 3 Agustus 2020 09.00 WIB, ditutup 3 November 2020 09.00 WIB.",
        "Version 2 of the account was taken, at Bank Negara Indonesia, verified 3 August 2020 09:00 WIB, closed 3 November 2020 09:00 WIB.",
    ),
    (
        "completions",
        {
            "completion_id": "C-1",
            "platform": "Pintar",
            "training_id": "T-1",
            "purchased_at": "2020-08-02T02:00:00+00:00",
            "completed_at": "2020-08-09T02:00:00+00:00",
            "certificate_number": "S-1",
            "rating": 5,
            "reviewed_at": "2020-08-10T20:00:00+00:00",
            "recorded_at": "2020-08-11T02:00:00+00:00",
        },
        "Penyelesaian pelatihan C-1 diterima, pelatihan T-1, di platform Pintar, dibeli 2 Agustus 2020 09.00 WIB, selesai 9 Agustus 2020 09.00 WIB, sertifikat S-1, rating 5, diulas 11 Agustus 2020 03.00 WIB, dicatat di sumber 11 Agustus 2020 09.00 WIB.",
        "Completion C-1 was taken, training T-1, on platform Pintar, bought 2 August 2020 09:00 WIB, completed 9 August 2020 09:00 WIB, certificate S-1, rating 5, reviewed 11 August 2020 03:00 WIB, recorded at the source 11 August 2020 09:00 WIB.",
    ),
    (
        "surveys",
        {"number": 1, "completed_at": "2020-10-01T02:00:00+00:00"},
        "Survei 1 diterima, selesai 1 Oktober 2020 09.00 WIB.",
        "Survey 1 was taken, completed 1 October 2020 09:00 WIB.",
    ),
    (
        "allocations",
        {
            "sk_number": "SK-1",
            "sk_line": "7",
            "training_aid_idr": 1_000_000,
            "incentive_idr": 2_400_000,
            "survey_idr": 150_000,
        },
        "Alokasi SK-PKP SK-1 diterima, baris 7, bantuan pelatihan Rp1.000.000, insentif Rp2.400.000, survei Rp150.000.",
        "What SK-PKP SK-1 allocates was taken, line 7, training aid Rp1.000.000, incentive Rp2.400.000, surveys Rp150.000.",
    ),
    (
        "decided",
        {
            **ONE,
            "period": "2020-12",
            "decision": "due",
            "reasons": "",
            "amount_idr": 600_000,
            "due_on": "2020-08-10",
            "policy": "prakerja-2020",
            "run": "E000001-2020-12",
            "cut_off": "2020-11-30T16:59:59.999999+00:00",
            "superseded": True,
        },
        "Untuk Desember 2020, insentif ke-1 diputuskan jatuh tempo, sebesar Rp600.000, jatuh tempo 10 Agustus 2020, kebijakan prakerja-2020, batas waktu data 30 November 2020 23.59 WIB, keputusan dalam E000001-2020-12, sudah digantikan keputusan kemudian.",
        "For December 2020, incentive 1 was decided: due, amount Rp600.000, due on 10 August 2020, policy prakerja-2020, cut-off 30 November 2020 23:59 WIB, decided in E000001-2020-12, superseded by a later decision.",
    ),
    (
        "decided",
        {**ONE, "period": "2020-12", "decision": "held", "reasons": "kk_limit;no_account", "amount_idr": 600_000},
        "Untuk Desember 2020, insentif ke-1 diputuskan ditahan, karena lebih dari dua penerima dalam satu KK dan belum menautkan rekening, sebesar Rp600.000.",
        "For December 2020, incentive 1 was decided: held, because: more than two recipients in one KK and no account linked, amount Rp600.000.",
    ),
    (
        "instructed",
        {
            "end_to_end_id": E2E,
            **ONE,
            "attempt": 2,
            "previous_attempt": 1,
            "period": "2020-12",
            "amount_idr": 600_000,
            "channel": "bni",
            "account_version": 2,
            "file_name": "F-1.xml",
            "batch": "B-1",
            "sk_number": "SK-1",
            "sk_line": "7",
            "fiscal_year": 2020,
            "maker": "siti",
        },
        "Instruksi NG60DK8F34QQCCF dibuat: Rp600.000 untuk insentif ke-1, percobaan 2 setelah percobaan 1, periode Desember 2020, lewat Bank Negara Indonesia ke rekening versi 2, SK-PKP SK-1 baris 7, dalam berkas F-1.xml dari kelompok pembayaran B-1, tahun anggaran 2020, pembuat siti.",
        "Instruction NG60DK8F34QQCCF was made: Rp600.000 for incentive 1, attempt 2 after attempt 1, period December 2020, through Bank Negara Indonesia to version 2 of the account, SK-PKP SK-1 line 7, in file F-1.xml of batch B-1, budget year 2020, maker siti.",
    ),
    (
        "released",
        {
            "end_to_end_id": E2E,
            "subject": "B-1",
            "person": "budi",
            "count": 3,
            "sum_idr": 1_800_000,
            "digest": HASH,
            "via": "cli",
        },
        "Pembayaran NG60DK8F34QQCCF: dilepas, tentang B-1, 3 pembayaran senilai Rp1.800.000, lewat cli, sidik 580850554e7e, oleh budi.",
        "Payment NG60DK8F34QQCCF: released, about B-1, payments: 3, Rp1.800.000 in all, via cli, digest 580850554e7e, by budi.",
    ),
    (
        "rejected",
        {"end_to_end_id": E2E, "reason_code": "AC04", "from": "bni status_report"},
        "Pembayaran NG60DK8F34QQCCF: ditolak, kode AC04 (rekening ditutup), menurut laporan status Bank Negara Indonesia.",
        "Payment NG60DK8F34QQCCF: rejected, code AC04 (account closed), according to the status report of Bank Negara Indonesia.",
    ),
    (
        "unknown",
        {
            "end_to_end_id": E2E,
            "subject": "F-1.xml",
            "person": "siti",
            "found": "silence past 2020-12-04T10:00:00Z",
            "count": 3,
            "sum_idr": 1_800_000,
        },
        "Pembayaran NG60DK8F34QQCCF: belum diketahui, tentang F-1.xml, ditemukan: tidak ada jawaban hingga 4 Desember 2020 17.00 WIB, 3 pembayaran senilai Rp1.800.000, oleh siti.",
        "Payment NG60DK8F34QQCCF: unknown, about F-1.xml, found: no answer by 4 December 2020 17:00 WIB, payments: 3, Rp1.800.000 in all, by siti.",
    ),
    (
        "never_arrived",
        {"end_to_end_id": E2E, "subject": "F-1.xml", "says": "never_arrived", "entered_by": "siti", "person": "budi"},
        "Pembayaran NG60DK8F34QQCCF: tidak pernah sampai, tentang F-1.xml, menurut jawaban tertulis bank: berkas tidak pernah sampai, dimasukkan oleh siti, oleh budi.",
        "Payment NG60DK8F34QQCCF: never arrived, about F-1.xml, as the bank wrote: the file never arrived, entered by siti, by budi.",
    ),
    (
        "released",
        {"subject": "B-1", "person": "budi"},
        "Kelompok pembayaran B-1 dilepas, oleh budi.",
        "Batch B-1 was released, by budi.",
    ),
    (
        "withdrawn",
        {"subject": "B-1", "person": "budi", "reason": "salah periode", "count": 3, "sum_idr": 1_800_000},
        "Kelompok pembayaran B-1 dibatalkan, 3 pembayaran senilai Rp1.800.000, alasan: salah periode, oleh budi.",
        "Batch B-1 was withdrawn, payments: 3, Rp1.800.000 in all, reason: salah periode, by budi.",
    ),
    (
        "submission_intended",
        {"subject": "F-1.xml", "person": "siti", "sha256": HASH, "to": "sftp bni"},
        "Pengiriman berkas F-1.xml dimulai, dengan cara sftp bni, isi berkas 580850554e7e, oleh siti.",
        "The sending of file F-1.xml began, by way of sftp bni, contents 580850554e7e, by siti.",
    ),
    (
        "submitted",
        {"subject": "F-1.xml", "person": "siti", "proof": f"listing 9 bytes sha256 {HASH}", "count": 3},
        "Berkas F-1.xml sudah dikirim, 3 pembayaran, bukti: listing 9 bytes sha256 580850554e7e, oleh siti.",
        "File F-1.xml was sent, payments: 3, proof: listing 9 bytes sha256 580850554e7e, by siti.",
    ),
    (
        "submission_refused",
        {"subject": "F-1.xml", "person": "siti", "proof": "TryLater: full"},
        "Pengiriman berkas F-1.xml ditolak bank, bukti: TryLater: full, oleh siti.",
        "The bank refused the upload of file F-1.xml, proof: TryLater: full, by siti.",
    ),
    (
        "sending_recovered",
        {"subject": "F-1.xml", "person": "siti", "to": "sftp bni", "proof": "listing"},
        "Pengiriman berkas F-1.xml dicatat kembali setelah pemulihan, dengan cara sftp bni, bukti: listing, oleh siti.",
        "The sending of file F-1.xml was recorded again after a recovery, by way of sftp bni, proof: listing, by siti.",
    ),
    (
        "silence",
        {
            "subject": "F-1.xml",
            "person": "siti",
            "found": "silence past 2020-12-04T10:00:00Z",
            "count": 3,
            "sum_idr": 1_800_000,
        },
        "Bank diam tentang berkas F-1.xml, ditemukan: tidak ada jawaban hingga 4 Desember 2020 17.00 WIB, 3 pembayaran senilai Rp1.800.000, oleh siti.",
        "The bank was silent about file F-1.xml, found: no answer by 4 December 2020 17:00 WIB, payments: 3, Rp1.800.000 in all, by siti.",
    ),
    (
        "bank_answer_entered",
        {"subject": "F-1.xml", "person": "siti", "says": "never_arrived", "letter_sha256": HASH, "standing": HASH},
        "Jawaban tertulis bank tentang F-1.xml dimasukkan: berkas tidak pernah sampai, surat 580850554e7e, atas dasar keadaan menurut 580850554e7e, oleh siti.",
        "The bank's written answer about F-1.xml was entered: the file never arrived, letter 580850554e7e, given what stands by 580850554e7e, by siti.",
    ),
    (
        "bank_answer",
        {
            "subject": E2E,
            "person": "budi",
            "says": "rejected",
            "code_list": "status",
            "reason_code": "AC04",
            "letter_sha256": HASH,
            "state": "rejected",
            "entered_by": "siti",
            "digest": HASH,
            "count": 1,
            "sum_idr": 600_000,
        },
        "Jawaban tertulis bank tentang NG60DK8F34QQCCF dibenarkan orang kedua: ditolak, kode AC04 (rekening ditutup) dari daftar status, 1 pembayaran senilai Rp600.000, menjadi ditolak, surat 580850554e7e, dimasukkan oleh siti, sidik 580850554e7e, oleh budi.",
        "The bank's written answer about NG60DK8F34QQCCF was confirmed by a second person: rejected, code AC04 (account closed) of the list status, payments: 1, Rp600.000 in all, now rejected, letter 580850554e7e, entered by siti, digest 580850554e7e, by budi.",
    ),
    (
        "reissue",
        {"subject": E2E, "person": "siti", "act": "propose", "reason": "surat BNI", "digest": HASH},
        "Penerbitan ulang NG60DK8F34QQCCF diusulkan, alasan: surat BNI, sidik 580850554e7e, oleh siti.",
        "The reissue of NG60DK8F34QQCCF was proposed, reason: surat BNI, digest 580850554e7e, by siti.",
    ),
    (
        "exception",
        {"subject": "b1", "person": "siti", "act": "resolve_not_paid"},
        "Kasus b1: mengusulkan penyelesaian: belum dibayar, oleh siti.",
        "Case b1: propose a resolution: it was not paid, by siti.",
    ),
    (
        "break",
        {
            "break_id": "b1",
            "kind": "contradiction",
            "state": "open",
            "bank": "bni",
            "expected": "rejected",
            "found": "credited",
            "amount_idr": 600_000,
            "about": E2E,
        },
        "Selisih b1 terbuka: bertentangan, tentang NG60DK8F34QQCCF, bank: Bank Negara Indonesia, seharusnya ditolak, ditemukan: dikreditkan, sebesar Rp600.000.",
        "Break b1 is open: evidence that contradicts what was already proved, about NG60DK8F34QQCCF, bank: Bank Negara Indonesia, expected rejected, found: credited, amount Rp600.000.",
    ),
    (
        "claim_proposed",
        {"subject": "C000001", "person": "siti", "count": 1, "sum_idr": 600_000, "digest": HASH},
        "Tagihan C000001 diusulkan, 1 pembayaran senilai Rp600.000, sidik 580850554e7e, oleh siti.",
        "Claim C000001 was proposed, payments: 1, Rp600.000 in all, digest 580850554e7e, by siti.",
    ),
    (
        "claim_confirmed",
        {"subject": "C000001", "person": "budi", "digest": HASH, "noticed_on": "2020-12-01", "repay_by": "2021-01-30"},
        "Tagihan C000001 dibenarkan orang kedua, pemberitahuan 1 Desember 2020, dikembalikan paling lambat 30 Januari 2021, sidik 580850554e7e, oleh budi.",
        "Claim C000001 was confirmed by a second person, notice of 1 December 2020, to be repaid by 30 January 2021, digest 580850554e7e, by budi.",
    ),
    (
        "claim_cancelled",
        {"subject": "C000001", "person": "budi", "digest": HASH},
        "Tagihan C000001 dibatalkan, sidik 580850554e7e, oleh budi.",
        "Claim C000001 was cancelled, digest 580850554e7e, by budi.",
    ),
    (
        "repaid",
        {"subject": "BNI-1", "person": "siti", "amount_idr": -200_000, "claim": "C000001", "corrects": "BNI-0"},
        "Pengembalian BNI-1 atas tagihan C000001: -Rp200.000, mengoreksi BNI-0, oleh siti.",
        "Repayment BNI-1 on claim C000001: -Rp200.000, corrects BNI-0, by siti.",
    ),
    (
        "deposited",
        {
            "subject": "D000002",
            "person": "siti",
            "amount_idr": 800_000,
            "items": 1,
            "items_sha256": HASH,
            "ntpn": "N1",
            "ntb": "T1",
        },
        "Setoran D000002 ke kas negara: Rp800.000, 1 pembayaran di dalamnya dengan sidik 580850554e7e, NTPN N1 dan NTB T1, oleh siti.",
        "Deposit D000002 to the treasury: Rp800.000, payments in it: 1, with digest 580850554e7e, NTPN N1 and NTB T1, by siti.",
    ),
    (
        "hold",
        {"person": "rina", "reason": "sedang ditinjau"},
        "Peserta ditahan, alasan: sedang ditinjau, oleh rina.",
        "The participant was put on hold, reason: sedang ditinjau, by rina.",
    ),
    (
        "unhold",
        {"person": "rina", "reason": "selesai"},
        "Penahanan peserta diakhiri, alasan: selesai, oleh rina.",
        "The hold on the participant was ended, reason: selesai, by rina.",
    ),
    (
        "told",
        {**ONE, "status": "gagal", "to_do": "relink_account", "due_on": "2020-08-10"},
        "Peserta diberi tahu: insentif ke-1, gagal, jatuh tempo 10 Agustus 2020, yang dapat dilakukan: Perbaiki atau tautkan ulang rekening atau dompet elektronik: yang aktif, atas nama dan NIK sendiri.",
        "The participant was told: incentive 1, failed, due on 10 August 2020, what can be done: Mend or relink the account or e-wallet: an active one, in your own name and NIK.",
    ),
    (
        "next",
        {
            **ONE,
            "attempt": 1,
            "end": "returned",
            "reason_code": "AC04",
            "action": "fix_account",
            "verdict": "waits",
            "waits_until": "2020-12-14",
            "reasons": "on_hold",
            "owner": "salur",
        },
        "Selanjutnya, insentif ke-1 percobaan 1 yang berakhir retur: menunggu tanggal percobaan berikutnya, karena sedang ditahan, kode AC04 (rekening ditutup), tindakan: peserta memperbaiki rekening, menunggu sampai 14 Desember 2020, pihak berikutnya: Salur.",
        "Next, incentive 1 attempt 1, which ended returned: waits for the day of the next attempt, because: on hold, code AC04 (account closed), action: participant mends the account, waits until 14 December 2020, who acts next: Salur.",
    ),
]


@pytest.mark.parametrize(("what", "facts", "indonesian", "english"), STEPS)
def test_a_step_is_a_sentence_in_both_languages(
    what: str, facts: dict[str, Any], indonesian: str, english: str
) -> None:
    assert told(step(what, facts)) == [
        f"2020-12-01 10:00 WIB  {indonesian}",
        f"                      {english}  [event 580850554e7e]",
    ]


@pytest.mark.parametrize("state", codes.INSTRUCTION_STATES)
def test_each_state_of_a_payment_is_told(state: str) -> None:
    said = told(step(state, {"end_to_end_id": E2E}))
    assert [line for line in said if E2E not in line or "{" in line] == []


def test_a_fact_that_no_sentence_speaks_of_is_shown_whole() -> None:
    facts = {"end_to_end_id": E2E, "weight_idr": 5_000, "marks": [HASH, {"way": 1}], "note": HASH}
    assert told(step("credited", facts))[2:] == [
        f'                      weight_idr: Rp5.000; marks: ["{HASH}", {{"way": 1}}]; note: {HASH}'
    ]


def test_a_kind_of_step_that_has_no_words_is_named_with_all_its_facts() -> None:
    said = told(step("audited", {"person": "rina", "page": 7, "reason": "tahun {2020}"}))
    assert said == [
        "2020-12-01 10:00 WIB  audited, alasan: tahun {2020}, oleh rina.",
        "                      audited, reason: tahun {2020}, by rina.  [event 580850554e7e]",
        "                      page: 7",
    ]


def test_no_fact_is_left_out_whatever_else_is_missing() -> None:
    """Each fact of each kind alone: it is in a sentence, or behind its name."""
    bare = told(step("audited", {}))
    alone = {(what, name): told(step("audited", {name: facts[name]})) for what, facts, *_ in STEPS for name in facts}
    assert [key for key, said in alone.items() if said == bare] == []


def test_an_evidence_in_a_drop_or_the_ledger_is_named_by_its_place() -> None:
    story = [
        step("surveys", {"number": 1}, "drop 95a428d0db7a surveys.csv row 3", "drop"),
        step("credited", {"end_to_end_id": E2E}, "ledger", "ledger"),
    ]
    assert [line.rpartition("  ")[2] for line in lines(story)[1::2]] == [
        "[drop 95a428d0db7a surveys.csv row 3]",
        "[ledger]",
    ]


def test_every_reason_to_leave_a_payment_out_has_words() -> None:
    assert codes.LEFT_OUT | codes.REASONS.keys() == WHY.keys()
