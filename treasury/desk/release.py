"""The second pair of eyes, asked by Airflow and remembered by the ledger.

A consent is written only while an answer is being taken in, from Airflow's record of who answered and when. Marking the
task a success runs no code of ours, hence writes nothing, and the sender looks at the ledger alone.
"""

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Context, Param, conf
from airflow.sdk.api.datamodels._generated import HITLUser as RecordedUser
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskAwaitingInput
from airflow.sdk.execution_time.comms import CreateHITLDetailPayload, HITLDetailRequestResult
from airflow.sdk.execution_time.hitl import HITLUser

from schemas.errors import PersonNeeded
from schemas.money import format_idr
from treasury.desk.manners import house, note

NO_REASON = "ditolak di Airflow tanpa alasan / rejected in Airflow, no reason given"


def checkers() -> list[HITLUser]:
    """Who may release, from Airflow's configuration: `[salur] checkers = id, id:name`.

    Errors: AirflowFailException when nobody is named; then nobody may, rather than everybody.
    """
    named = [entry.partition(":") for entry in conf.getlist("salur", "checkers", fallback=[]) if entry]
    if not named:
        raise AirflowFailException("no checker is configured: set [salur] checkers (AIRFLOW__SALUR__CHECKERS)")
    return [HITLUser(id=id_, name=name or id_) for id_, _, name in named]


def question(batch: dict[str, Any]) -> tuple[str, str]:
    """Subject and body of the question about a batch, Indonesian first: what leaves, how much of what, and its digest."""
    from disbursement.release import shown

    channel, amount = str(batch["channel"]).upper(), format_idr(batch["control_sum_idr"])
    subject = f"Lepas / release {channel}: {batch['transaction_count']} × = {amount}"
    return (
        subject,
        f"""\
Berkas sudah dibuat dan **belum dikirim**. *Approve*: tepat bita dengan sidik jari (*digest*) ini boleh dikirim.
*Reject*: kelompok ditarik dan haknya bebas kembali.

*The files are made and **nothing is sent**. Approve lets exactly the bytes with this digest go. Reject withdraws the
batch; its entitlements are free again.*

{shown(batch, batch["benefits"])}""",
    )


def find_batch(batch: str) -> dict[str, Any]:
    """The batch as the ledger shows it now, with what it is made of (`benefits`).

    Errors: AirflowFailException when there is none of that id.
    """
    from ledger import queries

    with house().store.reading() as connection:
        for row in queries.batch_rows(connection):
            if row["batch"] == batch:
                return row | {"benefits": queries.batch_benefits(connection, batch=batch)[batch]}
    raise AirflowFailException(f"the ledger knows no batch {batch}")


class ReleaseOperator(ApprovalOperator):
    """Asks a checker about one batch, waits without a slot, and writes the answer to the ledger.

    :param batch: the batch's id; (templated)
    """

    template_fields = ("batch",)

    def __init__(self, *, batch: str, **kwargs: Any) -> None:
        # A person may take as long as it takes. And when Airflow loses the task while it takes an answer in, as it can
        # if the answer comes in the very second of the question, the question is to be there again at once.
        limits = {"execution_timeout": None, "retry_delay": timedelta(seconds=10)}
        kwargs.setdefault("map_index_template", "{{ task.batch }}")
        super().__init__(subject="", **{**kwargs, **limits})
        self.batch = batch

    def execute(self, context: Context) -> Any:
        """Puts the question and parks the task; a batch already decided is not asked about again."""
        batch = find_batch(self.batch)
        if batch["state"] != "drafted":
            self.log.info("Batch %s is %s: nothing to ask", self.batch, batch["state"])
            return self.batch
        subject, body = question(batch)
        self._ask(context, subject, body)
        raise TaskAwaitingInput(method_name="execute_complete", kwargs={"shown": batch["digest"]})

    def execute_complete(self, context: Context, event: dict[str, Any], shown: str = "") -> Any:  # noqa: ARG002 - as called
        """Takes the answer in and writes it to the ledger with the digest that was shown.

        Airflow's server makes `event` from its own record, in the transaction that stores who answered; no task and no
        XCom can write it. A default or a time-out names nobody, and nobody is no consent.
        """
        person, options = event.get("responded_by_user"), event.get("chosen_options")
        if not person or options not in ([self.APPROVE], [self.REJECT]):
            raise AirflowFailException(f"Airflow has no record of a person's answer about batch {self.batch}")
        if person["id"] not in {checker["id"] for checker in checkers()}:
            raise AirflowFailException(f"{person['name']} answered about batch {self.batch} and is no checker")
        from disbursement import steps

        if options == [self.APPROVE]:
            steps.release(house(), self.batch, person["name"], shown, via="airflow")
        else:
            reason = str((event.get("params_input") or {}).get("reason") or NO_REASON)
            steps.reject(house(), self.batch, person["name"], reason)
        return self.batch

    def _ask(self, context: Context, subject: str, body: str) -> None:
        """Writes the question. Airflow keeps an older text when a task was cleared: then the digests would part."""
        from airflow.sdk.execution_time.task_runner import SUPERVISOR_COMMS

        # May be left empty: the form keeps its buttons shut while a text that it takes for required is missing.
        reason = Param(None, type=["null", "string"], title="Alasan bila ditolak / reason if rejected")
        stored = SUPERVISOR_COMMS.send(
            CreateHITLDetailPayload(
                ti_id=context["task_instance"].id,
                options=self.options,
                subject=subject,
                body=body,
                params={"reason": reason.serialize()},
                assigned_users=[RecordedUser(id=user["id"], name=user["name"]) for user in checkers()],
            )
        )
        if not isinstance(stored, HITLDetailRequestResult) or stored.body != body:
            raise AirflowFailException(f"Airflow shows another text about batch {self.batch}: start a new run")


def send_released(batch: str) -> list[str]:
    """Sends what is released of a batch, and of no other, if the ledger holds the consent; names of the files sent.

    A withdrawn batch is a skip; one that nobody released needs a person.

    Errors: PersonNeeded when nobody released it, whatever Airflow shows of the task before; TryLater when the bank is
    out of reach.
    """
    from disbursement import steps

    row = find_batch(batch)
    if row["state"] == "withdrawn":
        raise AirflowSkipException(f"batch {batch} was rejected and withdrawn")
    if row["state"] == "drafted":
        raise PersonNeeded(f"batch {batch} is not released", "the ledger holds no consent", "clear the release task")
    sent = steps.submit(house(), batch=batch)
    note(sent)
    return [str(file["file_name"]) for file in sent["files"]]
