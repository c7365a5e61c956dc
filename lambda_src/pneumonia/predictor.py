"""Predict an image from the bytes of its file. HTTP, direct invokes, uploads and commands all use this module."""

import functools
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from pneumonia.decode.heap import Heap
from pneumonia.decode.image import DecodedImage, check_content
from pneumonia.decode.isolated import decode_in_time
from pneumonia.decode.limits import Limits
from pneumonia.errors import ModelError, PneumoniaError
from pneumonia.model.card import Card
from pneumonia.model.gate import Verdict, hypothesis, in_training_population, judge, refusal, undone
from pneumonia.model.heatmap import evidence_map, heat_of, overlay
from pneumonia.model.sessions import Map, Model, ModelOutput
from pneumonia.model.triage import assess
from pneumonia.settings import Settings, process_settings


class Prediction(NamedTuple):
    """`body`: the fields of the response, ready for JSON. `heatmap_png`: the overlay, if it was requested.
    `evidence_map`: the values that the overlay is drawn from, ready for JSON (`model.heatmap.evidence_map`)."""

    body: dict[str, Any]
    heatmap_png: bytes | None
    evidence_map: dict[str, Any]


class _Look(NamedTuple):
    """The output and times of running the graphs on one image."""

    image: DecodedImage
    output: ModelOutput
    preprocess_ms: float
    model_ms: float

    def at(self, image: DecodedImage, other: "_Look") -> "_Look":
        """Return the same output for `image`, with the times of `other` added."""
        return _Look(image, self.output, self.preprocess_ms + other.preprocess_ms, self.model_ms + other.model_ms)


class Predictor:
    """Decodes, preprocesses, predicts and triages an image in one call, in the same way for every caller."""

    def __init__(self, card: Card, model: Model, directory: Path, limits: Limits) -> None:
        self.card = card
        self.limits = limits
        self._model = model
        self._directory = directory
        self._heap = Heap()

    @classmethod
    def load(cls, settings: Settings) -> "Predictor":
        """Load the card and the model. Raises ModelError if the artifacts are missing, damaged or do not match."""
        card = Card.load(settings.model_dir)
        model = Model(card, settings.model_dir, settings.intra_op_threads)
        return cls(card, model, settings.model_dir, settings.limits)

    def predict(
        self, data: bytes, *, request_id: str, heatmap: bool, force: bool = False, apart: bool = False
    ) -> Prediction:
        """Predict one image from the bytes of its file.

        In the body, `normal` + `pneumonia` = 1 (six decimals), and `image` describes how the image was decoded.
        `timing_ms` contains decode, preprocess, model (the graphs only) and total (this whole call, with the heatmap
        but without fetching the image). `force` predicts an image that the gate would refuse, and adds the gate's code
        to the warnings. `apart` decodes plain JPEG and PNG files in the decoder process as well, like all other files.

        Raises NotAChestXray, WrongOrientation, ModelError, and the errors of `decode_in_time` and `check_content`.
        """
        try:
            return self._predicted(data, request_id, heatmap, force, apart)
        finally:
            self._heap.give_back()

    def _predicted(self, data: bytes, request_id: str, heatmap: bool, force: bool, apart: bool) -> Prediction:
        start = time.perf_counter()
        image = check_content(self._decode(data, apart=apart), self.limits.min_image_side)
        decoded = time.perf_counter()
        look = self._through_gate(self._look(image), force)
        heat = self._heat(look)
        png = overlay(look.image.pixels, heat, look.output.lung_map) if heatmap else None
        timing = {
            "decode": _ms(start, decoded),
            "preprocess": round(look.preprocess_ms, 2),
            "model": round(look.model_ms, 2),
            "total": _ms(start, time.perf_counter()),
        }
        body = self._body(look, timing, request_id, force)
        return Prediction(body, png, evidence_map(heat, look.output.lung_map))

    def _decode(self, data: bytes, *, apart: bool = False) -> DecodedImage:
        return decode_in_time(data, self.limits, self._model.enough, apart=apart)

    def _look(self, image: DecodedImage) -> "_Look":
        start = time.perf_counter()
        batches = self._model.prepare([image.pixels])
        prepared = time.perf_counter()
        output = self._model.run(batches)[0]
        return _Look(image, output, _ms(start, prepared), _ms(prepared, time.perf_counter()))

    def _heat(self, look: "_Look") -> Map:
        probability = assess(look.output.logit, self.card).probability
        return heat_of(look.output.activation_map, probability, self.card)

    def _through_gate(self, first: "_Look", force: bool) -> "_Look":
        """Return the output for the image as sent or, if its grey levels were inverted, for the corrected image. Raises
        NotAChestXray, WrongOrientation."""
        limits, scores = self.card.gate, first.output.gate
        if limits is None or scores is None:
            return first
        verdict = judge(scores, limits)
        if verdict is Verdict.XRAY:
            return first
        change = hypothesis(scores)
        second = self._look(replace(first.image, pixels=undone(first.image.pixels, change)))
        explained = second.output.gate is not None and judge(second.output.gate, limits) is Verdict.XRAY
        if explained and change == "inverted":
            back = replace(second.image.warned("film_inverted"), inverted=not first.image.inverted)
            return second.at(back, first)
        if not explained and verdict is Verdict.CHANGED:
            return first.at(first.image, second)  # the image as sent looks more like an X-ray than the turned one
        error = refusal(change if explained else None)
        if not force:
            raise error
        return first.at(first.image.warned(error.code), second)

    def self_test(self) -> None:
        """Predict the card's golden input. Raises ModelError if its logit differs from the card's."""
        golden = self.card.golden
        path = self._directory / golden.file
        try:
            image = self._decode(path.read_bytes())
        except OSError as error:
            raise ModelError(f"Cannot read the golden input {path} ({error.strerror}). Restore it.") from error
        except PneumoniaError as error:
            raise ModelError(
                f"The golden input {path} cannot be decoded. Restore it. The decoder reported: {error.detail}"
            ) from error
        logit = self._model.predict([image.pixels])[0].logit
        if abs(logit - golden.logit) > golden.tolerance:
            raise ModelError(
                f"Self-test failed: {golden.file} gave logit {logit:.4f}, but the card says {golden.logit:.4f} "
                f"± {golden.tolerance:g}. Use the model, libraries and CPU that the card was made with."
            )

    def _body(self, look: "_Look", timing: dict[str, float], request_id: str, force: bool) -> dict[str, Any]:
        assessment = assess(look.output.logit, self.card)
        scores, limits = look.output.gate, self.card.gate
        known = in_training_population(scores, limits) if scores is not None and limits is not None else None
        if look.image.other_population:  # the header of the file says so
            known = False
        image = look.image.warned("outside_training_population") if known is False else look.image
        return {
            "normal": round(1 - assessment.probability, 6),
            "pneumonia": assessment.probability,
            "label": assessment.label,
            "triage": assessment.triage,
            "threshold": assessment.threshold,
            "calibrated_prevalence": self.card.calibration.prevalence,
            "model": self.card.identity(),
            "in_training_population": known,
            "forced": force,
            "image": image.to_json(),
            "timing_ms": timing,
            "request_id": request_id,
            "notice": self.card.notice,
        }


@functools.cache
def process_predictor() -> Predictor:
    """Return the predictor of this process, loaded at first use. After a failure the next call tries again."""
    return Predictor.load(process_settings())


def loaded_version() -> str | None:
    """Return the version of this process's model, or None if none is loaded. This never loads the model."""
    return process_predictor().card.version if process_predictor.cache_info().currsize else None


def _ms(start: float, end: float) -> float:
    return round((end - start) * 1000, 2)
