"""The shapes of what a command prints. Nothing is imported here: --help must not wait for libraries."""

from enum import StrEnum


class Shape(StrEnum):
    """How the records of a command go to standard output."""

    TABLE = "table"
    """Tables and sentences, for people."""
    JSON = "json"
    """One object a line."""
    CSV = "csv"
    """A header, then one row a record."""

    @property
    def for_programs(self) -> bool:
        """Whether standard output holds records and nothing else."""
        return self is not Shape.TABLE
