from pathlib import Path

from pneumonia.predictor import Predictor
from pneumonia_cli.reporting.images import ImageFile
from pneumonia_cli.reporting.predict_all import predict_all


def test_a_file_that_is_gone_empty_or_too_large_is_refused(predictor: Predictor, tmp_path: Path) -> None:
    large, empty = tmp_path / "large.png", tmp_path / "empty.png"
    with large.open("wb") as stream:
        stream.truncate(predictor.limits.max_image_bytes + 1)  # uses no space on the disk
    empty.touch()
    images = [ImageFile(path, path.name) for path in (tmp_path / "gone.png", empty, large)]
    errors = [line["error"] for line in predict_all(predictor, images)]
    assert [(error["code"], error["status"]) for error in errors] == [
        ("unreadable_file", 400), ("missing_image", 400), ("too_large", 413),
    ]  # fmt: skip
