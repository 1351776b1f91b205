"""A simulated world joined to a home: people to pay, and banks that answer on real SFTP."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import asyncssh

from ledger.house import House
from schemas.errors import InputRejected, WrongUsage
from simulator import sftp_server
from simulator.descriptions import bank_descriptions
from simulator.drop import Format
from simulator.people import generate
from treasury.house import CONFIG

BANK_KEY = "keys/bank_ed25519"
_FORMATS = ("parquet", "csv", "jsonl")


def people(
    out: Path, count: int, seed: int, fmt: str, period: str | None, say: Callable[[str], None]
) -> dict[str, Any]:
    """Write a source drop about invented people; says what is in it and how many of each bad case."""
    if fmt not in _FORMATS:
        raise WrongUsage(f"{fmt!r} is no format.", f"Formats: {', '.join(_FORMATS)}.", "Give one of them.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputRejected(f"{out} is not an empty folder.", "A drop is written to a new one.", "Give another --out.")
    summary = generate(
        out, count, seed, period, cast(Format, fmt), lambda done, of: say(f"{done:,} of {of:,} people invented")
    )
    return {
        "out": str(out),
        "people": summary.people,
        "rows": dict(sorted(summary.rows.items())),
        "bad_cases": dict(sorted(summary.faults.items())),
    }


def banks(house: House, root: Path | None, seed: int, host: str) -> dict[str, Any]:
    """Start the simulated banks at `host`, tell the home how to reach them, and let them answer until interrupted."""
    folder = root or house.path / "banks"
    with running_banks(house.path, folder, seed, host) as running:
        for code, address in running.addresses.items():
            house.say(f"{code}: {address['host']}:{address['port']}")
        running.wait_until_interrupted(lambda: house.say("Banks answer until Ctrl-C."))
    return {"root": str(folder), "banks": sorted(running.addresses)}


@contextmanager
def running_banks(home: Path, root: Path, seed: int, host: str) -> Iterator[sftp_server.RunningBanks]:
    """The simulated banks, up inside the `with`, and the home told how to reach them with a key made for it."""
    key = home / BANK_KEY
    if not key.exists():
        made = asyncssh.generate_private_key("ssh-ed25519")
        made.write_private_key(key)
        key.chmod(0o600)
        made.write_public_key(f"{key}.pub")
    with sftp_server.serve(
        root, sorted(bank_descriptions()), authorized_key=Path(f"{key}.pub"), seed=seed, host=host
    ) as running:
        configure(home / CONFIG, running.addresses)
        yield running


_BEGIN, _END = "# --- simulated banks, written by `salur simulate banks` ---", "# --- end of simulated banks ---"


def configure(config: Path, addresses: dict[str, dict[str, str | int]]) -> None:
    """Write how to reach the banks into the home's configuration, in place of what an earlier rehearsal wrote."""
    text = config.read_text(encoding="utf-8")
    if _BEGIN in text:
        before, _, rest = text.partition(_BEGIN)
        text = before + rest.partition(_END)[2].lstrip("\n")
    tables = [
        f"""[banks.{code}]
host = "{at["host"]}"
port = {at["port"]}
user = "{at["user"]}"
private_key = "{BANK_KEY}"
host_key = "{at["host_key"]}"
inbox = "{at["upload_folder"]}"
outbox = "{at["answer_folder"]}"
after_arrival = "left"
debtor_account = "{at["debtor_account"]}"
"""
        for code, at in sorted(addresses.items())
    ]
    partial = config.with_name(f".{config.name}.partial")
    partial.write_text(text.rstrip("\n") + "\n\n" + "\n".join([_BEGIN, *tables, _END]) + "\n", encoding="utf-8")
    partial.replace(config)
