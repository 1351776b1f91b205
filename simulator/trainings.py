"""The catalogue of the invented country: trainings with provider, platform and price."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from schemas.tables import SOURCES
from simulator.columns import Ints, digits, join, words
from simulator.country import PRICE_MAX_IDR, TRAINING_COUNT

PLATFORMS = ("belajarkarya", "kelasmandiri", "mahirnusa", "pintarloka", "rumahlatih", "sekolahkita", "terampilku")
"""Invented platforms: what goes wrong on them is nobody's fault."""

_SUBJECTS = (
    "Akuntansi Dasar", "Bahasa Inggris untuk Kerja", "Barista", "Budi Daya Lele", "Content Creator", "Desain Grafis",
    "Digital Marketing", "Ekspor untuk Pemula", "Fotografi Produk", "Jahit Pakaian", "Kue Kering", "Layanan Pelanggan",
    "Manajemen Gudang", "Merajut", "Microsoft Excel", "Montir Sepeda Motor", "Operator Komputer", "Pastri",
    "Pemrograman Web", "Penjualan Daring", "Perawatan AC", "Public Speaking", "Tata Rias", "Teknik Las",
)  # fmt: skip
_LEVELS = ("Tingkat Dasar", "Tingkat Menengah", "Tingkat Lanjut", "untuk Pemula", "untuk UMKM", "Siap Kerja")
_PROVIDERS = (
    "LPK Bina Karya",
    "LPK Cipta Terampil",
    "Lembaga Kursus Melati",
    "Pusat Latihan Garuda",
    "Kursus Sinar Pagi",
)


class Catalogue(NamedTuple):
    """The table as a source offers it, and what the generator of completions draws from: prices and popularity."""

    table: pa.Table
    price_idr: Ints
    platform: Ints
    popularity: "np.typing.NDArray[np.float64]"


def training_ids(numbers: Ints) -> pa.Array:
    """`T-00042` for 42."""
    return join("T-", digits(numbers, 5))


def catalogue(seed: int, count: int = TRAINING_COUNT) -> Catalogue:
    """`count` trainings; prices Rp0 to Rp1,000,000 in steps of Rp5,000, a few free; a few of them very popular."""
    rng = np.random.Generator(np.random.PCG64([seed, 1]))
    price = (
        np.round(np.clip(rng.lognormal(np.log(350_000), 0.6, count), 20_000, PRICE_MAX_IDR) / 5_000).astype(np.int64)
        * 5_000
    )
    price[rng.random(count) < 0.01] = 0
    platform = rng.integers(0, len(PLATFORMS), count)
    numbers = np.arange(1, count + 1)
    table = pa.table(
        {
            "training_id": training_ids(numbers),
            "title": join(
                words(_SUBJECTS, rng.integers(0, len(_SUBJECTS), count)),
                " ",
                words(_LEVELS, rng.integers(0, len(_LEVELS), count)),
            ),
            "provider": join(
                words(_PROVIDERS, rng.integers(0, len(_PROVIDERS), count)), " ", digits(rng.integers(1, 40, count), 2)
            ),
            "platform": words(PLATFORMS, platform),
            "price_idr": pa.array(price),
        }
    )
    popularity = rng.permutation(1.0 / np.arange(10, count + 10))
    return Catalogue(table, price, platform, popularity / popularity.sum())


def impossible_prices(count: int, text: bool) -> pa.Table:
    """Rows that no catalogue may have: a price with decimals (as text) or below zero. Nobody takes these trainings."""
    price = (
        pa.array(["199999.50"] * count)
        if text
        else pa.array([-5_000] * count, SOURCES["trainings.v1"].schema.field("price_idr").type)
    )
    return pa.table(
        {
            "training_id": training_ids(np.arange(90_001, 90_001 + count)),
            "title": pa.array(["Harga Salah"] * count),
            "provider": pa.array([_PROVIDERS[0]] * count),
            "platform": pa.array([PLATFORMS[0]] * count),
            "price_idr": price,
        }
    )
