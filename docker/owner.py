"""The owner's part in the ledger, for `init` alone: makes or upgrades its tables, then gives every role what is its own.

A home has one DSN, and that is the pipeline's, which owns nothing. So the owner, of whom SALUR_LEDGER_OWNER is the DSN, gets a
home that lasts as long as this runs. docs/postgresql.md says what each role may do.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from importlib.resources import files

import psycopg


def main() -> int:
    """The command line; the exit code is that of `salur upgrade`."""
    dsn = os.environ["SALUR_LEDGER_OWNER"]
    with tempfile.TemporaryDirectory() as home:
        # Makes the tables where there are none, refuses earlier ones; what is wrong beyond that, `upgrade` says as well.
        subprocess.run(["salur", "--home", home, "init", "--ledger", dsn], capture_output=True, check=False)
        done = subprocess.run(["salur", "--home", home, "upgrade"], check=False)
        if done.returncode != 0:
            return done.returncode
    with psycopg.connect(dsn) as connection:
        connection.execute(files("ledger").joinpath("roles.sql").read_bytes())
    return 0


if __name__ == "__main__":
    sys.exit(main())
