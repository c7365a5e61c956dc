"""What only maintainers of this repository run."""
