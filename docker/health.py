"""Whether a part of the composition does its work: exit code 0 or 1, one line that says why.

    health.py api-server        Airflow's API answers and reaches its database
    health.py scheduler         also dag-processor, triggerer: has it told Airflow lately that it lives? (asked of the API)
    health.py banks             every simulated bank greets on its port
    health.py ledger            the home opens and its ledger can be read; loads the packages, so not to be asked often

Needs nothing but the standard library, but for `ledger`. AIRFLOW__CORE__EXECUTION_API_SERVER_URL says where the API is.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urljoin

SECONDS_MAX = 10.0
AIRFLOW_PARTS = {
    "api-server": "metadatabase",
    "scheduler": "scheduler",
    "dag-processor": "dag_processor",
    "triggerer": "triggerer",
}


def airflow_part(name: str) -> str:
    """What Airflow's own monitor says about a part.

    Errors: OSError when the API does not answer; ValueError when its answer is not "healthy".
    """
    base = os.environ.get("AIRFLOW__CORE__EXECUTION_API_SERVER_URL", "http://127.0.0.1:8080/execution/")
    without_proxy = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with without_proxy.open(urljoin(base, "/api/v2/monitor/health"), timeout=SECONDS_MAX) as answer:
        status = json.load(answer)[AIRFLOW_PARTS[name]]["status"]
    if status != "healthy":
        raise ValueError(f"Airflow says {status}")
    return "healthy"


def banks() -> str:
    """Every address of banks.json greets as an SSH server does.

    Errors: OSError when one does not answer; ValueError when it answers as something else.
    """
    folder = Path(os.environ.get("SALUR_BANKS", "/var/lib/banks"))
    addresses = json.loads((folder / "banks.json").read_text())["banks"]
    for code, at in addresses.items():
        with socket.create_connection((at["host"], at["port"]), timeout=SECONDS_MAX) as line:
            if not line.recv(4) == b"SSH-":
                raise ValueError(f"{code} is no SSH server")
    return f"{len(addresses)} banks answer"


def ledger() -> str:
    """The home opens, and its ledger answers a question.

    Errors: SalurError as the command line would show it.
    """
    from ledger import queries
    from treasury.house import open_house

    return f"{len(queries.batches(open_house(None).store, '1970-01'))} batches in 1970"


def main(words: list[str]) -> int:
    """The command line."""
    part = words[0] if len(words) == 1 else ""
    asks = {"banks": banks, "ledger": ledger} | dict.fromkeys(AIRFLOW_PARTS, lambda: airflow_part(part))
    if part not in asks:
        print(f"usage: health.py {' | '.join(asks)}")
        return 2
    try:
        print(f"{part}: {asks[part]()}")
    except Exception as error:  # noqa: BLE001 (whatever it is, the part is not healthy, and the kind of error says enough)
        print(f"{part}: {type(error).__name__}: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
