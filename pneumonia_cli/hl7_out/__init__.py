"""Results as HL7 v2: one ORU^R01 message for each predicted image, sent by MLLP."""
