"""Make an HL7 v2.5.1 message ORU^R01 of one prediction, with the words and codes of the FHIR report."""

import re
import textwrap
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message
from pydicom.sr.coding import Code

from pneumonia_cli.dicom_out import codes
from pneumonia_cli.dicom_out.answer import Answer
from pneumonia_cli.dicom_out.equipment import MANUFACTURER
from pneumonia_cli.dicom_out.source import Source
from pneumonia_cli.dicom_out.uids import derived, of_report
from pneumonia_cli.reporting.conclusion import LIMITS, conclusion, percentage_of
from pneumonia_cli.reporting.verdict import caveat_of, number_of

_ESCAPES: Final = {"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\"}
_TRIAGE: Final = Code(codes.TRIAGE.value, codes.SCHEME, "Triage for pneumonia by a research model")
_NO_NAME: Final = "^^^^^^U"
"""A name of the type "unspecified" (table 0200), since the segment must have a name."""
_LINE: Final = 180
"""Characters of a line of text. hl7apy limits a TX to 199, including escapes."""
_SENTENCE_END: Final = re.compile(r"(?<=[.]) (?=[A-Z])")
_NAMESPACE: Final = 20
"""Maximum characters of the namespace id, the first part of an HD."""
_PRELIMINARY: Final = "P"
_NOT_OBTAINED: Final = "X"
"""`_PRELIMINARY` and `_NOT_OBTAINED`: statuses of a result (table 0085)."""


@dataclass(frozen=True)
class Route:
    """MSH-4 to MSH-6: sender and receiver, as the receiver expects them."""

    sending_facility: str = ""
    receiving_application: str = ""
    receiving_facility: str = ""


def message(source: Source, answer: Answer, route: Route, made: datetime | None = None) -> bytes | None:
    """Return the message as UTF-8, with CR at the end of each segment. `made`: the time of the message, now by default.

    Returns None if the image was refused, or if it has no patient id and the result therefore belongs to no known
    patient. The control id and the filler order number derive from the image, its patient, the model and the choices of
    the caller, so that a receiver recognizes a repeated message. Raises ValueError if hl7apy rejects the message.
    """
    if answer.refused or not str(source.header.get("PatientID") or ""):
        return None
    when = (made or datetime.now(UTC)).strftime("%Y%m%d%H%M%S+0000")
    uid = of_report("hl7 report", source, answer)
    identity = uuid.UUID(int=int(uid.removeprefix("2.25."))).hex
    segments = [
        _msh(route, when, identity),
        _pid(source),
        _obr(source, identity, when),
        *(
            "|".join(["OBX", str(number), *fields])
            for number, fields in enumerate(_observations(source, answer, when), start=1)
        ),
    ]
    text = "\r".join(segment.rstrip("|") for segment in segments) + "\r"
    try:
        parse_message(text, validation_level=VALIDATION_LEVEL.STRICT).validate()
    except Exception as error:  # its text quotes the message
        raise ValueError(f"The HL7 message is not valid: {type(error).__name__}.") from None
    return text.encode()


def control_id(sent: bytes) -> str:
    """Return MSH-10 of a message that `message` made."""
    return sent.split(b"|", 10)[9].decode("ascii")


def _msh(route: Route, when: str, identity: str) -> str:
    parties = [MANUFACTURER, route.sending_facility, route.receiving_application, route.receiving_facility]
    fields = [*map(_escaped, parties), when, "", "ORU^R01^ORU_R01", identity[:20], "P", "2.5.1"]
    return "|".join(["MSH", "^~\\&", *fields, "", "", "", "", "", "UNICODE UTF-8"])


def _pid(source: Source) -> str:
    header = source.header
    number, issuer = str(header.PatientID), str(header.get("IssuerOfPatientID") or "")
    # In DICOM the prefix comes before the suffix, in HL7 after it.
    family, given, middle, prefix, suffix = map(_escaped, source.name_parts)
    name = "^".join([family, given, middle, suffix, prefix]).rstrip("^") or _NO_NAME
    authority = _escaped(issuer)
    if len(authority) > _NAMESPACE:  # never cut: a shortened issuer could mean another hospital
        authority = f"&{authority}&L"
    identifier = f"{_escaped(number)}^^^{authority}^MR"
    return "|".join(["PID", "1", "", identifier, "", name, "", str(header.PatientBirthDate), str(header.PatientSex)])


def _obr(source: Source, identity: str, when: str) -> str:
    """Return OBR with 3 filler order number, 4 service, 7 time of the study, 18 accession number, 22 to 25 status."""
    fields = {
        1: "1",
        3: f"{identity}^{MANUFACTURER}",
        4: _coded(codes.TRIAGE_REPORT, codes.IMAGING_STUDY),
        7: _study_time(source),
        18: _escaped(str(source.header.get("AccessionNumber") or "")),
        22: when,
        24: "RAD",
        25: _PRELIMINARY,
    }
    return "|".join(["OBR", *(fields.get(number, "") for number in range(1, 26))])


def _observations(source: Source, answer: Answer, when: str) -> list[list[str]]:
    """Return OBX-2 to OBX-18 of every OBX. The text comes first, and begins with LIMITS."""
    fields, model = answer.fields, answer.model
    caveat = caveat_of(fields)
    share, prevalence = number_of(fields)
    triage = codes.triage_code(fields)
    verdict = Code(triage.value, codes.SCHEME, f"{triage.meaning} [research use only, not a diagnosis]")
    device = f"{_escaped(model['name'])} {_escaped(model['version'])}^{MANUFACTURER}"
    device += f"^{derived('device', '', model['sha256'], {})}^ISO"

    def observed(
        kind: str, name: str, value: str, units: str = "", *, status: str = _PRELIMINARY, line: str = ""
    ) -> list[str]:
        # 2 type, 3 name, 4 sub-id, 5 value, 6 units, 7 to 10 range and flags (none), 11 status, 14 time, 18 device
        return [kind, name, line, value, units, "", "", "", "", status, "", "", when, "", "", "", device]

    percent = _coded(codes.PERCENT)
    # LIMITS are one line, so that no viewer shows only some of them. Each other sentence starts a new line, because
    # half a sentence can mean the opposite.
    told = [part for text in conclusion(fields, model)[len(LIMITS) :] for part in _SENTENCE_END.split(text)]
    lines = [line for sentence in [" ".join(LIMITS), *told] for line in textwrap.wrap(sentence, _LINE)]
    rows = [
        observed("TX", _coded(codes.CONCLUSION), _escaped(line), line=str(number))
        for number, line in enumerate(lines, start=1)
    ]
    rows.append(observed("CWE", _coded(_TRIAGE), _coded(verdict)))
    if caveat is None:
        rows += [
            observed("NM", _coded(codes.PERCENT_PNEUMONIA, codes.PROBABILITY), f"{percentage_of(share):.1f}", percent),
            observed("NM", _coded(codes.SHARE), f"{100 * prevalence:g}", percent),
        ]
        if "at_prevalence" not in fields:  # the threshold applies only to the calibrated probability
            threshold = percentage_of(float(fields["threshold"]))
            rows.append(observed("NM", _coded(codes.LABEL_THRESHOLD, codes.THRESHOLD), f"{threshold:.1f}", percent))
    else:  # only the text contains the number, with the reason why it must not be used
        rows.append(observed("NM", _coded(codes.PERCENT_PNEUMONIA, codes.PROBABILITY), "", status=_NOT_OBTAINED))
    yes_no = {True: codes.YES, False: codes.NO, None: codes.UNKNOWN}
    return [
        *rows,
        observed("CWE", _coded(codes.OUTSIDE_POPULATION), _coded(yes_no[answer.outside_population])),
        observed("CWE", _coded(codes.FORCED), _coded(yes_no[answer.force])),
        observed("ST", _coded(codes.STUDY_UID), source.study_instance_uid),
        observed("ST", _coded(codes.IMAGE_UID), source.sop_instance_uid),
        observed("ST", _coded(codes.MODEL), _escaped(f"{model['name']} {model['version']} sha256 {model['sha256']}")),
    ]


def _coded(*found: Code) -> str:
    """Return a CE or CWE: code, text and scheme, then the same three of an alternate code if there is one."""
    parts = [part for code in found for part in (code.value, code.meaning, code.scheme_designator)]
    return "^".join(map(_escaped, parts))


def _study_time(source: Source) -> str:
    """Return date and time of the study, without a time zone, because the header names none."""
    day, time = (str(source.header.get(name) or "") for name in ("StudyDate", "StudyTime"))
    clock = time.partition(".")[0][:6]
    return f"{day}{clock}" if day and len(clock) in (4, 6) else day


def _escaped(text: str) -> str:
    return "".join(_ESCAPES.get(char, char if char.isprintable() else " ") for char in text)
