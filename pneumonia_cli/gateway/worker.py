"""Process one image, from the queue to the delivery of its results."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pneumonia_cli.dicom_out import codes
from pneumonia_cli.dicom_out.answer import Answer
from pneumonia_cli.dicom_out.results import encoded, instances
from pneumonia_cli.dicom_out.source import NotDicom, Source
from pneumonia_cli.gateway.answers import Answers, completed
from pneumonia_cli.gateway.deidentify import CannotClean, deidentified
from pneumonia_cli.gateway.deliver import Destination
from pneumonia_cli.gateway.errors import GiveUp, TryAgain
from pneumonia_cli.gateway.log import Log
from pneumonia_cli.gateway.metrics import Metrics
from pneumonia_cli.gateway.pseudonyms import Pseudonyms
from pneumonia_cli.gateway.reports import Reports
from pneumonia_cli.gateway.retry import Backoff
from pneumonia_cli.gateway.store import Job, Store

NOT_SENT = {
    "code": codes.NOT_SENT,
    "title": "The image was not sent",
    "detail": "The header of the image says that text is burnt into the pixels. This text could name the patient.",
}

MOST_INTERRUPTED: Final = 5
"""An image is given up if its predictions end the process this many times in a row, for example by lack of memory."""


@dataclass(frozen=True)
class Worker:
    """Do the next step for one image. Safe to share between threads.

    `reports`: the FHIR and HL7 reports to make. `dicom`: whether DICOM results are made.
    `keep_burned_in`: keep images in the hospital whose header says that text is burnt in. A prediction would send this
    text out.
    """

    store: Store
    answers: Answers
    destination: Destination
    pseudonyms: Pseudonyms
    backoff: Backoff
    give_up_seconds: float
    keep_burned_in: bool
    log: Log
    metrics: Metrics
    reports: Reports = field(default_factory=Reports)
    dicom: bool = True
    clock: Callable[[], float] = time.time

    def work(self, job: Job) -> Job | None:
        """Predict and deliver, as far as possible. Returns the job if there is a next attempt, else None."""
        stage = "predict" if job.results is None else "deliver"
        try:
            files = job.results if stage == "deliver" else self._answer(job)
            if files is None:  # one of the gateway's own results came back
                self.store.done(job)
                return None
            stage = "deliver"
            self.destination.send(files)
        except GiveUp as error:
            self._failed(job, stage, str(error))
            return None
        except TryAgain as error:
            return self._again(job, stage, str(error))
        except Exception as error:
            # No failure may lose the image or stop the others. Only the class is logged: the text may quote a header.
            return self._again(job, stage, f"The gateway failed: {type(error).__name__}.")
        took = self.clock() - job.received
        self.store.done(job)
        self.metrics.delivered.inc()
        self.metrics.seconds.observe(took)
        self.log("delivered", job=job.id, results=len(files), seconds=round(took, 3))
        return None

    def _answer(self, job: Job) -> list[Path] | None:
        data = job.image.read_bytes()
        try:
            source = Source.of(data)
            if source.is_own_result:
                self.log("own_result_ignored", job=job.id)
                return None
            clean = deidentified(data, self.pseudonyms)
        except (NotDicom, CannotClean) as error:
            raise GiveUp(str(error)) from error
        if job.interrupted >= MOST_INTERRUPTED:
            raise GiveUp(
                f"The gateway stopped {job.interrupted} times while it predicted this image, alone or with other "
                "images."
            )
        self.store.begin(job, self.clock() + self.backoff.seconds(job.interrupted + 1))
        if clean.burned_in and self.keep_burned_in:
            answer = Answer(NOT_SENT, self.answers.model(), force=False)
        else:
            found = self.answers.of(clean.data)
            answer = completed(found, clean, source.sop_instance_uid, source.study_instance_uid)
        results, left_out = self.reports.made(source, answer)
        if self.dicom:
            dicom = {f"{kind}.dcm": encoded(dataset) for kind, dataset in instances(source, answer).items()}
            results = {**dicom, **results}
        for reason in left_out:
            self.log("report_left_out", job=job.id, reason=reason)
        told = "refused" if answer.refused else str(answer.fields["triage"])
        summary = {"triage": told, "model": answer.model["version"], "code": answer.fields.get("code")}
        files = self.store.answered(job, results, summary)
        self.metrics.answered.labels(told).inc()
        self.log("answered", job=job.id, **summary)
        return files

    def _again(self, job: Job, stage: str, reason: str) -> Job | None:
        now = self.clock()
        if now - job.received >= self.give_up_seconds:
            self._failed(job, stage, reason)
            return None
        # Read the job again: if an answer was saved meanwhile, its count of attempts has restarted.
        current = self.store.job(job.id) or job
        wait = self.backoff.seconds(current.attempts + 1)
        self.metrics.retries.labels(stage).inc()
        self.log(
            "try_again", job=job.id, stage=stage, reason=reason, attempts=current.attempts + 1, wait=round(wait, 1)
        )
        return self.store.postpone(current, now + wait, reason)

    def _failed(self, job: Job, stage: str, reason: str) -> None:
        self.store.give_up(self.store.job(job.id) or job, stage, reason)
        self.metrics.given_up.labels(stage).inc()
        self.log("given_up", job=job.id, stage=stage, reason=reason)
