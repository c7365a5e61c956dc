"""Results as DICOM objects in the study of the image: a picture with the heatmap, and a structured report."""
