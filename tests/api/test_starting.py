"""What a start says when it cannot be, or not as meant."""

import os
import re
import socket
import subprocess

import pytest
from conftest import BINARY

QUIET = '[admin]\naddress = "off"\n[management]\naddress = "off"\n'


def started(folder, text, command="serve"):
    """What is said by a start, or a check, that fails."""
    (folder / "gateway.toml").write_text(text)
    done = subprocess.run(
        [BINARY, command, "gateway.toml"], cwd=folder, capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode == 1, done.stderr
    return done.stderr


def test_a_store_that_cannot_be_opened_is_named_once(tmp_path):
    """The causes of an error are not repeated."""
    said = started(tmp_path, '[admin]\naddress = "off"\n[management]\naddress = "127.0.0.1:0"\ndata_dir = "/proc/no"\n')
    assert said.count("management.data_dir") == 1 and said.count("/proc/no") == 1, said


@pytest.mark.parametrize("command", ["check", "serve"])
def test_a_log_without_a_folder_is_found_before_the_start(tmp_path, command):
    """With its place in the file, by the check as well."""
    said = started(tmp_path, f'[logging]\naccess_log = "no/access.log"\n{QUIET}', command)
    assert "no does not exist" in said and "gateway.toml:2:14" in said


def test_a_socket_that_no_listener_wants_is_spoken_of(tmp_path):
    """Its clients would wait for ever, as the one who opened it keeps it open."""
    given = socket.create_server(("127.0.0.1", 0))
    file = tmp_path / "gateway.toml"
    file.write_text(f'{QUIET}[listeners.main]\naddress = "127.0.0.1:0"\n')
    process = subprocess.Popen(
        ["bash", "-c", 'exec 3<&"$0"; LISTEN_PID=$$ LISTEN_FDS=1 exec "$1" serve "$2"', str(given.fileno()), BINARY, file],
        pass_fds=[given.fileno()],
        env=os.environ,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        said = ""
        while "listening on" not in said:
            line = process.stderr.readline()
            assert line, said
            said += line
        address = f"127.0.0.1:{given.getsockname()[1]}"
        assert re.search(f"nobody accepts on a socket that was handed over.*{address}", said), said
    finally:
        process.terminate()
        process.wait(20)
        given.close()
