"""
**Laporan siklus.** Setelah setiap rekonsiliasi: menulis laporan bulan itu (halaman, buku kerja Excel, tabel Parquet, halaman
pemeriksaan data) dan paket bukti ke `reports/BULAN` di rumah data.

- Laporan lama tidak hilang: isinya dapat dibuat kembali dari buku besar, dan paket bukti diperiksa dengan `salur verify`.
- Laporan menyebut selisih yang masih terbuka; bulan baru selesai bila semuanya punya pemilik dan jawaban.

---
**Cycle report.** After each reconciliation: writes the month's report (page, Excel workbook, Parquet tables, data docs) and
evidence pack to `reports/PERIOD` in the home.

- Nothing of an older report is lost: it can be made again from the ledger, and `salur verify` checks an evidence pack.
- The report names the breaks still open; a month is over only when each has an owner and an answer.
"""

from typing import Any

from airflow.sdk import PartitionedAssetTimetable, dag, task

from treasury.desk import manners


@dag(
    dag_id="close",
    dag_display_name="5 · Laporan / close",
    schedule=PartitionedAssetTimetable(assets=manners.PROOFS),
    start_date=manners.START_DATE,
    catchup=False,
    max_active_runs=1,
    default_args=manners.DEFAULT_ARGS,
    tags=["salur", "reconciliation"],
    doc_md=__doc__,
    params={"period": manners.period_param()},
)
def close() -> None:
    @task
    def report(**context: Any) -> None:
        from reconciliation import steps

        period = manners.period_of(context)
        house = manners.house()
        manners.note(steps.report(house, period, house.path / "reports" / period))

    report()


close()
