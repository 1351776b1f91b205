"""
**Pengambilan jawaban.** Setiap seperempat jam: mengambil laporan status dan rekening koran yang ditinggalkan setiap bank,
menyimpan bitanya lebih dahulu, lalu membacanya. Bulan yang tersentuh direkonsiliasi sendiri, juga bila sebagian
pengambilan gagal.

- Satu berkas yang rusak tidak menghentikan yang lain; berkas itu menjadi selisih yang bernama.
- Bank tidak terjangkau: dicoba lagi sendiri; lewat dua belas menit ada peringatan di log.
- Berkas yang dibawa dengan tangan: `salur receive BERKAS --bank KODE`.

---
**Collect.** Every quarter of an hour: fetches the status reports and statements that each bank has left, stores their bytes
first, then reads them. The months that they touch are reconciled by themselves, also when some of the fetching fails.

- One damaged file never stops the rest; it becomes a break with a name.
- A bank out of reach is tried again; after twelve minutes there is an alert in the log.
- A file carried by hand: `salur receive FILE --bank CODE`.
"""

from datetime import timedelta
from typing import Any

from airflow.sdk import dag, task

from treasury.desk import manners


@dag(
    dag_id="collect",
    dag_display_name="3 · Jawaban bank / collect",
    schedule=manners.every("*/15 * * * *"),
    start_date=manners.START_DATE,
    catchup=False,
    max_active_runs=1,
    default_args=manners.DEFAULT_ARGS,
    tags=["salur", "reconciliation"],
    doc_md=__doc__,
    deadline=manners.alert_after(timedelta(minutes=12), "collect: a bank does not answer"),
    params={"period": manners.period_param()},
)
def collect() -> None:
    @task
    def banks() -> list[str]:
        return manners.bank_codes()

    @task
    def fetch(bank: str) -> None:
        from reconciliation import steps

        manners.note(steps.collect(manners.house(), bank))

    @task(outlets=[manners.RESPONSES], trigger_rule="all_done")
    def announce(outlet_events: Any = None) -> None:
        from reconciliation import steps

        manners.announce(outlet_events, manners.RESPONSES, steps.unreconciled(manners.house()))

    fetch.expand(bank=banks()) >> [announce(), manners.settled()]


collect()
