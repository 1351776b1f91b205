"""Between aware instants and the whole microseconds that the ledger keeps."""

from datetime import UTC, date, datetime, timedelta

from schemas.zone import JAKARTA

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_micros(at: datetime) -> int:
    """Whole microseconds since 1970, UTC, of an aware instant."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def from_micros(micros: int) -> datetime:
    """The aware instant, in UTC, of whole microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=micros)


def jakarta_date(at: datetime) -> date:
    """The calendar date in Jakarta (WIB) of an instant."""
    return at.astimezone(JAKARTA).date()


def end_of_month(period: str) -> datetime:
    """The last microsecond of the month `YYYY-MM` in Jakarta."""
    year, month = (int(part) for part in period.split("-"))
    following = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=JAKARTA)
    return (following - timedelta(microseconds=1)).astimezone(UTC)
