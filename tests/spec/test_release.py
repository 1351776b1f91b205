"""What a second person is shown before agreeing to a batch."""

from datetime import date

import pytest

from disbursement.release import shown

BATCH = {
    "batch": "2020-12-bni-20210104-CODE",
    "channel": "bni",
    "transaction_count": 12,
    "control_sum_idr": 6_100_000,
    "execution_date": date(2021, 1, 4),
    "maker": "siti",
    "digest": "d" * 64,
}
TRANCHES = {"transaction_count": 10, "amount_idr": 6_000_000}
SURVEYS = {"transaction_count": 2, "amount_idr": 100_000}


def test_a_person_sees_how_many_payments_of_each_benefit_a_batch_holds_and_what_they_sum_to() -> None:
    told = shown(BATCH, {"incentive": TRANCHES, "survey": SURVEYS})
    assert "Jumlah perintah bayar / instructions: **12**" in told
    assert "Jumlah uang / sum: **Rp6.100.000**" in told
    assert "- Insentif / incentive: **10** = **Rp6.000.000**\n- Survei / survey: **2** = **Rp100.000**\n" in told
    assert f"Digest: `{BATCH['digest']}`" in told


def test_what_is_not_the_whole_batch_is_not_shown() -> None:
    with pytest.raises(AssertionError, match="all of it"):
        shown(BATCH, {"incentive": TRANCHES})
