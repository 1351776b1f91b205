"""
**Rekonsiliasi.** Berjalan sendiri setiap kali pengiriman atau jawaban bank menyentuh suatu bulan: mencocokkan instruksi,
laporan status dan rekening koran, memberi nama setiap selisih, dan membuktikan bahwa setiap rupiah berada di satu tempat.

- Selisih yang terbuka bukan kegagalan: kerjakan di daftar pengecualian (`salur exceptions`).
- Gagal dengan kode 12: sebuah persamaan tidak terpenuhi. Jangan menandai berhasil; log menyebut tahap dan besarnya.
- Jawaban yang terlambat mengubah hasil kemarin; keduanya disimpan.

---
**Reconcile.** Runs by itself whenever a submission or a bank's answer touches a month: matches instructions, status reports
and statements, names every difference, and proves that each rupiah is in exactly one place.

- Open breaks are no failure: work on them in the exceptions list (`salur exceptions`).
- Failed with code 12: an equation does not hold. Do not mark it a success; the log names the stage and by how much.
- A late answer changes yesterday's result; both are kept.
"""

from typing import Any

from airflow.sdk import PartitionedAssetTimetable, dag, task

from treasury.desk import manners


@dag(
    dag_id="reconcile",
    dag_display_name="4 · Rekonsiliasi / reconcile",
    schedule=PartitionedAssetTimetable(assets=manners.SUBMISSIONS | manners.RESPONSES),
    start_date=manners.START_DATE,
    catchup=False,
    max_active_runs=1,
    default_args=manners.DEFAULT_ARGS,
    tags=["salur", "reconciliation"],
    doc_md=__doc__,
    params={"period": manners.period_param()},
)
def reconcile() -> None:
    @task(outlets=[manners.PROOFS])
    def prove(outlet_events: Any = None, **context: Any) -> None:
        from reconciliation import steps

        period = manners.period_of(context)
        manners.note(steps.reconcile(manners.house(), period))
        outlet_events[manners.PROOFS].add_partitions(period)

    prove()


reconcile()
