"""The people of a simulated programme: what happens to each over the months, as rows of a source drop and when they are known.

Each person's life is drawn by a generator of their own, so leaving one out changes no other's. Every invented person bears
the marks of `simulator.people`: a NIK and KK serial from 9000 on, a wallet number under 0844, a bank account from 99.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final

from schemas.regions import DISTRICTS
from simulator.agenda import clock_time
from simulator.chance import Chance
from simulator.descriptions import Reason

Row = dict[str, Any]
TRAININGS: Final = 8
_PRICES_IDR: Final = (0, 150_000, 250_000, 350_000, 400_000, 500_000, 650_000, 1_000_000)
_DISTRICTS: Final = sorted(DISTRICTS)[::37]
_FIRST: Final = (
    "Ayu",
    "Budi",
    "Citra",
    "Dewi",
    "Eko",
    "Fitri",
    "Gilang",
    "Ma'ruf",
    "Hesti",
    "Indra",
    "Joko",
    "Kartika",
)
_LAST: Final = (
    "Lestari",
    "Maulana",
    "Nugroho",
    "Oktaviani",
    "Pratama",
    "Rahayu",
    "Saputra",
    "Tanjung",
    "Utami",
    "Wijaya",
)
_LASTING: Final = {
    "bank": (
        Reason("AC04", "account closed"),
        Reason("AC01", "account number not found"),
        Reason("BE01", "NIK on the account differs"),
        Reason("AC06", "account blocked"),
    ),
    "wallet": (
        Reason("NOCM", "wallet not upgraded"),
        Reason("AC01", "phone number changed"),
        Reason("AC04", "wallet closed"),
    ),
}
_PASSING: Final = {
    "bank": (Reason("MS03", "reason not given"), Reason("AC06", "account blocked")),
    "wallet": (Reason("AM02", "wallet balance limit"), Reason("AM21", "monthly incoming limit")),
}


@dataclass(frozen=True, slots=True)
class Known:
    """A row of a source table, and from when the platform has it to give."""

    at: datetime
    table: str
    row: Row


@dataclass(slots=True)
class Life:
    """One person: their rows so far, and what becomes of a transfer to each of their accounts.

    `fates` by account number: the reason for which transfers fail, and until when (for ever, when None). `relinks`: whether
    they link another account once they have heard of a refusal, and after how many days.
    """

    participant_id: str
    nik: str
    name: str
    rows: list[Known]
    channel: str
    versions: int = 1
    fates: dict[str, tuple[Reason, date | None]] = field(default_factory=dict)
    relinks: int | None = None


def trainings(start: date) -> list[Known]:
    """The catalogue, known from the first day."""
    at = clock_time(start, 6)
    return [
        Known(
            at,
            "trainings",
            {
                "training_id": f"T-{number:05}",
                "title": f"Pelatihan Contoh {number}",
                "provider": "Lembaga Contoh",
                "platform": "pintarloka",
                "price_idr": price,
                "recorded_at": at,
            },
        )
        for number, price in enumerate(_PRICES_IDR, 1)
    ]


class Country:
    """Lives drawn for one world: `start` is its first day, `days` how long it lasts, `channels` its banks and wallets."""

    def __init__(self, chance: Chance, start: date, days: int, channels: Sequence[str]) -> None:
        self._chance = chance
        self._start = start
        self._days = days
        self._channels = channels
        self._waves = self._draw_waves()

    def _draw_waves(self) -> list[tuple[int, date]]:
        """Three waves over the first half; one world in five has its last under the scheme of 2023."""
        rng = self._chance.of("waves")
        first = rng.randrange(1, 6)
        numbers = [first, first + 1, 48 if rng.random() < 0.2 else first + 2]
        span = max(self._days // 2 - 20, 10)
        return [(wave, self._start + timedelta(days=2 + place * span // 3)) for place, wave in enumerate(numbers)]

    def life(self, number: int) -> Life:
        """Person `number`, from 1."""
        rng = self._chance.of("person", number)
        # Most are of the first wave: a tranche a month wants months.
        wave, accepted = self._waves[min(int(rng.expovariate(1.2)), len(self._waves) - 1)]
        nik, kk = self._cards(number, rng)
        name = f"{rng.choice(_FIRST)} {rng.choice(_LAST)} Contoh"
        life = Life(f"P-{number:06}", nik, name, [], rng.choice(self._channels))
        self._join(life, rng, wave, accepted, number, kk)
        self._link(life, rng, accepted)
        self._learn(life, rng, accepted)
        self._err(life, rng, accepted)
        return life

    def _cards(self, number: int, rng: random.Random) -> tuple[str, str]:
        """NIK and KK. One in a hundred bears the NIK of the person before, one in fifty a wrong one; some share a card."""
        chosen = rng.random()
        of = self._chance.of("nik", number - 1 if chosen < 0.01 and number > 1 else number)
        serial = 9_000 + (number - 1 if chosen < 0.01 and number > 1 else number) % 1_000
        district, year, month, day = (
            of.choice(_DISTRICTS),
            of.randrange(60, 100),
            of.randrange(1, 13),
            of.randrange(1, 29),
        )
        day += 40 if of.random() < 0.5 else 0
        nik = f"{district}{day:02}{month:02}{year:02}{serial:04}"
        if 0.01 <= chosen < 0.03:
            nik = f"{nik[:8]}13{nik[10:]}" if chosen < 0.02 else nik[:15]
        family = number - number % 3 if rng.random() < 0.12 else number
        return nik, f"{_DISTRICTS[family % len(_DISTRICTS)]}010110{9_000 + family % 1_000:04}"

    def _join(self, life: Life, rng: random.Random, wave: int, accepted: date, number: int, kk: str) -> None:
        at = clock_time(accepted, 9)
        row = {
            "participant_id": life.participant_id,
            "nik": life.nik,
            "kk": kk,
            "name": life.name,
            "wave": wave,
            "accepted_on": accepted,
            "sk_number": f"SK-{wave}/CONTOH",
            "sk_line": str(number),
            "occupation": rng.choice(("unemployed", "employee", "business_owner")),
            "status": "active",
            "status_at": at,
            "recorded_at": at,
        }
        life.rows.append(Known(self._late(rng, at), "participants", row))
        if rng.random() < 0.03:
            gone = at + timedelta(days=rng.randrange(20, self._days))
            revoked = row | {"status": "revoked", "status_at": gone, "recorded_at": gone}
            life.rows.append(Known(self._late(rng, gone), "participants", revoked))
        if rng.random() < 0.02:
            listed = accepted + timedelta(days=rng.randrange(-10, self._days // 2))
            listing: Row = {
                "nik": life.nik,
                "reason": "penerima bantuan lain",
                "source": "daftar-hitam",
                "listed_on": listed,
            }
            known = clock_time(listed, 9)
            life.rows.append(Known(known, "blocklist", listing | {"delisted_on": None, "recorded_at": known}))
            if rng.random() < 0.6:
                ended = listed + timedelta(days=rng.randrange(10, 60))
                known = clock_time(ended, 9)
                life.rows.append(Known(known, "blocklist", listing | {"delisted_on": ended, "recorded_at": known}))

    def _link(self, life: Life, rng: random.Random, accepted: date) -> None:
        if rng.random() < 0.02:
            return
        linked = clock_time(accepted + timedelta(days=rng.randrange(1, 15)), 10)
        self.link(life, linked, rng)
        number = life.rows[-1].row["account_number"]
        kind = "bank" if life.channel in ("bni", "bca") else "wallet"
        drawn = rng.random()
        if drawn < 0.07:
            life.fates[number] = (rng.choice(_LASTING[kind]), None)
        elif drawn < 0.12:
            until = accepted + timedelta(days=rng.randrange(30, 100))
            life.fates[number] = (rng.choice(_PASSING[kind]), until)
        life.relinks = rng.randrange(2, 25) if rng.random() < 0.75 else None

    def link(self, life: Life, at: datetime, rng: random.Random, *, is_next: bool = False) -> None:
        """They link an account at this instant: the first, or (`is_next`) another version."""
        if is_next:
            life.versions += 1
            life.channel = rng.choice(self._channels)
        digits = f"{int(life.participant_id[2:]):06}{life.versions % 100:02}"
        number = f"99{digits}" if life.channel in ("bni", "bca") else f"{rng.choice(('0', '0', '+62'))}844{digits}"
        row = {
            "participant_id": life.participant_id,
            "version": life.versions,
            "channel": life.channel,
            "account_number": number,
            "owner_name": life.name,
            "owner_nik": life.nik,
            "verified_at": at + timedelta(hours=rng.randrange(1, 72)),
            "closed_at": None,
            "recorded_at": at,
        }
        drawn = rng.random()
        if drawn < 0.03:  # verified later than linked, or by somebody else's card, and put right; or closed
            mended = at + timedelta(days=rng.randrange(5, 40))
            healed = row | {"recorded_at": mended, "verified_at": mended}
            wrong = {"verified_at": None} if drawn < 0.02 else {"owner_nik": f"{life.nik[:12]}9999"}
            life.rows.append(Known(self._late(rng, at), "accounts", row | wrong))
            life.rows.append(Known(mended, "accounts", healed))
            return
        life.rows.append(Known(self._late(rng, at), "accounts", row))
        if drawn < 0.05:
            closed = at + timedelta(days=rng.randrange(20, 100))
            life.rows.append(Known(closed, "accounts", row | {"closed_at": closed, "recorded_at": closed}))

    def _learn(self, life: Life, rng: random.Random, accepted: date) -> None:
        if rng.random() < 0.05:
            return
        last = clock_time(accepted, 9)
        for place in range(1 + (rng.random() < 0.25)):
            bought = clock_time(accepted + timedelta(days=rng.randrange(1, 20)), 11)
            done = bought + timedelta(days=rng.randrange(2, 25), hours=rng.randrange(1, 9))
            reviewed = done + timedelta(days=rng.randrange(0, 6))
            row: Row = {
                "completion_id": f"C-{life.participant_id[2:]}-{place}",
                "platform": "pintarloka",
                "participant_id": life.participant_id,
                "training_id": f"T-{rng.randrange(1, TRAININGS):05}",
                "purchased_at": bought,
                "completed_at": done,
                "certificate_number": f"SERT-{life.participant_id[2:]}-{place}",
                "rating": rng.randrange(1, 6),
                "reviewed_at": reviewed,
                "recorded_at": reviewed,
                "revoked_at": None,
            }
            self._complete(life, rng, row, reviewed)
            last = max(last, reviewed)
        for number in range(1, 4):
            if rng.random() < 0.3:
                at = last + timedelta(days=rng.randrange(1, 30))
                answer = {
                    "participant_id": life.participant_id,
                    "number": number,
                    "completed_at": at,
                    "recorded_at": at,
                }
                life.rows.append(Known(self._late(rng, at), "surveys", answer))

    def _complete(self, life: Life, rng: random.Random, row: Row, known: datetime) -> None:
        """A completion as it comes: whole, first without its certificate or rating, revoked later, or twice with other words."""
        drawn = rng.random()
        if drawn < 0.06:
            lacking = {"certificate_number": None} if drawn < 0.03 else {"rating": None}
            life.rows.append(Known(self._late(rng, known), "completions", row | lacking))
            later = known + timedelta(days=rng.randrange(3, 30))
            life.rows.append(Known(later, "completions", row | {"recorded_at": later}))
            return
        life.rows.append(Known(self._late(rng, known), "completions", row))
        if drawn < 0.09:
            gone = known + timedelta(days=rng.randrange(5, 60))
            life.rows.append(Known(gone, "completions", row | {"revoked_at": gone, "recorded_at": gone}))
        elif drawn < 0.10:
            other = row | {"rating": row["rating"] % 5 + 1}
            life.rows.append(Known(self._late(rng, known), "completions", other))

    def _err(self, life: Life, rng: random.Random, accepted: date) -> None:
        """One in fifty sends something that nobody can read: it is set aside, and stands in nobody's way."""
        if rng.random() < 0.02:
            known = clock_time(accepted + timedelta(days=30), 9)
            bad = {
                "participant_id": life.participant_id,
                "number": 9_999_999_999,
                "completed_at": None,
                "recorded_at": known,
            }
            life.rows.append(Known(known, "surveys", bad | {"participant_id": ""}))

    def _late(self, rng: random.Random, at: datetime) -> datetime:
        """When the platform has it to give: soon, or weeks later."""
        return at + timedelta(days=rng.choice((0, 0, 0, 0, 1, 1, 2, 4, 9, 26)))
