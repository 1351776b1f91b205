"""
**Penyaluran.** Setiap hari perbankan pukul 03.00 WIB: menentukan siapa yang berhak, membuat instruksi dan berkas bank,
meminta persetujuan orang kedua untuk setiap kelompok, lalu mengirim. Yang sudah jatuh tempo saja, tidak lebih.

- **Menyetujui:** menu *Required Actions*; baca jumlah penerima, jumlah uang dan sidik jari; *Approve* atau *Reject*.
  Hanya pemeriksa yang ditunjuk dapat menjawab, dan pembuat tidak dapat melepas kelompoknya sendiri.
- Menandai tugas sebagai berhasil **tidak melepas apa pun**: pengirim hanya percaya pada buku besar.
- Ditolak: kelompok ditarik, haknya bebas kembali; jalankan lagi setelah diperbaiki.
- Bank tidak terjangkau: dicoba lagi sendiri. Pengiriman yang terputus menjadi `unknown` dan tidak pernah dikirim buta.

---
**Disburse.** Every banking day at 03:00 Jakarta time: decides who is due, makes bank files, asks a second person
about each batch, then sends. What has become due and nothing else.

- **To release:** *Required Actions*, *Approve* or *Reject*. Only a configured checker can, never the batch's maker.
- Marking a task a success **releases nothing**: the sender believes the ledger alone.
- Rejected: the batch is withdrawn and its entitlements are free; run again once it is put right.
- A bank out of reach is tried again. An upload that broke off becomes `unknown` and is never sent blind.
"""

from typing import Any

from airflow.sdk import dag, task, task_group

from treasury.desk import manners
from treasury.desk.release import ReleaseOperator, send_released


@dag(
    dag_id="disburse",
    dag_display_name="2 · Penyaluran / disburse",
    schedule=manners.every("0 3 * * 1-5"),
    start_date=manners.START_DATE,
    catchup=False,
    max_active_runs=5,  # a batch that waits for its release must not keep tomorrow's from being made
    default_args=manners.DEFAULT_ARGS,
    tags=["salur", "disbursement"],
    doc_md=__doc__,
    deadline=manners.alert_after(manners.RELEASE_WITHIN, "disburse: a release is unanswered or a bank takes nothing"),
    params={"period": manners.period_param(), "execution_date": manners.date_param()},
)
def disburse() -> None:
    @task(inlets=[manners.COMPLETIONS], max_active_tis_per_dag=1)
    def entitle(**context: Any) -> str:
        from disbursement import steps

        manners.skip_unless_banking_day(context)
        decided = steps.entitle(manners.house(), manners.period_of(context))
        manners.note(decided)
        return str(decided["run_id"])

    @task(max_active_tis_per_dag=1)
    def instruct(**context: Any) -> list[str]:
        from disbursement import steps

        house = manners.house()
        maker = context["dag_run"].triggering_user_name or house.actor
        made = steps.instruct(house, manners.period_of(context), maker, manners.execution_date_of(context))
        manners.note(made)
        return list(made["batches"])

    submit = task(task_id="submit", max_active_tis_per_dag=1)(send_released)

    @task_group
    def channel(batch: str) -> Any:
        ReleaseOperator(task_id="release", batch=batch) >> (sent := submit(batch))
        return sent

    @task(outlets=[manners.SUBMISSIONS], trigger_rule="all_done")
    def announce(sent: list[list[str] | None] | None, outlet_events: Any = None, **context: Any) -> None:
        # On a day on which nobody is due there is no channel, and Airflow hands over None.
        manners.announce(outlet_events, manners.SUBMISSIONS, {manners.period_of(context)} if any(sent or ()) else ())

    entitle() >> (batches := instruct())
    sent = channel.expand(batch=batches)
    sent >> [announce(sent), manners.settled()]


disburse()
