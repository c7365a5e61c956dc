"""The notebook runs from top to bottom. The stored copy holds no output, so no image of a patient."""

import shutil
from pathlib import Path

import pytest

pytest.importorskip("tensorflow", reason="TensorFlow is only in the training environment (make train-test)")

import nbformat
from nbclient import NotebookClient

from tests.training.conftest import TINY

NOTEBOOK = Path(__file__).parents[2] / "training" / "pneumonia_classifier.ipynb"


def test_the_stored_notebook_holds_no_output() -> None:
    cells = [cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "code"]
    assert cells
    assert all(not cell.outputs and cell.execution_count is None for cell in cells)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_it_runs_from_top_to_bottom(
    images_dir: Path, lungs_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for split in ("train", "test"):
        shutil.copytree(images_dir, tmp_path / "data" / split)
    monkeypatch.setenv("CXR_ROOT", str(tmp_path / "data"))
    monkeypatch.setenv("CXR_WEIGHTS", "none")
    monkeypatch.setenv("CXR_RUN", str(tmp_path / "run"))
    monkeypatch.setenv("CXR_LUNGS", str(lungs_file))
    monkeypatch.setenv("CXR_TRAIN_OPTIONS", " ".join([*TINY, "--epochs 1"]))
    monkeypatch.setenv("CXR_TUNE_OPTIONS", "--epochs 1")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(NOTEBOOK.parent)}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 7
    assert (tmp_path / "run-tuned-7" / "final" / "model.keras").exists()
    assert any(
        "AUC under simulated acquisitions" in output.get("data", {}).get("text/markdown", "") for output in outputs
    )
