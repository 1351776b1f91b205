"""What a test may need from the machine beyond Python, and how to tell whether it is there.

A test says `@pytest.mark.needs("openssh")`. Where that is missing the test is skipped and listed by name at the end of the
run; under CI=true it fails, since a suite that leaves out what it cannot run proves nothing.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from treasury.local_postgres import binaries

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def sshd_path() -> str | None:
    """The OpenSSH server; Debian keeps it where an ordinary user's PATH does not look."""
    return shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def browser_path() -> str | None:
    """A Chromium of the machine's own."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def _openssh() -> str | None:
    if sshd_path() is None:
        return "no sshd (Debian: apt-get install openssh-server)"
    if os.geteuid() == 0:
        try:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where a server run by root parks its unprivileged half
        except OSError:
            return "root cannot make /run/sshd"
    return None


def _chromium() -> str | None:
    return None if browser_path() else "no chromium (Debian: apt-get install chromium)"


def _airflow() -> str | None:
    if importlib.util.find_spec("airflow") is None:
        return "Apache Airflow is not installed (make setup)"
    return None if Path(sys.executable).with_name("airflow").exists() else "no airflow command beside this Python"


def _postgresql() -> str | None:
    if binaries() is None:
        return "no PostgreSQL (Debian: apt-get install postgresql; or make setup)"
    return None


def _tmpfs() -> str | None:
    """Whether a small file system can be mounted, to be full."""
    folder = tempfile.mkdtemp()
    try:
        mounted = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], capture_output=True, check=False)
        if mounted.returncode:
            return "no tmpfs can be mounted (run as root, with the right to mount)"
        subprocess.run(["umount", folder], check=True)
    except OSError as error:
        return f"no tmpfs can be mounted ({error.strerror})"
    finally:
        Path(folder).rmdir()
    return None


KNOWN: dict[str, Callable[[], str | None]] = {
    "openssh": _openssh,
    "chromium": _chromium,
    "airflow": _airflow,
    "postgresql": _postgresql,
    "tmpfs": _tmpfs,
}


def missing(what: str) -> str | None:
    """Why `what` is not to be had here, or None when it is. An unknown word is an error of the test."""
    return KNOWN[what]()
