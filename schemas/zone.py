"""The zone of the rules: every date that a policy, a bank or a report speaks of is Jakarta's."""

from datetime import timedelta, timezone
from typing import Final

JAKARTA: Final = timezone(timedelta(hours=7), "WIB")
"""Seven hours ahead of UTC the whole year, without daylight saving since 1964."""
