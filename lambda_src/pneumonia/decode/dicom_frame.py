"""Extract the first compressed frame of a DICOM file once, so that the checks and the decoder use the same frame."""

from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.uid import UID

from pneumonia.decode.dicom_values import check_fragments
from pneumonia.decode.limits import Limits

_OFFSETS = ("ExtendedOffsetTable", "ExtendedOffsetTableLengths")


def keep_first_frame(dataset: Dataset, limits: Limits) -> None:
    """Reduce compressed pixels to their first frame. Uncompressed pixels stay unchanged.

    A decoder finds the frame with the basic or the extended offset table, or by the fragments, and these may disagree.
    After this call there is one fragment and no table. The extended table is ignored, because a file that has one
    stores each frame in one fragment (PS3.3, C.7.6.3.1.8).

    Raises TooLarge, UndecodableImage, and what pydicom raises.
    """
    syntax = UID(str(dataset.file_meta.get("TransferSyntaxUID", "")))
    if not syntax.is_encapsulated:
        return
    frames = int(dataset.get("NumberOfFrames") or 1)
    check_fragments(dataset.PixelData, frames, limits)
    frame = get_frame(dataset.PixelData, 0, number_of_frames=frames)
    dataset.PixelData = encapsulate([frame], has_bot=False)
    for name in ("NumberOfFrames", *_OFFSETS):
        if name in dataset:
            delattr(dataset, name)
