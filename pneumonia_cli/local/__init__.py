"""The product on one machine: a local cloud around the handlers that AWS runs, and the model without a cloud."""

import os

# Powertools reads this variable when the handlers are imported, so it must be set before.
os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "pneumonia-local")
