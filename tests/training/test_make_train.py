"""Run the training command of docs/model.md unchanged, with tiny images and random weights, through every step."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("keras", reason="Keras is only in the training environment (make train-test)")

from pneumonia.predictor import Predictor
from pneumonia.settings import Settings
from tests.training.conftest import TINY, write_image, write_images, write_lungs

ROOT = Path(__file__).parents[2]
EPOCH = ["--epochs", "1"]


def environment(**variables: str) -> dict[str, str]:
    """Return the environment without the variables that an outer make passes on."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    for name in ("ARGS", "DATA", "LUNGS", "ADULTS", "BOXES", "OTHERS", "NOT_FILMS", "FLOAT32", "WEIGHTS", "VERSION"):
        inherited.pop(name, None)
    return inherited | {"TF_CPP_MIN_LOG_LEVEL": "3"} | variables


def pasted() -> list[list[str]]:
    """Return the commands of the line in docs/model.md that begins with `make train`, with their variables."""
    found = re.search(r"make train DATA=[^`\n]*", (ROOT / "docs" / "model.md").read_text(encoding="utf-8"))
    assert found
    return [shlex.split(command) for command in found.group().split("&&")]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Copy what `make train` needs, with the environment of these tests as .venv-train."""
    folder = tmp_path / "checkout"
    (folder / ".venv-train").mkdir(parents=True)
    shutil.copy(ROOT / "Makefile", folder)
    for name in ("lambda_src", "training", "samples"):
        (folder / name).symlink_to(ROOT / name)
    for name in ("bin", "lib", "pyvenv.cfg"):
        (folder / ".venv-train" / name).symlink_to(Path(sys.prefix) / name)
    (folder / ".venv-train" / ".stamp").touch()
    return folder


@pytest.fixture
def inputs(tmp_path: Path, xception_file: Path) -> dict[str, str]:
    """Return tiny data for every variable that the command of docs/model.md may name."""
    data, random = tmp_path / "chest_xray", np.random.default_rng(1)
    for split in ("train", "test"):
        write_images(data / split)
    for name in ("LUNG_OPACITY", "NORMAL", "NOT_NORMAL_NO_OPACITY"):
        for k in range(4):
            write_image(tmp_path / "rsna" / name / f"{name}-{k}.png", bright=name == "LUNG_OPACITY", seed=500 + k)
    for folder, count in (("adults", 40), ("pictures/noise", 4)):
        (tmp_path / folder).mkdir(parents=True)
        for k in range(count):
            pixels = random.integers(k, 60 + 4 * k, (64, 64), np.uint8)
            Image.fromarray(pixels).save(tmp_path / folder / f"{k:08d}_000.png")
    names = [path.name for path in data.glob("train/*/*.png")]
    (tmp_path / "boxes.csv").write_text("file,x,y,width,height\nLUNG_OPACITY/LUNG_OPACITY-0.png,0,0,256,512\n")
    return {
        "DATA": str(data),
        "LUNGS": str(write_lungs(tmp_path / "lungs.npz", names)),
        "OTHERS": str(tmp_path / "adults"),
        "ADULTS": str(tmp_path / "rsna"),
        "BOXES": str(tmp_path / "boxes.csv"),
        "NOT_FILMS": str(tmp_path / "pictures"),
        "WEIGHTS": str(xception_file),
    }


def make(checkout: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", *arguments], cwd=checkout, env=environment(**variables), capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_the_documented_command_makes_a_model_that_can_be_served(checkout: Path, inputs: dict[str, str]) -> None:
    for program, target, *variables in pasted():
        assert program == "make"
        given = dict(variable.split("=", 1) for variable in variables)
        chosen = {name: inputs[name] for name in given if name != "ARGS"} | {"RUN": "runs/tiny", "ARTIFACTS": "model"}
        if target == "train":
            own = [given["ARGS"]] if "ARGS" in given else []
            chosen |= {"WEIGHTS": inputs["WEIGHTS"], "ARGS": " ".join([*own, *TINY, *EPOCH]), "TUNE": " ".join(EPOCH)}
        # VERSION is exported and empty.
        done = make(checkout, target, *(f"{name}={value}" for name, value in chosen.items()), VERSION="")
        assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"

    served = Predictor.load(Settings(model_dir=checkout / "model"))
    served.self_test()
    card = served.card.document
    assert (card["version"], card["members"][0]["file"]) == ("0.0.0+local", "tiny-int8.onnx")
    assert card["training"]["films_of_each_network"] == {"fold-0": 16, "fold-1": 16}
    assert card["training"]["tuned"]["settings"]["start"] == "tiny/mean"
    assert card["metrics"]["validation"]["films"] == card["metrics"]["test"]["films"] == 32
    assert (card["gate"] is not None) == any("OTHERS=" in word for word in pasted()[0])
    assert "# Model card: xception-pneumonia 0.0.0+local" in (checkout / "model" / "MODEL_CARD.md").read_text()


def planned(checkout: Path, *arguments: str, **variables: str) -> str:
    """Return the commands that `make train` would run."""
    done = make(checkout, "--dry-run", "train", "DATA=films", *arguments, **variables)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_missing_or_empty_version_becomes_a_local_one(checkout: Path) -> None:
    for plan in (planned(checkout), planned(checkout, "VERSION="), planned(checkout, VERSION="")):
        assert '--version "0.0.0+local"' in plan
    assert '--version "1.0.0"' in planned(checkout, "VERSION=1.0.0")


def test_a_wrong_version_is_refused_before_training(checkout: Path) -> None:
    done = make(checkout, "train", "DATA=films", "VERSION=1.0")
    assert done.returncode == 2
    assert "VERSION is '1.0'. Specify a semantic version" in done.stderr
    assert "training.train" not in done.stdout
    assert make(checkout, "need-version", "VERSION=1.0.0-rc.1+local").returncode == 0


def test_without_data_the_message_names_the_variable(checkout: Path) -> None:
    done = make(checkout, "train")
    assert done.returncode == 2
    assert "DATA=chest_xray" in done.stderr
