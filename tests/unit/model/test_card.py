import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pneumonia.errors import ModelError
from pneumonia.model.card import Card


@pytest.fixture
def document(artifacts: Path) -> dict[str, Any]:
    card: dict[str, Any] = json.loads((artifacts / "card.json").read_text())
    return card


def test_load_reads_everything_that_serving_needs(artifacts: Path, document: dict[str, Any]) -> None:
    card = Card.load(artifacts)
    assert (card.name, card.version) == ("tiny-grey", "0.0.1")
    assert [(m.file, m.input.height, m.input.width, m.weight) for m in card.members] == [("tiny-0.onnx", 32, 32, 1.0)]
    points = card.operating_points
    assert (points.rule_out, points.balanced, points.rule_in) == (0.1, 0.4, 0.9)
    assert card.golden.tolerance == 0.01
    assert card.document == document


def test_the_prevalence_of_the_calibration_is_even_odds_unless_the_card_says_another(document: dict[str, Any]) -> None:
    assert Card.from_document(document).calibration.prevalence == 0.5
    document["calibration"]["prevalence"] = 0.2
    assert Card.from_document(document).calibration.prevalence == 0.2


def _set(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        *parents, last = path.split(".")
        entry: Any = document
        for name in parents:
            entry = entry[int(name)] if name.isdigit() else entry[name]
        entry[last] = value

    return change


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("schema_version", 1, "schema_version"),
        ("labels", ["pneumonia", "normal"], "labels"),
        ("preprocessing.resample", "bicubic", "preprocessing"),
        ("preprocessing", None, "preprocessing"),
        ("preprocessing.range", "full", "preprocessing.range"),
        ("heatmap", None, "heatmap"),
        ("heatmap.full_scale", 0, "full_scale"),
        ("members", [], "members"),
        ("members.0.weight", 0, "weight"),
        ("members.0.file", "../elsewhere.onnx", "file name without a folder"),
        ("members.0.sha256", "", "sha256"),
        ("members.0.input.channels", 3, "1 channel"),
        ("members.0.input.height", 0, "height"),
        ("calibration.slope", -1.0, "slope"),
        ("calibration.prevalence", 1, "prevalence"),
        ("calibration.intercept", float("nan"), "intercept"),
        ("operating_points.rule_out.threshold", 0.0, "thresholds"),
        ("operating_points.rule_out.threshold", 0.5, "thresholds"),
        ("operating_points.rule_in.threshold", 1.0, "thresholds"),
        ("operating_points.balanced.threshold", True, "finite number"),
        ("golden.tolerance", 0, "tolerance"),
        ("notice", "", "notice"),
        ("name", 7, "name"),
    ],
)
def test_a_bad_field_is_named(document: dict[str, Any], path: str, value: Any, named: str) -> None:
    _set(path, value)(document)
    with pytest.raises(ModelError, match=named):
        Card.from_document(document)


def test_equal_thresholds_are_allowed(document: dict[str, Any]) -> None:
    for name in ("rule_out", "balanced", "rule_in"):
        document["operating_points"][name]["threshold"] = 0.5
    assert Card.from_document(document).operating_points.balanced == 0.5


def test_missing_card_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="make train"):
        Card.load(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_card_that_is_not_a_json_object(tmp_path: Path, text: str) -> None:
    (tmp_path / "card.json").write_text(text)
    with pytest.raises(ModelError, match="JSON"):
        Card.load(tmp_path)


def test_verify_accepts_unchanged_files(artifacts: Path, card: Card) -> None:
    card.verify(artifacts)


def test_verify_finds_a_single_changed_byte(make_artifacts: Callable[..., Path]) -> None:
    directory = make_artifacts()
    path = directory / "tiny-0.onnx"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelError, match=r"tiny-0\.onnx has sha256"):
        Card.load(directory).verify(directory)


def test_verify_finds_a_missing_file(make_artifacts: Callable[..., Path]) -> None:
    directory = make_artifacts()
    (directory / "tiny-0.onnx").unlink()
    with pytest.raises(ModelError, match="Cannot read the model"):
        Card.load(directory).verify(directory)


def test_identity_of_one_member_and_of_an_ensemble(make_artifacts: Callable[..., Path]) -> None:
    one = Card.load(make_artifacts())
    assert one.identity() == {"name": "tiny-grey", "version": "0.0.1", "sha256": one.members[0].sha256}
    two = Card.load(make_artifacts({"size": 32}, {"size": 16}))
    digests = "".join(member.sha256 for member in two.members)
    assert two.sha256 == hashlib.sha256(digests.encode()).hexdigest()
