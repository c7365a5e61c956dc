"""The routes of the Function URL, one module for each subject; `pneumonia.api` puts them together."""
