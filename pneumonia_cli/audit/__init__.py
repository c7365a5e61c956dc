"""Measure a model on a hospital's own images with its own labels: figures with intervals, and a report."""
