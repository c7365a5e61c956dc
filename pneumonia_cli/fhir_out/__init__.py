"""Results as FHIR R4B: one transaction for each predicted image."""
