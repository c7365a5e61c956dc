"""Chest X-ray triage: an image in, the probability of pneumonia out. Research use only, never a diagnosis.

Two Lambda functions run from this package: `pneumonia.handlers.api.handler` (Function URL and direct invoke) and
`pneumonia.handlers.worker.handler` (S3 uploads through SQS). Both predict through `pneumonia.predictor.Predictor`.
"""
