"""Predict existing images: batches of objects from a listing or an inventory of a bucket."""
