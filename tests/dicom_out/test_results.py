import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from pneumonia_cli.dicom_out import codes
from pneumonia_cli.dicom_out.results import instances, write
from pneumonia_cli.dicom_out.source import Source
from tests.dicom_out.conftest import MakeAnswer
from tests.dicom_out.films import HEADER, MODEL, dicom_film, refusal

SAME_STUDY = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyDate", "StudyTime",
    "AccessionNumber", "StudyID", "ReferringPhysicianName", "StudyDescription",
)  # fmt: skip
validator = pytest.mark.skipif(not shutil.which("dciodvfy"), reason="dciodvfy is not here (Debian: dicom3tools)")


@pytest.fixture
def source() -> Source:
    return Source.of(dicom_film())


def items(dataset: Any) -> Iterator[Dataset]:
    for item in dataset.get("ContentSequence", []):
        yield item
        yield from items(item)


def value_of(report: Dataset, code: Any) -> Any:
    """Return the value of the only item of a concept: a number, a code value or a text."""
    (item,) = [i for i in items(report) if i.get("ConceptNameCodeSequence", [Dataset()])[0].get("CodeValue") == code]
    if item.ValueType == "NUM":
        return float(item.MeasuredValueSequence[0].NumericValue)
    return item.ConceptCodeSequence[0].CodeValue if item.ValueType == "CODE" else item.TextValue


def test_both_are_in_the_study_of_the_source_in_new_series(source: Source, make_answer: MakeAnswer) -> None:
    made = instances(source, make_answer())
    assert list(made) == ["SC", "SR"]
    for dataset in made.values():
        assert {name: dataset.get(name) for name in SAME_STUDY} == {name: HEADER[name] for name in SAME_STUDY}
    uids = [HEADER["SOPInstanceUID"], *(d.SOPInstanceUID for d in made.values())]
    series = [HEADER["SeriesInstanceUID"], *(d.SeriesInstanceUID for d in made.values())]
    assert len(set(uids)) == len(set(series)) == 3
    assert made["SC"].SourceImageSequence[0].ReferencedSOPInstanceUID == HEADER["SOPInstanceUID"]


def test_a_resend_is_the_same_instance(source: Source, make_answer: MakeAnswer) -> None:
    def uids(**choices: Any) -> list[tuple[str, str]]:
        return [(d.SeriesInstanceUID, d.SOPInstanceUID) for d in instances(source, make_answer(**choices)).values()]

    assert uids() == uids()
    assert not set(uids()) & set(uids(force=True))


def test_the_report_of_a_prediction(source: Source, make_answer: MakeAnswer) -> None:
    answer = make_answer(at_prevalence={"prevalence": 0.1, "probability": 0.307692})
    report = instances(source, answer)["SR"]
    assert (report.CompletionFlag, report.VerificationFlag) == ("COMPLETE", "UNVERIFIED")
    assert report.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    assert value_of(report, codes.PROBABILITY.value) == 0.8
    assert value_of(report, codes.THRESHOLD.value) == 0.36
    assert value_of(report, codes.AT_PREVALENCE.value) == 0.307692
    assert value_of(report, codes.TRIAGE.value) == "T-PNEUMONIA"
    assert value_of(report, codes.OUTSIDE_POPULATION.value) == codes.NO.value
    assert value_of(report, codes.FORCED.value) == codes.NO.value
    texts = [item.TextValue for item in items(report) if item.ValueType == "TEXT"]
    assert {MODEL["name"], MODEL["version"], f"sha256={MODEL['sha256']}", "prevalence=0.1"} <= set(texts)
    assert any("Research use only" in text for text in texts)
    (image,) = [item for item in items(report) if item.ValueType == "IMAGE"]
    assert image.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == HEADER["SOPInstanceUID"]
    observed = [item.ObservationUID for item in items(report) if "ObservationUID" in item]
    assert len(observed) == len(set(observed)) >= 6


def test_outside_of_the_population_and_forced_are_stated(source: Source, make_answer: MakeAnswer) -> None:
    report = instances(source, make_answer(in_training_population=False, force=True))["SR"]
    assert value_of(report, codes.OUTSIDE_POPULATION.value) == codes.YES.value
    assert value_of(report, codes.FORCED.value) == codes.YES.value


def test_a_refusal_says_why_and_never_names_the_finding(source: Source) -> None:
    made = instances(source, refusal())
    assert list(made) == ["SR"]
    report = made["SR"]
    assert value_of(report, codes.PROCESSING_SUMMARY.value) == codes.NOTHING_SUCCEEDED.value
    assert value_of(report, codes.REFUSAL.value) == "R-NO-CHEST"
    assert "Send a frontal chest radiograph." in value_of(report, codes.COMMENT.value)
    assert codes.PNEUMONIA.value not in str(report)


def test_an_unknown_refusal(source: Source) -> None:
    assert value_of(instances(source, refusal("of_the_future"))["SR"], codes.REFUSAL.value) == "R-OTHER"


def test_files_replace_those_of_an_earlier_run(source: Source, make_answer: MakeAnswer, tmp_path: Path) -> None:
    for _ in range(2):
        written = write(tmp_path, "image", source, make_answer())
    assert [path.name for path in written] == ["image.SC.dcm", "image.SR.dcm"]
    assert sorted(tmp_path.iterdir()) == written
    assert dcmread(written[0]).pixel_array.shape[2] == 3


def test_highdicom_quotes_no_name_in_a_warning(make_answer: MakeAnswer) -> None:
    """highdicom warns about a name of one component and quotes it. In tests, warnings are errors."""
    instances(Source.of(dicom_film(PatientName="ZZONLYONE", ReferringPhysicianName="ZZDOC")), make_answer())


@validator
@pytest.mark.parametrize(
    "elements",
    [
        {},
        dict.fromkeys(set(HEADER) - {n for n in HEADER if n.endswith("InstanceUID")}),
        {"PatientName": "山田^太郎", "LossyImageCompression": "01", "BurnedInAnnotation": "YES"},
        {"StudyDate": "20241341", "PatientBirthDate": "1979", "PatientSex": "X", "AccessionNumber": "A" * 40},
    ],
    ids=["whole", "bare", "unusual", "damaged"],
)
@pytest.mark.filterwarnings("ignore:Invalid value for VR:UserWarning", "ignore:The value length:UserWarning")
def test_the_validator_finds_no_error(elements: dict[str, Any], make_answer: MakeAnswer, tmp_path: Path) -> None:
    source = Source.of(dicom_film(**elements))
    prevalence = {"prevalence": 0.1, "probability": 0.3}
    answers = [
        make_answer(),
        make_answer(in_training_population=False, force=True, at_prevalence=prevalence),
        refusal(),
    ]
    for number, answer in enumerate(answers):
        for path in write(tmp_path, f"image-{number}", source, answer):
            assert errors_of(path) == []


def errors_of(path: Path) -> list[str]:
    """Return the errors that dciodvfy finds in a file."""
    ran = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
    assert "SCImage" in ran.stderr or "Comprehensive3DSR" in ran.stderr  # otherwise it did not recognize the class
    return [line for line in ran.stderr.splitlines() if "Error" in line]
