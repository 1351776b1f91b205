"""The country that is invented: how many people, where, when, and how often something is wrong. Figures with their source.

[B] press quoting the programme office, [D] derived from such figures, [P] a package's data, [S] the independent survey of
2020 recipients, [assumed] ours, chosen to be plausible.
"""

from datetime import date
from typing import Final, NamedTuple


class Scheme(NamedTuple):
    """What a wave's people may draw, whole rupiah, and what they do with it."""

    balance_idr: int
    """The training aid, which trainings are bought from [B]."""
    incentive_idr: int
    """All tranches of the incentive [B]."""
    survey_idr: int
    """All surveys [B]."""
    purchase_days: int
    """Within so many days of acceptance the first training is bought, else participation is revoked [B]."""
    surveys: int
    """How many surveys are paid [B]."""

    @property
    def allocation_idr(self) -> int:
        """What a decision sets aside for each person."""
        return self.balance_idr + self.incentive_idr + self.survey_idr


SCHEME_2020: Final = Scheme(1_000_000, 2_400_000, 150_000, 30, 3)
"""Waves 1 to 47."""
SCHEME_2023: Final = Scheme(3_500_000, 600_000, 100_000, 15, 2)
"""Waves 48 on."""


class Wave(NamedTuple):
    """One round of admissions: its number, how many were accepted, and the day the result was announced (Jakarta)."""

    number: int
    size: int
    accepted_on: date
    scheme: Scheme = SCHEME_2020


WAVES: Final = (
    # Sizes: wave 1, the quota of 4 to 9, wave 10 and the 382,868 places of wave 11 [B]; waves 2 and 3 share what remains of
    # the 5,597,179 accepted in waves 1 to 10 [D]. Dates: waves 1, 4, 10 and 11 [B], the others [assumed] between them.
    Wave(1, 168_111, date(2020, 4, 17)),
    Wave(2, 288_154, date(2020, 5, 1)),
    Wave(3, 224_653, date(2020, 5, 8)),
    Wave(4, 800_000, date(2020, 8, 16)),
    Wave(5, 800_000, date(2020, 8, 24)),
    Wave(6, 800_000, date(2020, 9, 1)),
    Wave(7, 800_000, date(2020, 9, 8)),
    Wave(8, 800_000, date(2020, 9, 15)),
    Wave(9, 800_000, date(2020, 9, 23)),
    Wave(10, 116_261, date(2020, 10, 2)),
    Wave(11, 382_868, date(2020, 11, 10)),
    # The first 595,000 people of 2023 [B], halved, moved into this autumn [assumed]: the two schemes never ran side by side,
    # here they do, so that one month rehearses both.
    Wave(48, 300_000, date(2020, 10, 12), SCHEME_2023),
    Wave(49, 295_000, date(2020, 10, 26), SCHEME_2023),
)
CALENDAR_PERIOD: Final = "2020-12"
"""The month by whose end most recipients of 2020 had qualified; a calendar for another month moves all days by the difference."""

PRICE_MAX_IDR: Final = 1_000_000
"""The dearest training: the whole balance of the scheme of 2020 [assumed]."""
TRAINING_COUNT: Final = 2_700
"""Trainings in the catalogue [assumed, of the order that the platforms offered]."""

SERIAL_MIN: Final = 9_000
SERIAL_MAX: Final = 9_999
"""Serial numbers of invented NIKs and KKs. A district hands out so many on one birth date to nobody: the visible mark."""

POPULATION: Final = {
    # People by province of the region codes of 2020 (91 and 92 with what was split from them in 2022).
    # Source: cahyadsn/wilayah, db/wilayah_penduduk.sql (MIT), population by Kepmendagri 300.2.2-2138/2025.
    "11": 5_623_479,
    "12": 15_640_905,
    "13": 5_820_359,
    "14": 7_099_297,
    "15": 3_834_439,
    "16": 9_064_690,
    "17": 2_127_957,
    "18": 9_144_263,
    "19": 1_549_562,
    "21": 2_271_890,
    "31": 11_038_216,
    "32": 51_316_378,
    "33": 38_430_645,
    "34": 3_743_365,
    "35": 41_919_906,
    "36": 12_881_374,
    "51": 4_375_263,
    "52": 5_751_295,
    "53": 5_700_772,
    "61": 5_646_268,
    "62": 2_825_290,
    "63": 4_305_281,
    "64": 4_123_303,
    "65": 770_627,
    "71": 2_645_291,
    "72": 3_219_494,
    "73": 9_528_276,
    "74": 2_824_589,
    "75": 1_250_960,
    "76": 1_466_741,
    "81": 1_935_586,
    "82": 1_394_231,
    "91": 4_504_210,
    "92": 1_199_441,
}

OCCUPATIONS: Final = {"unemployed": 0.808, "employee": 0.121, "business_owner": 0.071}
"""Shares of recipients by occupation [S]."""
CHANNELS: Final = {"bni": 0.17, "bca": 0.05, "ovo": 0.29, "gopay": 0.23, "linkaja": 0.13, "dana": 0.13}
"""Shares by channel: 78 % chose e-money in September 2020 [B], within that [assumed]; BCA joined by 2022 and is included."""
WOMEN: Final = 0.48
"""Share of women [assumed]."""
AGES: Final = {(18, 25): 0.35, (26, 35): 0.36, (36, 45): 0.19, (46, 64): 0.10}
"""Shares by age at acceptance, first and last full year [assumed]."""

ONE_WORD_NAMES: Final = 0.08
APOSTROPHE_NAMES: Final = 0.01
SHARED_KK: Final = 0.08
"""Share of people whose KK has a second recipient: allowed."""
COMPLETIONS: Final = {1: 0.55, 2: 0.27, 3: 0.12, 4: 0.06}
"""Shares by the number of trainings bought [assumed]."""
SURVEYS: Final = (0.60, 0.35, 0.15)
"""Share of the trained who have answered survey 1, 2, 3, as far as their scheme has them [assumed]."""
ACCOUNT_CHANGED: Final = 0.03
"""Share of people whose account has a second version [assumed]."""

REVOKED: Final = 382_868 / 5_597_179
"""Share of waves 1 to 10 whose participation was revoked, mostly for buying no training within 30 days [B]."""

# Bad cases, as shares of people. Within one group a person has at most one; so each can be counted. [assumed] throughout.
PERSON_FAULTS: Final = {
    "bad_nik": 0.002,
    "repeated_nik": 0.001,
    "third_in_kk": 0.0015,
    "blocklisted": 0.001,
    "delisted": 0.0005,
    "formula_name": 0.0005,
}
ACCOUNT_FAULTS: Final = {
    "no_account": 0.01,
    "unverified_account": 0.01,
    "closed_account": 0.003,
    "owner_mismatch": 0.002,
    "unknown_channel": 0.001,
}
LEARNING_FAULTS: Final = {
    "no_completion": 0.03,
    "no_certificate": 0.01,
    "no_rating": 0.01,
    "no_review": 0.01,
    "over_balance": 0.002,
    "late_purchase": 0.001,
    "unknown_training": 0.001,
    "revoked_completion": 0.003,
}
ROW_FAULTS: Final = {
    "identical_row": 0.002,  # the same completion twice: one
    "corrected_row": 0.002,  # an earlier, poorer record of a completion: the later stands
    "conflicting_record": 0.0003,  # two records of one completion and instant that differ: both quarantined
    "rating_out_of_range": 0.0003,
    "no_key": 0.0002,
    "no_offset": 0.0003,  # an instant without offset: text formats only
}
TRAINING_FAULTS: Final = 3
"""Rows of the catalogue with an impossible price: decimals in CSV, negative elsewhere."""
