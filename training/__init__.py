"""Training, evaluation and export of the served model. Every script has ``--help``."""

import os

# Read by onnxruntime when it is imported: it reports its use to its maker otherwise.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

# Read by TensorFlow when it is imported: it turns oneDNN on by itself only on CPUs that it knows, and without AVX-512
# it leaves a third of the speed (Xception at 150 pixels, all layers: 9.3 films a second against 6.2).
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
