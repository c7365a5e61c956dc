"""The generator of the description of the API for people, GET /docs: `make openapi` writes the file that ships."""
