"""The product on one machine: a local cloud around the very handlers that AWS runs, and the model on its own."""

import os

# Read by Powertools when the handlers are imported, so it has to be here before they are.
os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "pneumonia-local")
