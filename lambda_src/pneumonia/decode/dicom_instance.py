"""Identify the instance in a DICOM file, and check whether its header rules out a prediction. No pixel is decoded."""

import warnings
from dataclasses import dataclass, replace

from pydicom.dataset import Dataset

from pneumonia.decode.dicom_damage import why_undecodable
from pneumonia.decode.dicom_header import check_header, read_file, uid_of
from pneumonia.decode.limits import Limits
from pneumonia.errors import PneumoniaError, TooLarge, UndecodableImage

_NAMES = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID")
_NAMES_IN_META = ("MediaStorageSOPClassUID", "MediaStorageSOPInstanceUID")


@dataclass(frozen=True)
class Instance:
    """What a header says about its file.

    Attributes:
        sop_class_uid, sop_instance_uid, study_instance_uid: None where the file has no valid one.
        refusal: why the instance cannot be predicted. None if the header allows a prediction.
        contradicts_itself: whether the file meta group and the data set name different instances or classes.
    """

    sop_class_uid: str | None = None
    sop_instance_uid: str | None = None
    study_instance_uid: str | None = None
    refusal: PneumoniaError | None = None
    contradicts_itself: bool = False


def identify(data: bytes, limits: Limits) -> Instance:
    """Read the header of a DICOM file, within the limits on elements and values.

    An error in the file becomes the `refusal`: TooLarge, UnsupportedFormat (deflated), NotARadiograph, ForProcessing,
    MultiFrame or UndecodableImage.
    """
    dataset: Dataset | None = None
    cut = False
    found = Instance()
    try:
        if len(data) > limits.max_image_bytes:
            raise TooLarge(
                f"The instance has more than the limit of {limits.max_image_bytes} bytes. Send a smaller instance."
            )
        with warnings.catch_warnings():
            # pydicom's warnings quote the values that break the standard, which may identify the patient.
            warnings.simplefilter("ignore")
            # Refuse deflated files: even a small one could take a long time to read, and nothing limits the time here.
            dataset, cut = read_file(data, limits, inflates=False)
            found = _named(dataset)
            check_header(dataset, limits, cut=cut)
    except PneumoniaError as error:
        return replace(found, refusal=error)
    except MemoryError:
        raise
    except Exception:  # pydicom raises almost anything on damaged files
        return replace(found, refusal=UndecodableImage(why_undecodable(dataset, cut=cut)))
    return found


def _named(dataset: Dataset) -> Instance:
    sop_class, instance, study = (uid_of(dataset.get(name)) for name in _NAMES)
    said = [uid_of(dataset.file_meta.get(name)) for name in _NAMES_IN_META]
    differs = any(meta not in (None, name) for meta, name in zip(said, (sop_class, instance), strict=True))
    return Instance(sop_class, instance, study, contradicts_itself=differs)
