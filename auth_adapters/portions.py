"""Long lists of values, in portions that fit into one statement."""

from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

__all__ = ["portions"]

T = TypeVar("T")

MOST: Final = 10_000
"""How many values one statement lists."""
LONGEST: Final = 2_000_000
"""How many characters they have together. MongoDB takes 16 MB in a question, and so do MariaDB and MySQL by default;
a character is four bytes at most.
"""


def portions(values: Sequence[T]) -> Iterator[list[T]]:
    """The same values in the same order, so many at a time; a longer one by itself."""
    begin = length = 0
    for at, value in enumerate(values):
        own = len(value) if isinstance(value, str | bytes) else 0
        if at > begin and (at - begin == MOST or length + own > LONGEST):
            yield list(values[begin:at])
            begin = at
            length = 0
        length += own
    if values:
        yield list(values[begin:])
