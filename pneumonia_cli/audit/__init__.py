"""A model on a hospital's own films with its own labels: figures with intervals, and a report."""
