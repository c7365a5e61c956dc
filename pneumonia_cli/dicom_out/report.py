"""Make the structured report of a prediction or a refusal: a Comprehensive 3D SR document by template TID 1500."""

from highdicom import sr
from highdicom.coding_schemes import CodingSchemeIdentificationItem
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.sr.coding import Code

from pneumonia_cli.dicom_out import codes
from pneumonia_cli.dicom_out.answer import Answer
from pneumonia_cli.dicom_out.equipment import MANUFACTURER, REPORT_SERIES
from pneumonia_cli.dicom_out.source import Source
from pneumonia_cli.dicom_out.uids import derived
from pneumonia_cli.reporting.verdict import WORDS

_YES_NO = {True: codes.YES, False: codes.NO, None: codes.UNKNOWN}


def structured_report(source: Source, answer: Answer) -> Dataset:
    """Return the report of a prediction or refusal, complete and unverified, as a new series in the source's study."""
    header, model = source.header, answer.model
    identity = model["sha256"], answer.choices
    report = sr.Comprehensive3DSR(
        evidence=[source.nameless()],
        content=_content(source, answer),
        series_instance_uid=derived("report series", source.series_instance_uid, *identity),
        series_number=REPORT_SERIES,
        sop_instance_uid=derived("report", source.sop_instance_uid, *identity),
        instance_number=source.instance_number,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=model["name"][:64],
        software_versions=model["version"][:64],
        is_complete=True,
        is_verified=False,
        series_description="Pneumonia triage: report",
        specific_character_set="ISO_IR 192",
        coding_schemes=[CodingSchemeIdentificationItem(designator=codes.SCHEME, name=codes.SCHEME_NAME)],
    )
    report.PatientName, report.ReferringPhysicianName = header.PatientName, header.ReferringPhysicianName
    report.SeriesDate, report.SeriesTime = report.ContentDate, report.ContentTime
    _observe(report.ContentSequence, source, answer)
    return report


def _content(source: Source, answer: Answer) -> sr.MeasurementReport:
    model = answer.model
    device = sr.DeviceObserverIdentifyingAttributes(
        uid=derived("device", "", model["sha256"], {}),
        name=f"{model['name']} {model['version']}",
        manufacturer_name=MANUFACTURER,
        model_name=model["name"],
    )
    observer = sr.ObserverContext(sr.CodedConcept.from_code(codes.DEVICE), device)
    content = sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_device_context=observer),
        procedure_reported=codes.CHEST_RADIOGRAPHY,
        imaging_measurements=[_group(source, answer)],
        title=codes.REPORT,
    )
    content[0].ContentSequence.extend(_comments(answer))
    return content


def _group(source: Source, answer: Answer) -> sr.MeasurementsAndQualitativeEvaluations:
    fields, model = answer.fields, answer.model
    algorithm = sr.AlgorithmIdentification(
        name=model["name"],
        version=model["version"],
        parameters=[f"sha256={model['sha256']}", *(f"{name}={value}" for name, value in answer.choices.items())],
        manufacturer=MANUFACTURER,
    )
    measurements = None
    if not answer.refused:
        measurements = [
            sr.Measurement(codes.PROBABILITY, round(float(fields["pneumonia"]), 6), codes.NO_UNITS),
            sr.Measurement(codes.THRESHOLD, round(float(fields["threshold"]), 6), codes.NO_UNITS),
        ]
        if elsewhere := fields.get("at_prevalence"):
            measurements += [
                sr.Measurement(codes.PREVALENCE, float(elsewhere["prevalence"]), codes.NO_UNITS),
                sr.Measurement(codes.AT_PREVALENCE, float(elsewhere["probability"]), codes.NO_UNITS),
            ]
    finding = sr.CodedConcept.from_code(codes.PNEUMONIA)
    finding.EquivalentCodeSequence = Sequence([sr.CodedConcept.from_code(codes.PNEUMONIA_IN_RADLEX)])
    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(
            uid=derived("finding", source.sop_instance_uid, model["sha256"], answer.choices),
            identifier="Pneumonia triage",
        ),
        # Without a prediction the report must not contain the finding.
        finding_type=None if answer.refused else finding,
        algorithm_id=algorithm,
        finding_sites=[sr.FindingSite(codes.LUNG)],
        measurements=measurements,
        qualitative_evaluations=[sr.QualitativeEvaluation(name, value) for name, value in _evaluations(answer)],
        source_images=[sr.SourceImageForMeasurementGroup(source.sop_class_uid, source.sop_instance_uid)],
    )


def _evaluations(answer: Answer) -> list[tuple[Code, Code]]:
    fields = answer.fields
    forced = (codes.FORCED, _YES_NO[answer.force])
    if answer.refused:
        reason = codes.REFUSALS.get(str(fields["code"]), codes.OTHER_REFUSAL)
        return [(codes.PROCESSING_SUMMARY, codes.NOTHING_SUCCEEDED), (codes.REFUSAL, reason), forced]
    triage = str(fields["triage"])
    words = WORDS.get(triage, triage.replace("_", " "))
    return [
        (codes.TRIAGE, Code(codes.TRIAGES.get(triage, "T-OTHER"), codes.SCHEME, words)),
        (codes.OPERATING_POINT, codes.LABELS[str(fields["label"])]),
        (codes.OUTSIDE_POPULATION, _YES_NO[answer.outside_population]),
        forced,
    ]


def _comments(answer: Answer) -> list[sr.TextContentItem]:
    """Return sentences for people, which are placed below the root."""
    fields = answer.fields
    if answer.refused:
        texts = [f"There is no prediction for this image. {fields['title']}. {fields['detail']}"]
    else:
        texts = [f"Warning about the image: {code.replace('_', ' ')}." for code in answer.warnings]
        texts.append(str(fields["notice"]))
    return [sr.TextContentItem(codes.COMMENT, text, relationship_type="CONTAINS") for text in texts]


def _observe(items: Sequence, source: Source, answer: Answer, path: str = "") -> None:
    """Give every observation of the tree its own derived UID (PS3.3, C.17.3.2)."""
    for index, item in enumerate(items):
        place = f"{path}/{index}"
        if item.ValueType in ("NUM", "CODE", "TEXT") and item.RelationshipType == "CONTAINS":
            item.ObservationUID = derived(
                f"observation {place}", source.sop_instance_uid, answer.model["sha256"], answer.choices
            )
        if "ContentSequence" in item:
            _observe(item.ContentSequence, source, answer, place)
