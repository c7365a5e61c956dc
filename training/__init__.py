"""Training, evaluation and export of the served model. Every script has ``--help``."""

import os

# Read by onnxruntime when it is imported: it reports its use to its maker otherwise.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
