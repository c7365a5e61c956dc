"""Commands for those who operate a stack."""
