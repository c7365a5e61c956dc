"""Copy figures from the output files of measurements into the documents. A test fails if they differ."""
