"""
**Penerimaan data.** Mengambil kiriman data platform (peserta, rekening, pelatihan, penyelesaian) ke buku besar,
setiap hari kerja pukul 02.00 WIB, sebelum penyaluran.

- Menjalankan dengan tangan: *Trigger*, isi `source` dan kunci partisi bulan, misalnya `2020-07`. `source` adalah id *Connection* Airflow
  (HTTP, basis data, SFTP, S3), nama sumber di salur.toml, folder, atau URL. Rahasia hanya di *Connection* atau berkasnya.
- Platform dan basis data hanya diminta data baru (tumpang tindih 24 jam); centang `full` untuk semuanya, misalnya sekali sebulan.
- Baris yang tidak terbaca dikarantina dengan alasannya; itu bukan kegagalan. Mengulang kiriman yang sama tidak mengubah apa pun.
- Gagal dengan kode 10: kiriman ditolak utuh (manifes bertentangan, token ditolak, kolom kurang). Minta diperbaiki, jalankan lagi.
- Gagal dengan kode 11: pemeriksaan data menghentikan langkah; tidak ada yang tersimpan setengah. Baca log tugas.

---
**Intake.** Takes a source drop (participants, accounts, trainings, completions) into the ledger, every weekday at 02:00
Jakarta time, before disbursement.

- By hand: *Trigger*, give `source` and the month as partition key, such as `2020-07`. `source` is the id of an Airflow *Connection*
  (HTTP, a database, SFTP, S3), a source's name in salur.toml, a folder or a URL. Secrets lie in the Connection or in a file.
- Platforms and databases are asked for what is new (with 24 hours of overlap); tick `full` for all, once a month for example.
- Rows that cannot be read are quarantined with their reason; that is no failure. Taking a drop again changes nothing.
- Failed with code 10: the drop was refused whole (against its manifest, token refused, a column missing). Have it mended, run again.
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
        "full": Param(False, type="boolean", title="Semua data / all rows"),
    },
)
def intake() -> None:
    @task(outlets=[manners.COMPLETIONS])
    def take(outlet_events: Any = None, **context: Any) -> str:
        from disbursement import steps
        from treasury.desk import connections

        word = context["params"]["source"] or conf.get("salur", "source", fallback=None)
        if word is None:
            raise AirflowSkipException("no source is configured: nothing to take")
        house = manners.house()
        taken = steps.intake(house, connections.source(house, word), context["params"]["full"])
        manners.note(taken)
        outlet_events[manners.COMPLETIONS].add_partitions(manners.period_of(context))
        return str(taken["drop_id"])

    take()


intake()
