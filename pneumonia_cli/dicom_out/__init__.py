"""Results as DICOM objects in the study of the image: a picture to look at and a structured report."""
