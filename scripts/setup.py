"""Makes .venv from requirements.lock, with the project installed in place. Runs on a bare Python 3.11, standard library only.

Another folder than .venv can be named, for an environment of another Python: `python3.12 scripts/setup.py .venvs/3.12`.
With `--peers` it makes .venv-bench from requirements-bench.lock: what the benchmarks measure us against.

Every package is checked against the hash in the lock. Which index the packages come from is the machine's own setting
(pip's or uv's configuration); no index is named here. Nothing is done when lock and pyproject are those of the last time.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOR_PEERS = sys.argv[1:] == ["--peers"]
VENV = ROOT / (sys.argv[1] if len(sys.argv) > 1 and not FOR_PEERS else ".venv")
LOCK = ROOT / "requirements.lock"
PEERS = ROOT / ".venv-bench"
PEERS_LOCK = ROOT / "requirements-bench.lock"
STAMP = VENV / ".salur-setup"
PYTHON = VENV / "bin" / "python"
UV = VENV / "bin" / "uv"


def main() -> int:
    """Brings an environment up to date, or returns at once when it is."""
    return make_peers() if FOR_PEERS else make_ours()


def make_peers() -> int:
    """The environment of those that benchmarks measure us against: .venv-bench, with nothing of ours in it."""
    wanted = hashlib.sha256(f"{ROOT} {sys.version}".encode() + PEERS_LOCK.read_bytes()).hexdigest()
    stamp = PEERS / ".salur-setup"
    if stamp.is_file() and stamp.read_text() == wanted:
        return 0
    say("installing the peers of the benchmarks")
    subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", PEERS], check=True)
    packages = ("install", "--require-hashes", "--no-deps", "--requirement", PEERS_LOCK)
    if not run_uv("pip", *packages, "--compile-bytecode", environment=PEERS):
        run_pip("--python", PEERS / "bin" / "python", *packages)
    stamp.write_text(wanted)
    return 0


def make_ours() -> int:
    """The environment that everything runs from."""
    wanted = fingerprint()
    if STAMP.is_file() and STAMP.read_text() == wanted and (VENV / "bin" / "salur").exists():
        return 0
    STAMP.unlink(missing_ok=True)
    make_environment()
    install_uv()
    # Compiled once here: where Python is told to write no bytecode, each command would compile its imports for 10 seconds.
    if not run_uv("pip", "install", "--compile-bytecode", "--require-hashes", "--no-deps", "--requirement", LOCK):
        say("uv could not install from here; going on with pip, which is slower")
        run_pip("install", "--quiet", "--require-hashes", "--no-deps", "--requirement", LOCK)
    project = ("pip", "install", "--no-deps", "--no-build-isolation", "--quiet", "--editable", ROOT)
    if not run_uv(*project):
        run_pip(*project[1:])
    STAMP.write_text(wanted)
    say(f"ready: {VENV.relative_to(ROOT)}/bin/salur")
    return 0


def fingerprint() -> str:
    """What an environment depends on: lock, pyproject, the place (scripts carry absolute paths) and the Python in it."""
    digest = hashlib.sha256(f"{ROOT} {Path(__file__).read_text()}".encode())
    for path in (LOCK, ROOT / "pyproject.toml"):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def say(text: str) -> None:
    """One line of progress, on standard error."""
    print(f"setup: {text}", file=sys.stderr, flush=True)


def runs(*command: str | Path) -> bool:
    """Whether a command exists and ends well; its output is of no interest."""
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def make_environment() -> None:
    """A virtual environment with pip in it; Debian ships Python without either, so several roads lead there."""
    version = "import sys, pip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))"
    if runs(PYTHON, "-c", version):
        return
    say(f"making {VENV.relative_to(ROOT)} with Python {sys.version.split()[0]}")
    shutil.rmtree(VENV, ignore_errors=True)
    roads = [
        (sys.executable, "-m", "venv", VENV),
        (sys.executable, "-m", "virtualenv", "--quiet", VENV),
        ("uv", "venv", "--quiet", "--seed", "--python", sys.executable, VENV),
    ]
    if any(runs(*road) and runs(PYTHON, "-c", version) for road in roads):
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        say("this Python has no venv module: installing Debian's python3-venv")
        exact = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
        for package in (exact, "python3-venv"):
            if not runs("apt-get", "install", "--yes", "--no-install-recommends", package):
                runs("apt-get", "update")
                runs("apt-get", "install", "--yes", "--no-install-recommends", package)
            shutil.rmtree(VENV, ignore_errors=True)
            if runs(*roads[0]) and runs(PYTHON, "-c", version):
                return
    sys.exit(
        f"What: {sys.executable} cannot make a virtual environment.\n"
        "Why:  its venv or ensurepip module is missing; Debian and Ubuntu keep them in a package of their own.\n"
        "Do:   apt-get install python3-venv   (as root), then make setup again"
    )


def install_uv() -> None:
    """The fast installer itself, of the version and hash that the lock names."""
    found = re.search(r"^uv==\S+ \\\n(?:    --hash=\S+(?: \\)?\n)+", LOCK.read_text(), re.MULTILINE)
    if found is None:
        sys.exit("requirements.lock does not name uv: run make lock")
    version = found[0].split()[0].removeprefix("uv==")
    if runs(PYTHON, "-c", f"import importlib.metadata as m; assert m.version('uv') == {version!r}"):
        return
    say("installing packages, each checked against its hash")
    with tempfile.TemporaryDirectory() as folder:
        only_uv = Path(folder, "uv.txt")
        only_uv.write_text(found[0])
        run_pip("install", "--quiet", "--quiet", "--require-hashes", "--no-deps", "--requirement", only_uv)


def run_pip(*arguments: str | Path) -> None:
    """Pip of the environment; its failure is ours."""
    done = subprocess.run([PYTHON, "-m", "pip", *arguments], check=False)
    if done.returncode != 0:
        sys.exit(
            "What: packages could not be installed.\n"
            "Why:  pip says it above: usually the package index is out of reach, or a file is not the one in the lock.\n"
            "Do:   check pip's configuration (python3 -m pip config list) and try again: make setup"
        )


def run_uv(*arguments: str | Path, environment: Path = VENV) -> bool:
    """Uv on an environment, told of pip's index if it has none of its own; whether it worked."""
    settings = os.environ | {"VIRTUAL_ENV": str(environment), "UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1"}
    settings.setdefault("UV_HTTP_RETRIES", "2")
    if "UV_DEFAULT_INDEX" not in settings and "UV_INDEX_URL" not in settings and (index := pip_setting("index_url")):
        settings["UV_DEFAULT_INDEX"] = index
    if "SSL_CERT_FILE" not in settings and (certificates := pip_setting("cert")):
        settings["SSL_CERT_FILE"] = certificates
    return subprocess.run([UV, "--quiet", *arguments], check=False, cwd=ROOT, env=settings).returncode == 0


def pip_setting(name: str) -> str | None:
    """A value from pip's configuration or environment, which is where machines usually name their index.

    Pip writes its settings' names with hyphens.
    """
    name = name.replace("_", "-")
    listed = subprocess.run([PYTHON, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False).stdout
    found = re.findall(rf"^(?:global|site|install|user|:env:)\.{name}='(.*)'$", listed, re.MULTILINE)
    return found[-1] if found else None


if __name__ == "__main__":
    sys.exit(main())
