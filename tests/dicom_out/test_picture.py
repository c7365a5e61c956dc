import io

import numpy as np
from PIL import Image

from pneumonia_cli.dicom_out.answer import Answer
from pneumonia_cli.dicom_out.picture import SIDE, draw
from tests.dicom_out.conftest import MakeAnswer
from tests.dicom_out.films import MODEL, prediction


def test_the_xray_with_its_heat_is_in_it_and_text_below(make_answer: MakeAnswer, heatmap_png: bytes) -> None:
    picture = draw(make_answer())
    assert picture.dtype == np.uint8
    assert picture.shape[1:] == (SIDE, 3)
    xray = np.asarray(Image.open(io.BytesIO(heatmap_png)).convert("RGB"))[:300]
    place = picture[700, 900].astype(int)  # where the heat is
    assert np.abs(place - xray[round(700 * 300 / 768), round(900 * 400 / 1024)].astype(int)).max() <= 4
    assert picture[768 + 70 :].max() > 200


def test_research_use_only_is_drawn_over_the_xray(make_answer: MakeAnswer) -> None:
    band = draw(make_answer())[4:38, SIDE // 2 - 100 : SIDE // 2 + 100]
    assert (band == (127, 0, 0)).all(axis=2).mean() > 0.4
    assert (band == 255).all(axis=2).mean() > 0.05


def test_caveats_and_warnings_get_lines(make_answer: MakeAnswer) -> None:
    heights = [
        draw(answer).shape[0]
        for answer in (
            make_answer(),
            make_answer(in_training_population=False),
            make_answer(in_training_population=False, force=True),
            make_answer(image={"warnings": ["film_inverted", "outside_training_population"]}),
            make_answer(at_prevalence={"prevalence": 0.1, "probability": 0.3}),
        )
    ]
    plain = heights[0]
    assert [height - plain for height in heights] == [0, 94, 94, 64, 0]


def test_a_narrow_xray_loses_its_borders(narrow_png: bytes) -> None:
    picture = draw(Answer(prediction(), MODEL, False, narrow_png))
    columns = picture[100:1000].max(axis=(0, 2)) > 0
    assert 250 <= columns.sum() <= 262  # 1024 / 4
