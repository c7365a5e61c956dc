"""Sources of predictions: the model on this machine, or a service that gets only de-identified files."""

import threading
import uuid
from collections.abc import Mapping
from typing import Any, Final, Protocol

from pneumonia.errors import PneumoniaError, problem, rejects
from pneumonia.predictor import Predictor
from pneumonia_cli.client.call import ask, model_of
from pneumonia_cli.client.errors import CliError, Refused
from pneumonia_cli.client.service import Service
from pneumonia_cli.dicom_out.answer import Answer
from pneumonia_cli.gateway.deidentify import Clean
from pneumonia_cli.gateway.errors import TryAgain

_OUTSIDE: Final = "outside_training_population"


class Answers(Protocol):
    """Interface of a source of predictions."""

    def model(self) -> Mapping[str, str]:
        """Return name, version and sha256 of the model. Raises TryAgain."""

    def of(self, data: bytes) -> Answer:
        """Return the answer for one file. Raises TryAgain."""


class LocalModel:
    """The model in this process. It predicts one image at a time."""

    def __init__(self, predictor: Predictor, *, force: bool) -> None:
        self._predictor = predictor
        self._force = force
        self._lock = threading.Lock()

    def model(self) -> Mapping[str, str]:
        """Return name, version and sha256 of the model."""
        return self._predictor.card.identity()

    def of(self, data: bytes) -> Answer:
        """Return the answer for one file. Raises TryAgain if the model itself failed."""
        model, request_id = self.model(), str(uuid.uuid4())
        try:
            with self._lock:
                found = self._predictor.predict(data, request_id=request_id, heatmap=True, force=self._force)
        except PneumoniaError as error:
            if not rejects(error):
                raise TryAgain(f"The model failed: {error.code}.") from error
            return Answer(problem(error, request_id), model, self._force)
        return Answer(found.body, model, self._force, found.heatmap_png)


class RemoteService:
    """The service of a deployed stack or of the local cloud."""

    def __init__(self, service: Service, *, force: bool, patience_seconds: float) -> None:
        self._service = service
        self._force = force
        self._patience_seconds = patience_seconds

    def model(self) -> Mapping[str, str]:
        """Return name, version and sha256 of the model. Asks each time, since the service may have a new model."""
        try:
            return model_of(self._service)
        except CliError as error:
            raise TryAgain(f"Cannot read the model card of the service: {error.code}.") from error

    def of(self, data: bytes) -> Answer:
        """Return the answer for one file. Raises TryAgain if the service did not answer."""
        try:
            fields, png = ask(
                self._service, data, heatmap=True, force=self._force, patience_seconds=self._patience_seconds
            )
        except Refused as refused:
            return Answer(refused.fields, self.model(), self._force)
        except CliError as error:
            raise TryAgain(f"The service returned no prediction: {error.code}.") from error
        return Answer(fields, fields["model"], self._force, png)


def completed(answer: Answer, clean: Clean, sop_instance_uid: str, study_instance_uid: str) -> Answer:
    """Turn the answer for a clean file into the answer for the image.

    Puts the original UIDs back and adds the conclusions from the header. Raises TryAgain if the answer is for another
    file.
    """
    if answer.refused:
        return answer
    image: dict[str, Any] = dict(answer.fields.get("image") or {})
    if image.get("sop_instance_uid") != clean.sop_pseudonym:
        raise TryAgain("The response of the service is for another image.")
    image |= {"sop_instance_uid": sop_instance_uid, "study_instance_uid": study_instance_uid}
    found = [*clean.warnings, *(code for code in image.get("warnings") or [] if code not in clean.warnings)]
    fields = {**answer.fields, "image": image}
    if clean.other_population:
        fields["in_training_population"] = False
        found = [*(code for code in found if code != _OUTSIDE), _OUTSIDE]
    image["warnings"] = found
    return Answer(fields, answer.model, answer.force, answer.heatmap_png)
