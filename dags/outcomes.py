"""
**Kabar bagi peserta.** Setiap jam: memberitahukan kepada platform pelatihan dan dasbor program apa yang terjadi dengan setiap
pembayaran (`dijadwalkan`, `sedang diproses`, `berhasil`, `gagal`, `dana tertahan`) dan apa yang dapat dilakukan peserta.

- Hanya yang berubah, dan setiap perubahan satu kali; yang belum diterima diberikan lagi dengan nama dan kunci yang sama.
- Penerima tidak terjangkau: dicoba lagi sendiri, dan penerima lain tetap mendapat kabarnya. Penyaluran tidak menunggu.
- Yang belum tersampaikan: `salur status`. Dibawa dengan tangan: `salur outcomes --outlet NAMA --out FOLDER`.

---
**News for participants.** Every hour: tells the training platforms and the programme's dashboard what became of each payment
(scheduled, being processed, paid, failed, funds held) and what the participant can do.

- What has changed alone, and each change once; what was not acknowledged is given again under the same name and key.
- A receiver out of reach is tried again, and the others get their news. Nothing that moves money waits for it.
- What is not delivered: `salur status`. By hand: `salur outcomes --outlet NAME --out FOLDER`.
"""

from airflow.sdk import dag, task
from airflow.sdk.exceptions import AirflowSkipException

from treasury.desk import manners


@dag(
    dag_id="outcomes",
    dag_display_name="· Kabar peserta / outcomes",
    schedule=manners.every("25 * * * *"),  # not on an answer: what an outlet did not take must go out without one
    start_date=manners.START_DATE,
    catchup=False,
    max_active_runs=1,
    default_args=manners.DEFAULT_ARGS,
    tags=["salur", "reconciliation"],
    doc_md=__doc__,
    params={"period": manners.period_param()},
)
def outcomes() -> None:
    @task
    def tell() -> None:
        from reconciliation import telling

        house = manners.house()
        if not house.config.get("outcomes"):
            raise AirflowSkipException("no outlet is configured: nobody to tell")
        manners.note(telling.tell(house))

    tell()


outcomes()
