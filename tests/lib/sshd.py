"""A bank's end of the wire as banks run it: a real OpenSSH server that offers SFTP on one folder.

It listens on a free loopback port with keys of its own, lets one key of one user in, and starts each session in its folder,
so relative paths mean the same as at a bank. It works for root and for an ordinary user. The user is whoever runs the tests.
"""

from __future__ import annotations

import getpass
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import asyncssh
import psutil

from tests.lib.needs import sshd_path
from tests.lib.ports import free_port

START_SECONDS = 10.0


class SshServer:
    """One running server. `root` is the folder that clients see, `client_key` the private key file that is let in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.root = self.folder / "root"
        self.root.mkdir(parents=True)
        self.host = "127.0.0.1"
        self.port = 0
        self.user = getpass.getuser()
        self.client_key = self.folder / "client_key"
        self._host_key = self.folder / "host_key"
        self._authorized = self.folder / "authorized_keys"
        self._log = self.folder / "sshd.log"
        self._process: subprocess.Popen[bytes] | None = None
        _write_key(self._host_key)
        _write_key(self.client_key)
        self.let_in(self.client_key)

    @property
    def host_key(self) -> str:
        """The public host key, `ssh-ed25519 AAAA…`, as a bank hands it over to be pinned."""
        return " ".join(self._host_key.with_suffix(".pub").read_text().split()[:2])

    @property
    def known_hosts(self) -> str:
        """A known_hosts line for this server."""
        return f"[{self.host}]:{self.port} {self.host_key}\n"

    @property
    def log(self) -> str:
        """What the server has said so far."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def folders(self, *names: str) -> None:
        """Makes folders below `root`, such as a bank's `inbound` and `outbound`."""
        for name in names:
            (self.root / name).mkdir(parents=True, exist_ok=True)

    def let_in(self, *private_keys: Path) -> None:
        """From now on exactly these keys are let in; none at all refuses everybody."""
        self._authorized.write_text("".join(key.with_suffix(".pub").read_text() for key in private_keys))
        self._authorized.chmod(0o600)

    def change_host_key(self) -> None:
        """The server shows another host key, as after a take-over: sessions end, the port stays."""
        self.stop()
        _write_key(self._host_key)
        self.start()

    def start(self) -> None:
        """Listens, on the port of the last time if there was one. Returns once a client would be answered."""
        for _ in range(5):
            port = self.port or free_port()
            with self._log.open("ab") as log:
                command = [sshd_path() or "sshd", "-D", "-e", "-f", str(self._configure(port))]
                self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            if _answers(self.host, port, self._process):
                self.port = port
                return
        raise RuntimeError(f"sshd does not start:\n{self.log}")

    def stop(self) -> None:
        """Ends the server and every session in it, at once: an upload under way breaks off."""
        if self._process is None:
            return
        sessions = _children(self._process.pid)
        self._process.kill()
        self._process.wait()
        for session in sessions:
            with suppress(psutil.NoSuchProcess):
                session.kill()
        self._process = None

    def _configure(self, port: int) -> Path:
        path = self.folder / "sshd_config"
        settings = {
            "ListenAddress": f"{self.host}:{port}",
            "HostKey": self._host_key,
            "AuthorizedKeysFile": self._authorized,
            "AuthenticationMethods": "publickey",
            "PermitRootLogin": "prohibit-password",
            "AllowUsers": self.user,
            "StrictModes": "no",  # pytest's folders lie below /tmp, which anybody may write
            "UsePAM": "no",
            "PidFile": "none",
            "MaxStartups": "100",
            "Subsystem": "sftp internal-sftp",
            "ForceCommand": f"internal-sftp -d {self.root}",
        }
        path.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
        return path


@contextmanager
def ssh_server(folder: Path) -> Iterator[SshServer]:
    """A server that is up inside the `with`, its files below `folder`."""
    server = SshServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _write_key(path: Path) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(key.export_private_key())
    path.with_suffix(".pub").write_bytes(key.export_public_key())


def _answers(host: str, port: int, process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with socket.create_connection((host, port), timeout=1) as client:
                if client.recv(4) == b"SSH-":
                    return process.poll() is None
        except OSError:
            time.sleep(0.02)
    process.kill()
    process.wait()
    return False


def _children(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
