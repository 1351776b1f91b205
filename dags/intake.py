"""
**Penerimaan data.** Mengambil kiriman data platform (peserta, rekening, pelatihan, penyelesaian) ke buku besar,
setiap hari kerja pukul 02.00 WIB, sebelum penyaluran.

- Menjalankan dengan tangan: *Trigger*, isi `source` (folder, URL objek, atau HTTP) dan kunci partisi bulan, misalnya `2020-07`.
- Baris yang tidak terbaca dikarantina dengan alasannya; itu bukan kegagalan. Mengulang kiriman yang sama tidak mengubah apa pun.
- Gagal dengan kode 10: kiriman bertentangan dengan manifesnya dan ditolak utuh. Minta kiriman ulang, lalu jalankan lagi.
- Gagal dengan kode 11: pemeriksaan data menghentikan langkah; tidak ada yang tersimpan setengah. Baca log tugas.

---
**Intake.** Takes a source drop (participants, accounts, trainings, completions) into the ledger, every weekday at 02:00
Jakarta time, before disbursement.

- By hand: *Trigger*, give `source` (folder, object URL or HTTP) and the month as partition key, such as `2020-07`.
- Rows that cannot be read are quarantined with their reason; that is no failure. Taking a drop again changes nothing.
- Failed with code 10: the drop contradicts its manifest and was refused whole. Ask for a new one and run again.
- Failed with code 11: a data check stopped the step; nothing is half stored. Read the task's log.
"""

from typing import Any

from airflow.sdk import Param, conf, dag, task
from airflow.sdk.exceptions import AirflowSkipException

from treasury.desk import manners


@dag(
    dag_id="intake",
    dag_display_name="1 · Penerimaan / intake",
    schedule=manners.every("0 2 * * 1-5"),
    start_date=manners.START_DATE,
    catchup=False,
    max_active_runs=1,
    default_args=manners.DEFAULT_ARGS,
    tags=["salur", "disbursement"],
    doc_md=__doc__,
    params={
        "period": manners.period_param(),
        "source": Param(
            None,
            type=["null", "string"],
            pattern=r"^[^\s]+$",
            title="Sumber / source",
            description="Kosong: [salur] source. / Empty: what [salur] source names.",
        ),
    },
)
def intake() -> None:
    @task(outlets=[manners.COMPLETIONS])
    def take(outlet_events: Any = None, **context: Any) -> str:
        from disbursement import steps

        source = context["params"]["source"] or conf.get("salur", "source", fallback=None)
        if source is None:
            raise AirflowSkipException("no source is configured: nothing to take")
        taken = steps.intake(manners.house(), source)
        manners.note(taken)
        outlet_events[manners.COMPLETIONS].add_partitions(manners.period_of(context))
        return str(taken["drop_id"])

    take()


intake()
