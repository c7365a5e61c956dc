"""The model card: the file that defines which graphs are served, how, and with which thresholds."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from pneumonia.errors import ModelError
from pneumonia.prevalence import EVEN

CARD_FILE = "card.json"
SCHEMA_VERSION = 2
# The preprocessing in preprocess.py. A card with any other value was made for other code.
PREPROCESSING = {"resample": "bilinear", "aspect_ratio": "squash"}
# The grey range that the model sees: as decoded, or changed by `preprocess.stretched`.
RANGES = ("as_decoded", "stretched")
LABELS = ("normal", "pneumonia")
# The poses in which an image can arrive, in the order of the graph's `gate_pose`. Turns are counter-clockwise.
POSES = ("upright", "turned_90", "upside_down", "turned_270", "inverted")


class InputSpec(NamedTuple):
    """Size of one member's input in pixels. The input is always uint8 with one channel."""

    height: int
    width: int


class Member(NamedTuple):
    """One ONNX graph of the ensemble. `file` is a path relative to the card, `sha256` a digest in lower-case hex."""

    file: str
    sha256: str
    input: InputSpec
    weight: float

    def verify(self, directory: Path) -> None:
        """Compare the file with its sha256. Raises ModelError on a missing or altered file."""
        # Imported here, because it loads OpenSSL: 7 MB that most starts do not need (docs/performance.md).
        import hashlib

        path = directory / self.file
        try:
            with path.open("rb") as stream:
                found = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise ModelError(f"Cannot read the model {path} ({error.strerror}). Restore the artifacts.") from error
        if found != self.sha256:
            raise ModelError(
                f"{path} has sha256 {found}, but the card says {self.sha256}: the file is damaged, or was "
                "replaced without its card. Restore both from the same version."
            )


class Calibration(NamedTuple):
    """p = sigmoid(slope * logit + intercept) (Platt scaling).

    `prevalence`: the share of pneumonia, between 0 and 1, for which p is calibrated.
    """

    method: str
    slope: float
    intercept: float
    prevalence: float = EVEN


class OperatingPoints(NamedTuple):
    """Thresholds on the calibrated probability: 0 < rule_out <= balanced <= rule_in < 1."""

    rule_out: float
    balanced: float
    rule_in: float


class Golden(NamedTuple):
    """The self-test: a stored input and the logit that it must give, within `tolerance`."""

    file: str
    logit: float
    tolerance: float


class GateSpec(NamedTuple):
    """Limits on the gate outputs of the first member's graph (`gate.py`).

    `distance`: the image is not a chest X-ray if its distance is above this. `population`: the image is not of the
    training population if its value is above this.
    """

    distance: float
    population: float


@dataclass(frozen=True)
class Card:
    """A validated model card.

    `stretch`: whether the grey range of images is stretched for the model. `full_scale`: the evidence in one cell, in
    units of the logit, that a heatmap shows in its strongest colour. `document`: the content of card.json, for GET
    /model.
    """

    name: str
    version: str
    members: tuple[Member, ...]
    calibration: Calibration
    operating_points: OperatingPoints
    golden: Golden
    gate: GateSpec | None
    stretch: bool
    full_scale: float
    notice: str
    document: dict[str, Any]

    @classmethod
    def load(cls, directory: Path) -> "Card":
        """Read and validate `card.json` in an artifact folder. Raises ModelError with the reason."""
        path = directory / CARD_FILE
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ModelError(
                f"Cannot read {path} ({error.strerror}). Run `make train` or set MODEL_DIR to the artifacts."
            ) from error
        except ValueError as error:
            raise ModelError(f"{path} is not JSON: {error}") from error
        return cls.from_document(document)

    @classmethod
    def from_document(cls, document: Any) -> "Card":
        """Validate a parsed card. Raises ModelError, which names the field."""
        top = _object(document, "the card")
        version = top.get("schema_version")
        if version != SCHEMA_VERSION:
            raise ModelError(f"card: schema_version is {version!r}, but must be {SCHEMA_VERSION}.")
        if tuple(top.get("labels", ())) != LABELS:
            raise ModelError(f"card: labels must be {list(LABELS)}, not {top.get('labels')!r}.")
        wanted = _object(top.get("preprocessing"), "preprocessing")
        if any(wanted.get(key) != value for key, value in PREPROCESSING.items()):
            raise ModelError(f"card: preprocessing must be {PREPROCESSING}, not {wanted}.")
        grey_range = wanted.get("range")
        if grey_range not in RANGES:
            raise ModelError(f"card: preprocessing.range must be one of {list(RANGES)}, not {grey_range!r}.")
        members = top.get("members")
        if not isinstance(members, list) or not members:
            raise ModelError("card: members must be a list with at least one entry.")
        return cls(
            name=_text(top, "name"),
            version=_text(top, "version"),
            members=tuple(_member(entry, f"members[{index}]") for index, entry in enumerate(members)),
            calibration=_calibration(_object(top.get("calibration"), "calibration")),
            operating_points=_operating_points(_object(top.get("operating_points"), "operating_points")),
            golden=_golden(_object(top.get("golden"), "golden")),
            gate=_gate(_object(top["gate"], "gate")) if top.get("gate") is not None else None,
            stretch=grey_range == "stretched",
            full_scale=_full_scale(_object(top.get("heatmap"), "heatmap")),
            notice=_text(top, "notice"),
            document=dict(top),
        )

    def verify(self, directory: Path) -> None:
        """Compare every member's file with its sha256. Raises ModelError on a missing or altered file."""
        for member in self.members:
            member.verify(directory)

    @cached_property
    def sha256(self) -> str:
        """The identity of the weights: the only member's digest, or the digest of the hex digests of all members."""
        digests = [member.sha256 for member in self.members]
        if len(digests) == 1:
            return digests[0]
        import hashlib  # imported here, as in `verify`

        return hashlib.sha256("".join(digests).encode()).hexdigest()

    def identity(self) -> dict[str, str]:
        """Return the `model` field of predictions and results."""
        return {"name": self.name, "version": self.version, "sha256": self.sha256}


def _member(value: Any, where: str) -> Member:
    entry = _object(value, where)
    spec = _object(entry.get("input"), f"{where}.input")
    if spec.get("channels") != 1 or spec.get("dtype") != "uint8":
        raise ModelError(f"card: {where}.input must have 1 channel of uint8.")
    height, width = spec.get("height"), spec.get("width")
    if not (isinstance(height, int) and isinstance(width, int) and height > 0 and width > 0):
        raise ModelError(f"card: {where}.input height and width must be positive whole numbers.")
    weight = _number(entry, "weight", where)
    if weight <= 0:
        raise ModelError(f"card: {where}.weight must be above 0.")
    return Member(_file(entry, where), _text(entry, "sha256", where).lower(), InputSpec(height, width), weight)


def _calibration(entry: Mapping[str, Any]) -> Calibration:
    slope = _number(entry, "slope", "calibration")
    if slope <= 0:  # a falling curve would reverse the ranking and the heatmap
        raise ModelError("card: calibration.slope must be above 0.")
    # Cards before 0.3.0 do not state the prevalence. Their models are calibrated for an even one (0.5).
    prevalence = _number(entry, "prevalence", "calibration") if "prevalence" in entry else EVEN
    if not 0 < prevalence < 1:
        raise ModelError("card: calibration.prevalence must be between 0 and 1.")
    intercept = _number(entry, "intercept", "calibration")
    return Calibration(_text(entry, "method", "calibration"), slope, intercept, prevalence)


def _operating_points(entry: Mapping[str, Any]) -> OperatingPoints:
    rule_out, balanced, rule_in = (
        _number(_object(entry.get(name), f"operating_points.{name}"), "threshold", f"operating_points.{name}")
        for name in ("rule_out", "balanced", "rule_in")
    )
    if not 0 < rule_out <= balanced <= rule_in < 1:
        raise ModelError(
            "card: thresholds must satisfy 0 < rule_out <= balanced <= rule_in < 1, "
            f"not {rule_out}, {balanced}, {rule_in}."
        )
    return OperatingPoints(rule_out, balanced, rule_in)


def _golden(entry: Mapping[str, Any]) -> Golden:
    tolerance = _number(entry, "tolerance", "golden")
    if tolerance <= 0:
        raise ModelError("card: golden.tolerance must be above 0.")
    return Golden(_file(entry, "golden"), _number(entry, "logit", "golden"), tolerance)


def _gate(entry: Mapping[str, Any]) -> GateSpec:
    poses = entry.get("poses")
    if not isinstance(poses, list) or tuple(poses) != POSES:
        raise ModelError(f"card: gate.poses must be {list(POSES)}, not {poses!r}.")
    return GateSpec(_number(entry, "distance_threshold", "gate"), _number(entry, "population_threshold", "gate"))


def _full_scale(entry: Mapping[str, Any]) -> float:
    scale = _number(entry, "full_scale", "heatmap")
    if scale <= 0:
        raise ModelError("card: heatmap.full_scale must be above 0.")
    return scale


def _object(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ModelError(f"card: {where} must be a JSON object.")
    return value


def _text(entry: Mapping[str, Any], key: str, where: str = "") -> str:
    value = entry.get(key)
    if not isinstance(value, str) or not value:
        raise ModelError(f"card: {where + '.' if where else ''}{key} must be a non-empty text.")
    return value


def _number(entry: Mapping[str, Any], key: str, where: str) -> float:
    value = entry.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ModelError(f"card: {where}.{key} must be a finite number.")
    return float(value)


def _file(entry: Mapping[str, Any], where: str) -> str:
    name = _text(entry, "file", where)
    if Path(name).name != name:
        raise ModelError(f"card: {where}.file must be a file name without a folder, not {name!r}.")
    return name
