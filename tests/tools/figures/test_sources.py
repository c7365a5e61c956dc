"""The figures of the documents match their sources, and the sources are for the shipped model."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tools.figures import markers, measured, samples, sources
from tools.figures.__main__ import documents

FIGURES = sources.figures()
MEASURED = measured.load()


def of_documents() -> list[Any]:
    return [pytest.param(path, id=str(path.relative_to(measured.ROOT))) for path in documents()]


@pytest.mark.parametrize("path", of_documents())
def test_a_document_has_the_current_figures(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert markers.filled(text, FIGURES) == text, "a source of figures has changed: make figures"


def test_every_figure_is_used() -> None:
    used = set().union(*(markers.names(path.read_text(encoding="utf-8")) for path in documents()))
    assert FIGURES.keys() - used == set()


def test_measurements_use_the_shipped_model() -> None:
    for name, section in MEASURED.items():
        if "model" in section:
            assert section["model"] == samples.model(), f"the model has changed: {section['command']} ({name})"


def test_an_example_of_an_answer_names_the_shipped_model() -> None:
    version, digest = samples.model()["version"], samples.model()["sha256"]
    for path in documents():
        text = path.read_text(encoding="utf-8")
        for shown in re.findall(r'"name": "xception-pneumonia", "version": "([^"]+)"', text):
            assert shown == version, path
        for shown in re.findall(r'"sha256": "([0-9a-f]{12})…', text):
            assert digest.startswith(shown), path


def test_tables_of_samples_show_the_probabilities_of_the_model() -> None:
    """Check every line of an example that has a sample, its triage and its percentage, as the commands print them."""
    known = MEASURED["samples"]["probabilities"]
    row = re.compile(r"^ *(\S+\.png) +(likely pneumonia|indeterminate|likely normal) +([\d.]+)%", re.M)
    for path in documents():
        for name, triage, shown in row.findall(path.read_text(encoding="utf-8")):
            probability, expected = known[name]
            assert triage.replace(" ", "_") == expected, f"{path}: {name}"
            assert float(shown) == pytest.approx(100 * probability, abs=0.06), f"{path}: {name}"


def test_the_model_answers_the_samples_as_the_documents_show() -> None:
    now, then = samples.measure(), MEASURED["samples"]
    assert now["probabilities"].keys() == then["probabilities"].keys()
    for name, (probability, triage) in now["probabilities"].items():
        assert probability == pytest.approx(then["probabilities"][name][0], abs=0.01), name
        assert triage == then["probabilities"][name][1], name
    assert now["answer"].keys() == then["answer"].keys(), f"an answer has other fields: {samples.COMMAND}"


def test_the_price_of_a_million_images_follows_from_time_and_prices() -> None:
    entry = {"heatmap_upload": {"ms": {"upload_heatmap": {"median": 100.0}}}}
    prices = {"memory_mb": 1024, "price_gb_second": 0.00001, "price_million_requests": 0.2}
    found = sources.backfill_figures({"process": {"jpeg_2000": entry}}, prices)
    assert found == {"backfill.ms": "100.0 ms", "backfill.lambda": "1.01", "backfill.wait": "1.00"}


def test_a_missing_section_is_taken_from_another_kind_of_machine() -> None:
    bench = {"process": {"a": 1}, "others": {"avx2": {"process": {"a": 2}, "container": {"b": 3}}}}
    assert sources._section(bench, "process") == {"a": 1}
    assert sources._section(bench, "container") == {"b": 3}
    with pytest.raises(KeyError, match="worker"):
        sources._section(bench, "worker")


def test_a_missing_figure_is_named() -> None:
    card = json.loads(sources.CARD.read_text(encoding="utf-8"))
    with pytest.raises(KeyError, match="origin"):
        sources.model_figures(card, "no table")
