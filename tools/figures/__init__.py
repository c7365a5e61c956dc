"""Figures in the documents: each is filled from the file that its measurement writes, and a test holds it there."""
