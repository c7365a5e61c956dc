"""The generator of the API's description: `make openapi` writes the file that ships."""
