"""Simulated banks on real SFTP, met by a plain asyncssh client: folders, keys, answers, and lines that break."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import asyncssh
import pytest

from schemas.errors import WrongUsage
from simulator.descriptions import describe_bank
from simulator.sftp_server import Pace, RunningBanks, serve
from tests.lib.payment_files import payment_file, pays
from tests.lib.ports import free_port

Result = TypeVar("Result")
BNI, OVO = describe_bank("bni"), describe_bank("ovo")
PATIENCE_SECONDS = 60.0


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A customer's private key; its public half lies beside it."""
    path = tmp_path_factory.mktemp("key") / "id"
    pair = asyncssh.generate_private_key("ssh-ed25519")
    pair.write_private_key(path)
    pair.write_public_key(path.with_suffix(".pub"))
    return path


@pytest.fixture
def start(tmp_path: Path, key: Path) -> Iterator[Callable[..., RunningBanks]]:
    """Starts banks under one root, as often as the test likes; the last one is stopped at the end."""
    running: list[RunningBanks] = []

    def start_banks(*banks: str, faults: dict[str, str] | None = None) -> RunningBanks:
        for earlier in running:
            earlier.stop()
        running.append(
            serve(tmp_path / "banks", banks, authorized_key=key.with_suffix(".pub"), faults=faults, pace=Pace(0.05))
        )
        return running[-1]

    yield start_banks
    for one in running:
        one.stop()


def visit(
    running: RunningBanks, bank: str, key: Path, work: Callable[[asyncssh.SFTPClient], Awaitable[Result]]
) -> Result:
    """Connect as banks.json says, its host key alone trusted, and do `work`."""
    address = json.loads(running.addresses_path.read_text())["banks"][bank]
    known = f"[{address['host']}]:{address['port']} {address['host_key']}\n".encode()

    async def connected() -> Result:
        async with (
            asyncssh.connect(
                address["host"],
                address["port"],
                username=address["user"],
                client_keys=[str(key)],
                known_hosts=asyncssh.import_known_hosts(known.decode()),
                config=None,
                agent_path=None,
            ) as connection,
            connection.start_sftp_client() as client,
        ):
            return await work(client)

    return asyncio.run(connected())


async def upload(client: asyncssh.SFTPClient, name: str, data: bytes) -> None:
    async with client.open(f"/in/{name}.part", "wb") as file:
        await file.write(data)
    await client.rename(f"/in/{name}.part", f"/in/{name}")


async def names(client: asyncssh.SFTPClient, folder: str) -> list[str]:
    return sorted(name for name in map(str, await client.listdir(folder)) if not name.startswith("."))


async def wait_for(client: asyncssh.SFTPClient, count: int) -> list[str]:
    """The names in /out once there are `count` of them."""
    until = time.monotonic() + PATIENCE_SECONDS
    while len(found := await names(client, "/out")) < count:
        assert time.monotonic() < until, f"only {found} after {PATIENCE_SECONDS} s"
        await asyncio.sleep(0.05)
    return found


def test_a_file_that_arrives_is_answered_in_the_out_folder_and_stays_visible(
    start: Callable[..., RunningBanks], key: Path
) -> None:
    async def send(client: asyncssh.SFTPClient) -> tuple[list[str], list[str], bytes]:
        await upload(client, "file.xml", payment_file(BNI, pays(3)))
        answers = await wait_for(client, 3)
        async with client.open(f"/out/{answers[-1]}", "rb") as file:
            return await names(client, "/in"), answers, await file.read()

    left, answers, last = visit(start("bni"), "bni", key, send)
    assert left == ["file.xml"]
    assert answers == [
        "bni-camt053-20200505-000001.xml",
        "bni-pain002-20200505-BNI-ACK-000001.xml",
        "bni-pain002-20200505-BNI-STS-000001.xml",
    ]
    assert last.count(b"<TxInfAndSts>") == 3
    assert last.endswith(b"</Document>\n")


def test_each_bank_has_its_own_port_host_key_and_folder(start: Callable[..., RunningBanks], key: Path) -> None:
    running = start("bni", "ovo")
    assert len({address["port"] for address in running.addresses.values()}) == 2
    assert len({address["host_key"] for address in running.addresses.values()}) == 2

    async def send(client: asyncssh.SFTPClient) -> list[str]:
        await upload(client, "file.xml", payment_file(OVO, pays(1)))
        return await wait_for(client, 2)

    assert all(name.startswith("ovo-") for name in visit(running, "ovo", key, send))
    assert visit(running, "bni", key, lambda client: names(client, "/in")) == []


def test_a_file_is_left_alone_while_it_bears_a_temporary_name_or_is_being_written(
    start: Callable[..., RunningBanks], key: Path
) -> None:
    data = payment_file(BNI, pays(1))

    async def send(client: asyncssh.SFTPClient) -> tuple[list[str], list[str]]:
        for name in (".file.xml", "file.xml.part", "file.xml.tmp"):
            async with client.open(f"/in/{name}", "wb") as file:
                await file.write(data)
        async with client.open("/in/file.xml", "wb") as file:
            await file.write(data[:200])
            await asyncio.sleep(0.5)  # ten looks of the bank
            early = await names(client, "/out")
            await file.write(data[200:])
        return early, await wait_for(client, 3)

    early, answers = visit(start("bni"), "bni", key, send)
    assert early == []
    assert not any("-REF-" in name for name in answers)


def test_nothing_outside_the_folder_can_be_reached_and_nothing_be_overwritten(
    start: Callable[..., RunningBanks], key: Path
) -> None:
    async def look(client: asyncssh.SFTPClient) -> list[str]:
        await upload(client, "a.bin", b"first")
        await upload_again(client)
        return sorted(map(str, await client.listdir("/../..")))

    async def upload_again(client: asyncssh.SFTPClient) -> None:
        async with client.open("/in/b.bin", "wb") as file:
            await file.write(b"second")
        for rename in (client.rename, client.posix_rename):
            with pytest.raises(asyncssh.SFTPError):
                await rename("/in/b.bin", "/in/a.bin")

    assert [name for name in visit(start("bni"), "bni", key, look) if name.strip(".")] == ["in", "out"]


def test_another_key_or_another_user_is_not_let_in(
    start: Callable[..., RunningBanks], key: Path, tmp_path: Path
) -> None:
    running = start("bni", "ovo", faults={"ovo": "refuse_key"})
    stranger = tmp_path / "stranger"
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(stranger)
    with pytest.raises(asyncssh.PermissionDenied):
        visit(running, "bni", stranger, lambda client: names(client, "/in"))
    with pytest.raises(asyncssh.PermissionDenied):
        visit(running, "ovo", key, lambda client: names(client, "/in"))
    assert visit(running, "bni", key, lambda client: names(client, "/in")) == []


def test_a_restart_keeps_host_key_port_and_memory(start: Callable[..., RunningBanks], key: Path) -> None:
    data = payment_file(BNI, pays(2))

    async def send(client: asyncssh.SFTPClient) -> list[str]:
        await upload(client, "file.xml", data)
        return await wait_for(client, 3)

    async def send_again(client: asyncssh.SFTPClient) -> list[str]:
        await upload(client, "again.xml", data)
        return await wait_for(client, 4)

    first = start("bni")
    answers = visit(first, "bni", key, send)
    second = start("bni")
    assert second.addresses == first.addresses
    (new,) = set(visit(second, "bni", key, send_again)) - set(answers)
    assert "-REF-" in new


def test_a_changed_host_key_does_not_match_the_one_made_known(start: Callable[..., RunningBanks], key: Path) -> None:
    known = start("bni").addresses["bni"]["host_key"]
    changed = start("bni", faults={"bni": "host_key_changed"})
    assert changed.addresses["bni"]["host_key"] == known
    with pytest.raises(asyncssh.HostKeyNotVerifiable):
        visit(changed, "bni", key, lambda client: names(client, "/in"))
    assert visit(start("bni"), "bni", key, lambda client: names(client, "/in")) == []


def test_a_cut_upload_leaves_a_part_under_the_temporary_name_and_the_next_one_arrives(
    start: Callable[..., RunningBanks], key: Path
) -> None:
    running = start("bni", faults={"bni": "connection_cut"})
    data = payment_file(BNI, pays(30))

    with pytest.raises((asyncssh.Error, OSError)):
        visit(running, "bni", key, lambda client: upload(client, "file.xml", data))

    async def look_and_send(client: asyncssh.SFTPClient) -> tuple[list[str], int | None, list[str]]:
        left = await names(client, "/in")
        size = (await client.stat("/in/file.xml.part")).size
        await upload(client, "file.xml", data)
        return left, size, await wait_for(client, 3)

    left, size, answers = visit(running, "bni", key, look_and_send)
    assert (left, size) == (["file.xml.part"], 1_000)
    assert not any("-REF-" in name for name in answers)


def test_a_line_cut_after_the_rename_has_delivered_the_file(start: Callable[..., RunningBanks], key: Path) -> None:
    running = start("bni", faults={"bni": "cut_after_rename"})
    with pytest.raises((asyncssh.Error, OSError)):
        visit(running, "bni", key, lambda client: upload(client, "file.xml", payment_file(BNI, pays(1))))
    assert len(visit(running, "bni", key, lambda client: wait_for(client, 3))) == 3
    assert visit(running, "bni", key, lambda client: names(client, "/in")) == ["file.xml"]


def test_a_bank_may_take_away_what_it_has_taken(start: Callable[..., RunningBanks], key: Path) -> None:
    async def send(client: asyncssh.SFTPClient) -> list[str]:
        await upload(client, "file.xml", payment_file(BNI, pays(1)))
        await wait_for(client, 3)
        until = time.monotonic() + PATIENCE_SECONDS
        while (left := await names(client, "/in")) and time.monotonic() < until:
            await asyncio.sleep(0.05)
        return left

    assert visit(start("bni", faults={"bni": "files_taken_away"}), "bni", key, send) == []


def test_what_comes_late_comes_when_the_day_is_closed(start: Callable[..., RunningBanks], key: Path) -> None:
    running = start("ovo", faults={"ovo": "late_statement"})

    async def send(client: asyncssh.SFTPClient) -> list[str]:
        await upload(client, "file.xml", payment_file(OVO, pays(1)))
        return await wait_for(client, 1)

    assert visit(running, "ovo", key, send) == ["ovo-pain002-20200505-OVO-STS-000001.xml"]
    assert running.close_day("ovo") == ["ovo-camt053-20200505-000001.xml"]
    assert len(visit(running, "ovo", key, lambda client: wait_for(client, 2))) == 2


def test_a_day_is_closed_by_itself_after_a_quiet_time(tmp_path: Path, key: Path) -> None:
    async def send(client: asyncssh.SFTPClient) -> list[str]:
        await upload(client, "file.xml", payment_file(OVO, pays(1)))
        return await wait_for(client, 2)

    with serve(
        tmp_path,
        ["ovo"],
        authorized_key=key.with_suffix(".pub"),
        faults={"ovo": "late_statement"},
        pace=Pace(0.05, close_day_after_quiet_seconds=0.2),
    ) as running:
        assert visit(running, "ovo", key, send)[0] == "ovo-camt053-20200505-000001.xml"


def test_banks_that_run_in_the_foreground_serve_until_they_are_told_to_end(tmp_path: Path, key: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from simulator.sftp_server import serve\n"
        "with serve(Path(sys.argv[1]), ['ovo'], authorized_key=Path(sys.argv[2])) as running:\n"
        "    running.wait_until_interrupted(lambda: print(running.addresses_path, flush=True))"
    )
    command = [sys.executable, "-c", program, str(tmp_path), str(key.with_suffix(".pub"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().strip() == str(tmp_path / "banks.json")
            address = json.loads((tmp_path / "banks.json").read_text())["banks"]["ovo"]
            with socket.create_connection((address["host"], address["port"])) as line:
                assert line.recv(4) == b"SSH-"
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_SECONDS) == 0


def test_a_port_in_use_or_a_key_that_is_none_is_wrong_usage(tmp_path: Path, key: Path) -> None:
    public = key.with_suffix(".pub")
    port = free_port()
    with serve(tmp_path / "one", ["bni"], authorized_key=public, ports={"bni": port}) as running:
        assert running.addresses["bni"]["port"] == port
        with pytest.raises(WrongUsage, match=str(port)):
            serve(tmp_path / "two", ["bni"], authorized_key=public, ports={"bni": port})
    with pytest.raises(WrongUsage, match="public key"):
        serve(tmp_path / "three", ["bni"], authorized_key=tmp_path / "absent.pub")
