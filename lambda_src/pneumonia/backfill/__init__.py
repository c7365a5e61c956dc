"""Predicting what was there before: batches of objects that a listing or an inventory of a bucket names."""
