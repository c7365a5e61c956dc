"""A DICOM node between a PACS and the model: images in, results back into their studies, patients kept out."""
