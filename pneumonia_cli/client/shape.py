"""The output formats of a command. This module imports no libraries, so that --help does not wait for them."""

from enum import StrEnum


class Shape(StrEnum):
    """The format of a command's records on standard output."""

    TABLE = "table"
    """Tables and sentences, for people."""
    JSON = "json"
    """One object in each line."""
    CSV = "csv"
    """A header, then one row for each record."""

    @property
    def for_programs(self) -> bool:
        """Whether standard output contains only records."""
        return self is not Shape.TABLE
