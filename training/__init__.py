"""Training, evaluation and export of the served model. Every script has ``--help``."""
