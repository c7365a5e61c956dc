"""Decode DICOM files, and choose which facts of their headers go into the response."""

import warnings

from PIL import Image
from pydicom.dataset import Dataset

from pneumonia.decode.dicom_damage import why_undecodable
from pneumonia.decode.dicom_frame import keep_first_frame
from pneumonia.decode.dicom_header import check_header, read_file, uid_of
from pneumonia.decode.dicom_patient import is_of_another_population, view_warnings
from pneumonia.decode.dicom_pixels import Grey, samples_of, to_grey
from pneumonia.decode.image import EIGHT_BITS, DecodedImage, DicomFacts
from pneumonia.decode.limits import Limits
from pneumonia.errors import PneumoniaError, UndecodableImage


def decode_dicom(data: bytes, limits: Limits, *, own_depth: bool = False) -> DecodedImage:
    """Decode the image of a DICOM file. Apply modality LUT, VOI LUT or window, padding, and photometric interpretation.

    `own_depth`: see `dispatch.decode`.

    Raises TooLarge, MultiFrame, NotARadiograph, ForProcessing, UndecodableImage.
    """
    dataset, cut = None, False
    try:
        with warnings.catch_warnings():
            # pydicom's warnings quote the values that break the standard, which may identify the patient.
            warnings.simplefilter("ignore")
            dataset, cut = read_file(data, limits)
            found = check_header(dataset, limits, cut=cut, shown_only=own_depth)
            keep_first_frame(dataset, limits)
            grey = to_grey(dataset, limits, keep_stored=own_depth)
            return _decoded(dataset, grey, found, own_depth)
    except (PneumoniaError, MemoryError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        # pydicom and its decoders raise almost anything on damaged input, and the message may quote the file. The RLE
        # decoder panics in Rust, which arrives as a BaseException.
        raise UndecodableImage(why_undecodable(dataset, cut=cut)) from error


def _decoded(dataset: Dataset, grey: Grey, found: list[str], own_depth: bool) -> DecodedImage:
    samples, depth = samples_of(dataset, grey) if own_depth else (grey.pixels, EIGHT_BITS)
    pixels = Image.fromarray(samples)
    facts = DicomFacts(
        photometric_interpretation=grey.photometric_interpretation,
        bits_stored=int(dataset.BitsStored),
        window=grey.window,
        sop_instance_uid=uid_of(dataset.get("SOPInstanceUID")),
        study_instance_uid=uid_of(dataset.get("StudyInstanceUID")),
    )
    warnings = (*found, *view_warnings(dataset), *grey.warnings)
    other = is_of_another_population(dataset)
    return DecodedImage(pixels, "DICOM", pixels.width, pixels.height, grey.inverted, facts, warnings, other, depth)
