"""Chest X-ray triage: from an image to the probability of pneumonia. Research use only, never a diagnosis.

The main Lambda functions of this package are `pneumonia.handlers.api.handler` (Function URL and direct invoke) and
`pneumonia.handlers.worker.handler` (S3 uploads through SQS). Both use `pneumonia.predictor.Predictor` to predict.
"""
