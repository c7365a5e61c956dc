"""The gateway: a DICOM node that takes images from a PACS and returns results into their studies, without patient data
leaving the building."""
