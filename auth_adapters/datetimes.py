"""Times: checked, cut to the millisecond, and written in each of the forms in which databases keep them. Pure."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

from auth_adapters.errors import InvalidValueError

__all__ = ["DATETIMES", "check_moment", "decode_datetime", "encode_datetime"]

Convert: TypeAlias = Callable[[Any], Any]

PAIRS: Final = tuple(f"{number:02d}" for number in range(100))
TRIPLES: Final = tuple(f"{number:03d}" for number in range(1000))
"""Numbers as they are written in times. (To look them up costs a third of formatting them.)"""
RESTS: Final = tuple(timedelta(microseconds=rest) for rest in range(1000))
"""Below a millisecond. (To subtract one costs a fifth of `replace`.)"""
AWARE: Final = datetime(2000, 1, 1, tzinfo=UTC)
NAIVE: Final = datetime(2000, 1, 1)  # noqa: DTZ001  (as some databases have it)
"""One moment: what lies between is the same with a time zone and without, and costs less than `replace`."""


def check_moment(where: str, value: Any) -> datetime:
    """The value as an aware time in UTC, microseconds dropped."""
    if type(value) is datetime and value.tzinfo is UTC and not value.fold:
        return value - RESTS[value.microsecond % 1000]
    if not isinstance(value, datetime):
        raise InvalidValueError(f"{where} takes a datetime, not {type(value).__name__}")
    offset = value.utcoffset()
    if offset is None:
        raise InvalidValueError(f"{where} takes an aware datetime, with its time zone; this one is naive")
    if type(value) is not datetime:
        value = datetime.combine(value.date(), value.timetz())
    try:
        moment: datetime = value.astimezone(UTC) if value.tzinfo is not UTC else value
    except OverflowError:
        raise InvalidValueError(f"{where} takes a time from year 1 to 9999 in UTC") from None
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000, fold=0)


def encode_datetime(value: datetime, between: str = "T", end: str = "Z") -> str:
    """A checked UTC time as text of fixed width, which sorts as time does."""
    two, year = PAIRS, value.year
    return (
        f"{two[year // 100]}{two[year % 100]}-{two[value.month]}-{two[value.day]}{between}"
        f"{two[value.hour]}:{two[value.minute]}:{two[value.second]}.{TRIPLES[value.microsecond // 1000]}{end}"
    )


def decode_datetime(stored: str) -> datetime:
    """The way back."""
    return datetime.fromisoformat(stored)


def _datetime_as_text(where: str, value: Any) -> str:
    if type(value) is datetime and value.tzinfo is UTC:  # the common case; what is cut off are the microseconds
        return encode_datetime(value)
    return encode_datetime(check_moment(where, value))


def _datetime_as_naive(where: str, value: Any) -> datetime:
    if type(value) is datetime and value.tzinfo is UTC and not value.fold:
        return NAIVE + (value - AWARE - RESTS[value.microsecond % 1000])
    return check_moment(where, value).replace(tzinfo=None)


def _datetime_as_naive_text(where: str, value: Any) -> str:
    if type(value) is not datetime or value.tzinfo is not UTC:
        value = check_moment(where, value)
    return encode_datetime(value, " ", "")


def _from_naive(stored: datetime | str) -> datetime:
    if isinstance(stored, str):  # as it was sent
        return datetime.fromisoformat(stored + "Z")
    return AWARE + (stored - NAIVE)


DATETIMES: Final[Mapping[str, tuple[Callable[[str, Any], Any], Convert | None, Convert | None]]] = {
    "text": (_datetime_as_text, datetime.fromisoformat, None),
    "aware": (check_moment, None, None),
    "naive": (_datetime_as_naive, _from_naive, None),
    "written_naive": (_datetime_as_naive_text, _from_naive, None),
    "written": (_datetime_as_text, None, datetime.fromisoformat),
}
"""How a backend that stores times so (`Storage.datetime`) checks them, reads them, and reads what it was just given."""
