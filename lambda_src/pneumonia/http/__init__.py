"""The routes of the Function URL, one module for each subject. `pneumonia.handlers.api` combines them."""
