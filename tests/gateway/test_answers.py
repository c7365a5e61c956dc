import pytest

from pneumonia.predictor import Predictor
from pneumonia_cli.dicom_out.answer import Answer
from pneumonia_cli.gateway.answers import LocalModel, completed
from pneumonia_cli.gateway.deidentify import deidentified
from pneumonia_cli.gateway.errors import TryAgain
from pneumonia_cli.gateway.pseudonyms import Pseudonyms
from tests.dicom_out.films import HEADER, MODEL, dicom_film, prediction, refusal

KEY = Pseudonyms(b"k" * 32)
UIDS = HEADER["SOPInstanceUID"], HEADER["StudyInstanceUID"]


@pytest.mark.parametrize("elements", [{}, {"PatientAge": "045Y"}, {"ViewPosition": "LL"}, {"BodyPartExamined": "HAND"}])
def test_the_answer_is_that_of_the_whole_file(predictor: Predictor, elements: dict[str, str]) -> None:
    data = dicom_film(**elements)
    clean = deidentified(data, KEY)
    found = completed(LocalModel(predictor, force=False).of(clean.data), clean, *UIDS)
    whole = predictor.predict(data, request_id="", heatmap=True)
    unlike = {"timing_ms": None, "request_id": None}
    assert {**found.fields, **unlike} == {**whole.body, **unlike}
    assert found.heatmap_png == whole.heatmap_png


def test_a_refusal_of_the_local_model(predictor: Predictor) -> None:
    clean = deidentified(dicom_film(Modality="CT"), KEY)
    answer = LocalModel(predictor, force=False).of(clean.data)
    assert answer.fields["code"] == "not_a_radiograph"
    assert completed(answer, clean, *UIDS) is answer
    assert completed(refusal(), clean, *UIDS).refused


def test_an_answer_for_another_image_is_refused() -> None:
    clean = deidentified(dicom_film(), KEY)
    other = Answer(prediction(image={"sop_instance_uid": "2.25.1", "warnings": []}), MODEL, False)
    with pytest.raises(TryAgain, match="another image"):
        completed(other, clean, *UIDS)
