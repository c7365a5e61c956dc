"""The gateway: a DICOM node that takes images from a PACS and returns results into their studies. No patient data
leaves the building."""
