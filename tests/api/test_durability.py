"""Nothing acknowledged is ever lost: kills under load, a full disk, a folder that cannot be written."""

import contextlib
import http.client
import json
import os
import pathlib
import random
import resource
import shutil
import subprocess
import tempfile
import threading
import time

import pytest
from conftest import BINARY, CONFIG, ACCOUNT, REGION, Gateway

ROUNDS = 50
WRITERS = 4
SIGNED = {
    "authorization": f"AWS4-HMAC-SHA256 Credential=AKID/20260101/{REGION}/apigateway/aws4_request, "
    "SignedHeaders=host, Signature=0"
}


class Ledger:
    """What was acknowledged, and what was only asked for."""

    def __init__(self):
        self.lock = threading.Lock()
        # By API: the last acknowledged number, and the last that was sent.
        self.acknowledged, self.sent = {}, {}
        self.deleting, self.deleted = set(), set()
        self.writes = 0


class Writer(threading.Thread):
    """Makes, changes and deletes APIs over one connection, until the gateway is gone."""

    def __init__(self, address, upstream, ledger, seed):
        super().__init__()
        self.connection = http.client.HTTPConnection(address, timeout=20)
        self.upstream, self.ledger, self.chance = upstream, ledger, random.Random(seed)
        self.own = []

    def ask(self, method, path, **body):
        """A write; what is returned was acknowledged."""
        text = json.dumps(body) if body else None
        self.connection.request(method, path, body=text, headers=SIGNED)
        answer = self.connection.getresponse()
        text = answer.read()
        assert answer.status in (200, 201, 204), (answer.status, text)
        with self.ledger.lock:
            self.ledger.writes += 1
        return json.loads(text) if text else None

    def step(self):
        """One write, told to the ledger before and after."""
        ledger, what = self.ledger, self.chance.random()
        if not self.own or what < 0.4:
            api = self.ask("POST", "/v2/apis", name="0", protocolType="HTTP", target=self.upstream)["apiId"]
            ledger.sent[api] = ledger.acknowledged[api] = 0
            self.own.append(api)
        elif what < 0.9:
            api = self.chance.choice(self.own)
            ledger.sent[api] += 1
            self.ask("PATCH", f"/v2/apis/{api}", name=str(ledger.sent[api]))
            ledger.acknowledged[api] = ledger.sent[api]
        else:
            api = self.own.pop(self.chance.randrange(len(self.own)))
            ledger.deleting.add(api)
            self.ask("DELETE", f"/v2/apis/{api}")
            ledger.deleted.add(api)

    def run(self):
        """Until the connection breaks."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            while True:
                self.step()


def listed(gateway):
    """The names of all APIs that there are, by id."""
    status, _, text = gateway.raw("GET", "/_daemun/apis")
    assert status == 200, text
    return {api["id"]: api["name"] for api in json.loads(text)}


def check(gateway, ledger, called):
    """All that was acknowledged is there, and of what was not, all or nothing."""
    found = listed(gateway)
    for api, number in ledger.acknowledged.items():
        if api in ledger.deleted:
            assert api not in found, f"{api} was deleted"
        elif api not in ledger.deleting:
            assert api in found, f"{api} is lost"
        if api in found:
            assert number <= int(found[api]) <= ledger.sent[api], (api, number, found[api])
            # What was not acknowledged and is there all the same is the state from now on.
            ledger.acknowledged[api] = ledger.sent[api] = int(found[api])
    for api in called:
        status = gateway.call_api("GET", api, "/x")[0]
        assert status == (200 if api in found else 403 if status == 403 else 404), (api, status)
        assert (status == 200) == (api in found), (api, status)


def test_fifty_kills_under_a_stream_of_writes_lose_nothing_acknowledged(tmp_path, upstream):
    """Each start after a kill has all that was acknowledged, and serves it."""
    gateway = Gateway(tmp_path, f'data_dir = "{tmp_path}/data"')
    ledger, chance = Ledger(), random.Random(7)
    try:
        for round in range(ROUNDS):
            writers = [Writer(gateway.management, upstream, ledger, round * WRITERS + n) for n in range(WRITERS)]
            known, before = len(ledger.sent), ledger.writes
            for writer in writers:
                writer.start()
            # A busy machine takes its time; what matters is that a stream is cut.
            deadline = time.monotonic() + 20
            while ledger.writes < before + 2 * WRITERS:
                assert time.monotonic() < deadline
                time.sleep(0.005)
            time.sleep(chance.uniform(0, 0.15))
            gateway.kill()
            for writer in writers:
                writer.join(30)
                assert not writer.is_alive()
            gateway.start()
            fresh = list(ledger.sent)[known:]
            check(gateway, ledger, chance.sample(fresh, min(5, len(fresh))))
        check(gateway, ledger, chance.sample(list(ledger.sent), 100))
        assert ledger.writes >= 2 * ROUNDS * WRITERS, ledger.writes
    finally:
        gateway.stop()


@contextlib.contextmanager
def small_disk(size):
    """A folder of its own with so many bytes."""
    folder = tempfile.mkdtemp()
    try:
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True)
    except FileNotFoundError:
        mounted = None
    if mounted is None or mounted.returncode:
        shutil.rmtree(folder)
        pytest.skip("this system does not let us mount")
    try:
        yield pathlib.Path(folder)
    finally:
        subprocess.run(["umount", folder], check=True)
        shutil.rmtree(folder)


def fill(gateway, upstream, limit=5000):
    """Makes APIs until one is refused: those that were made, and the refusal."""
    connection = http.client.HTTPConnection(gateway.management, timeout=20)
    made = []
    for number in range(limit):
        body = {"name": str(number), "protocolType": "HTTP", "target": upstream, "description": "d" * 1000}
        connection.request("POST", "/v2/apis", body=json.dumps(body), headers=SIGNED)
        answer = connection.getresponse()
        text = json.loads(answer.read())
        if answer.status != 201:
            return made, (answer.status, answer.headers["x-amzn-errortype"], text["message"])
        made.append(text["apiId"])
    raise AssertionError("the disk never was full")


def test_a_full_disk_refuses_changes_and_loses_nothing(tmp_path, upstream):
    """Reads and calls go on; when there is room again, changes do too."""
    with small_disk("2m") as disk:
        (disk / "ballast").write_bytes(b"x" * 200_000)
        gateway = Gateway(tmp_path, f'data_dir = "{disk}/data"')
        try:
            made, (status, kind, message) = fill(gateway, upstream)
            assert (status, kind) == (503, "ServiceUnavailableException")
            assert "no space left" in message and "nothing was changed" in message and str(disk) in message
            assert len(made) > 20 and set(made) <= set(listed(gateway))
            assert gateway.call_api("GET", made[-1], "/x")[0] == 200
            v2 = gateway.client("apigatewayv2")
            assert v2.get_api(ApiId=made[0])["Name"] == "0"
            (disk / "ballast").unlink()
            later = v2.create_api(Name="later", ProtocolType="HTTP", Target=upstream)["ApiId"]
            gateway.kill()
            gateway.start()
            assert set(made) | {later} <= set(listed(gateway))
            assert gateway.call_api("GET", later, "/x")[0] == 200
            fill(gateway, upstream)
            gateway.stop()
            # A disk that is full already is no reason not to serve what there is.
            (disk / "rest").write_bytes(b"x" * shutil.disk_usage(disk).free)
            gateway.start()
            assert set(made) | {later} <= set(listed(gateway))
            assert gateway.call_api("GET", made[0], "/x")[0] == 200
        finally:
            gateway.stop()


def test_files_that_may_not_grow_refuse_changes_and_lose_nothing(tmp_path, upstream, monkeypatch):
    """The same by a limit of the process, which needs no right to mount."""
    real = subprocess.Popen

    def limited(command, **more):
        # Python ignores the signal of this limit; so does the program then, and sees errors.
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
        return real(command, preexec_fn=limit, restore_signals=False, **more)

    monkeypatch.setattr(subprocess, "Popen", limited)
    gateway = Gateway(tmp_path, f'data_dir = "{tmp_path}/data"')
    monkeypatch.undo()
    try:
        made, (status, kind, message) = fill(gateway, upstream)
        assert (status, kind) == (503, "ServiceUnavailableException")
        assert str(tmp_path / "data") in message, message
        assert len(made) > 20 and set(made) <= set(listed(gateway))
        assert gateway.call_api("GET", made[-1], "/x")[0] == 200
        gateway.kill()
        gateway.start()
        assert set(made) == set(listed(gateway)) - {"fixed"}
        gateway.client("apigatewayv2").create_api(Name="later", ProtocolType="HTTP")
    finally:
        gateway.stop()


NOBODY = 65534


def start_as_nobody(folder, data_dir):
    """What the program says when it ends by itself, started by a user to whom modes mean something."""
    config = folder / "nobody.toml"
    config.write_text(CONFIG.format(account=ACCOUNT, admin="off", more=f'data_dir = "{data_dir}"', port=0))
    config.chmod(0o644)
    program = shutil.copy(BINARY, folder / "daemun")

    def drop():
        if os.getuid() == 0:
            os.setgid(NOBODY)
            os.setuid(NOBODY)

    done = subprocess.run([program, "serve", str(config)], preexec_fn=drop, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1, done
    return done.stderr


def test_a_folder_that_cannot_be_written_is_named_at_start(upstream):
    """The start ends with the folder's name and the reason, and what is in it stays as it is."""
    folder = pathlib.Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    try:
        data = folder / "data"
        gateway = Gateway(folder, f'data_dir = "{data}"')
        api = gateway.client("apigatewayv2").create_api(Name="kept", ProtocolType="HTTP", Target=upstream)["ApiId"]
        gateway.stop()
        for path in (data, *data.iterdir()):
            path.chmod(0o555 if path.is_dir() else 0o444)
        before = {path.name: path.read_bytes() for path in data.iterdir() if path.name != "daemun.lock"}
        said = start_as_nobody(folder, data)
        assert "management.data_dir" in said and str(data) in said, said
        assert "cannot be written" in said and "ermission denied" in said, said
        assert {path.name: path.read_bytes() for path in data.iterdir() if path.name != "daemun.lock"} == before
        said = start_as_nobody(folder, data / "below")
        assert str(data / "below") in said and "cannot be written" in said, said
        for path in (data, *data.iterdir()):
            path.chmod(0o755 if path.is_dir() else 0o644)
        gateway.start()
        try:
            assert gateway.client("apigatewayv2").get_api(ApiId=api)["Name"] == "kept"
        finally:
            gateway.stop()
    finally:
        shutil.rmtree(folder)


def test_a_disk_without_room_for_a_store_is_named_at_start(tmp_path):
    """A store that cannot be made is no store in memory."""
    with small_disk("16k") as disk:
        (disk / "full").write_bytes(b"x" * shutil.disk_usage(disk).free)
        config = tmp_path / "gateway.toml"
        config.write_text(CONFIG.format(account=ACCOUNT, admin="off", more=f'data_dir = "{disk}/data"', port=0))
        done = subprocess.run([BINARY, "serve", str(config)], capture_output=True, text=True, timeout=30)
        assert done.returncode == 1 and str(disk) in done.stderr and "no space left" in done.stderr, done
