"""
**Menunggu jawaban bank.** Setelah setiap pengiriman: menunggu sampai setiap bank menjawab semua berkas bulan itu. Tidak ada
yang dikerjakan di sini, dan bank yang diam terlalu lama menimbulkan peringatan.

- Peringatan muncul: periksa `collect`, lalu hubungi bank. **Jangan mengirim ulang**: bank mungkin sudah menerima berkasnya.
- Jawaban lewat jalan lain: `salur receive BERKAS --bank KODE`; penantian berakhir sendiri.
- Diam melewati tenggat: berkas menjadi `unknown`. `salur unknown list`; surat bank dicatat satu orang, disahkan orang kedua.

---
**Waiting for the banks.** After each submission: waits until every bank has answered all files of that month. Nothing is done
here, and a bank that stays silent for too long raises an alert.

- When the alert comes: look at `collect`, then call the bank. **Do not send again**: the bank may well have the file.
- An answer that came another way: `salur receive FILE --bank CODE`; the waiting ends by itself.
- Silence past the deadline leaves the file `unknown`: `salur unknown list`; one person enters the bank's letter, another confirms it.
"""

from typing import Any

from airflow.sdk import PartitionedAssetTimetable, dag, task

from treasury.desk import manners


@dag(
    dag_id="answers",
    dag_display_name="· Menunggu bank / answers",
    schedule=PartitionedAssetTimetable(assets=manners.SUBMISSIONS),
    start_date=manners.START_DATE,
    catchup=False,
    max_active_runs=31,  # a waiting run takes no slot, and a month has so many banking days at most
    default_args=manners.DEFAULT_ARGS,
    tags=["salur", "reconciliation"],
    doc_md=__doc__,
    deadline=manners.alert_after(manners.ANSWER_WITHIN, "answers: a bank stays silent about files that it was sent"),
    params={"period": manners.period_param()},
)
def answers() -> None:
    @task.sensor(mode="reschedule", poke_interval=manners.POKE_SECONDS, timeout=manners.SILENCE_MAX.total_seconds())
    def answered(**context: Any) -> bool:
        return not manners.silent(manners.period_of(context))

    answered()


answers()
