#!/usr/bin/env python3
"""Functions of this machine behind an HTTP API: throughput, what the gateway adds, cold starts.

Needs wrk, rustc and a release build; Python's standard library only, with awslambdaric for what is said
of Python (else the gateway's own client is measured, and said to be). Beside the client's own round trip
stands what a relay in the gateway's place adds, which wakes as many threads and does nothing else; in each place
the client has the environment that the gateway gives it. Prints one line for each measure with what is wanted of
it, as docs/performance.md shows them, and ends with 1 if a request failed. `--quick` is for trying it out. With
`--beside` serverless-offline runs the same handlers in turns.
"""

import argparse
import contextlib
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
RUNTIME = b"/2018-06-01/runtime/invocation/"
# Between two requests of a latency measure, so that the worker has asked for its next invocation.
PAUSE_S = 0.003
# The measure of Python takes steady traffic, too: after some three milliseconds without work the cores sleep deeper
# and the caches have been used by others, which costs whoever works for the call, the client included.
PACES = {"steady traffic, a call each millisecond": 0.001, "calls after a rest of 3 ms": PAUSE_S}
PYTHON = "def handler(event, context):\n    return {'statusCode': 200, 'body': 'x'}\n"
NODE = "exports.handler = async () => ({ statusCode: 200, body: 'x' });\n"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def message(connection, data=b""):
    """A whole message with Content-Length, or chunks, from a raw connection: head and body."""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65_536)
        if not more:
            raise SystemExit("the connection ended")
        data += more
    head, body = data.split(b"\r\n\r\n", 1)
    length = re.search(rb"content-length: *(\d+)", head, re.I)
    if length is None and re.search(rb"transfer-encoding: *chunked", head, re.I):
        while not body.endswith(b"0\r\n\r\n"):
            body += connection.recv(65_536)
    while length and len(body) < int(length[1]):
        body += connection.recv(65_536)
    return head, body


class Server:
    """A started program that answers HTTP on a port of its own."""

    def __init__(self, command, wait_s=30, **more):
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more)
        until = time.monotonic() + wait_s
        while True:
            try:
                self.connect().close()
                return
            except OSError:
                if time.monotonic() > until or self.process.poll() is not None:
                    raise SystemExit(f"{command[0]} does not start") from None
                time.sleep(0.01)

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.port), 30)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def get(self, connection, name):
        """Seconds that a request took."""
        request = f"GET /{name} HTTP/1.1\r\nHost: bench\r\n\r\n".encode()
        began = time.perf_counter()
        connection.sendall(request)
        head, _ = message(connection)
        took = time.perf_counter() - began
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"{name}: {head.decode()}")
        return took

    def cpu_s(self):
        """Processor time of the program itself, those that it started not counted."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


class Gateway(Server):
    """A gateway with one worker and functions."""

    def __init__(self, program, folder, functions):
        folder = pathlib.Path(tempfile.mkdtemp(dir=folder))
        self.port = free_port()
        config = f'workers = 1\n[listeners.main]\naddress = "127.0.0.1:{self.port}"\n'
        # Another gateway may run on this machine.
        config += '[admin]\naddress = "off"\n[management]\naddress = "off"\n[logging]\nfunction_log = "off"\n'
        for name, lines in functions.items():
            config += f'[functions.{name}]\n{lines}\n[apis.main.routes."GET /{name}"]\n'
            config += f'integration = {{ type = "aws_proxy", function = "{name}" }}\n'
        file = folder / "gateway.toml"
        file.write_text(config)
        super().__init__([program, "serve", file])


class Relay(Server):
    """A program in the gateway's place that only passes messages on, and a runtime client."""

    def __init__(self, program, folder, python, environment):
        self.port, runtime = free_port(), free_port()
        (folder / "event").write_bytes(EVENT)
        super().__init__([program, f"127.0.0.1:{self.port}", f"127.0.0.1:{runtime}", folder / "event"])
        self.client = runtime_client(python, folder / "code", f"127.0.0.1:{runtime}", environment)

    def stop(self):
        super().stop()
        self.client.kill()
        self.client.wait()


class Offline(Server):
    """serverless-offline with the same handlers behind an HTTP API; `installed` has its `node_modules`."""

    def __init__(self, installed, folder, python):
        self.port = free_port()
        shutil.copytree(folder / "code", folder / "offline")
        (folder / "offline" / "node_modules").symlink_to(installed.resolve() / "node_modules")
        minor = subprocess.run([python, "-c", "import sys; print(sys.version_info[1])"], capture_output=True, text=True)
        routes = "".join(
            f"  {name}:\n    handler: app.handler\n    runtime: {runtime}\n    events:\n"
            f"      - httpApi: 'GET /{name}'\n"
            for name, runtime in [("python", f"python3.{minor.stdout.strip()}"), ("node", "nodejs20.x")]
        )
        (folder / "offline" / "serverless.yml").write_text(
            f"service: bench\nprovider:\n  name: aws\nplugins:\n  - serverless-offline\nfunctions:\n{routes}"
        )
        # It looks for the interpreter by the name of the runtime.
        places = f"{pathlib.Path(python).resolve().parent}:{os.environ['PATH']}"
        quiet = {"SLS_TELEMETRY_DISABLED": "1", "SLS_NOTIFICATIONS_MODE": "off", "SLS_ANALYTICS_DISABLED": "1"}
        command = ["node_modules/.bin/osls", "offline", "start", "--host", "127.0.0.1", "--httpPort", str(self.port)]
        super().__init__(
            [*command, "--lambdaPort", str(free_port())],
            wait_s=120,
            cwd=folder / "offline",
            env={**os.environ, **quiet, "PATH": places},
        )


class Bare:
    """A Runtime API that does nothing else: what a runtime client takes by itself."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(30)
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]

    def measure(self, rounds, event, pause_s):
        """Seconds from an event to the whole answer, for each round, and a pause before each."""
        connection, _ = self.listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        took = []
        message(connection)
        for number in range(rounds):
            head = (
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                f"Lambda-Runtime-Aws-Request-Id: 00000000-0000-4000-8000-{number:012}\r\n"
                f"Lambda-Runtime-Deadline-Ms: {int(time.time() * 1000) + 3000}\r\n"
                "Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:000000000000:function:f\r\n"
                "Lambda-Runtime-Trace-Id: Root=1-6925f5a0-0123456789abcdef01234567\r\n"
                f"Content-Length: {len(event)}\r\n\r\n"
            ).encode()
            time.sleep(pause_s)
            began = time.perf_counter()
            connection.sendall(head + event)
            asked, _ = message(connection)
            took.append(time.perf_counter() - began)
            if not asked.startswith(b"POST " + RUNTIME):
                raise SystemExit(asked.decode())
            body = b'{"status":"OK"}\n'
            connection.sendall(
                b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                % (len(body), body)
            )
            message(connection)
        connection.close()
        return took


def own_client():
    """The gateway's own runtime client for Python, as a program."""
    return (ROOT / "src/lambda/client/python.py").read_text()


def python_command(python):
    """How the gateway runs a Python function, and who runs it."""
    question = "import importlib.util as u; print(u.find_spec('awslambdaric') is not None)"
    has_client = subprocess.run([python, "-c", question], capture_output=True, text=True).stdout.strip()
    if has_client == "True":
        return [python, "-m", "awslambdaric", "app.handler"], "awslambdaric"
    return [python, "-c", own_client(), "app.handler"], "the gateway's own client"


def worker_environment(gateway):
    """The environment of a worker that a gateway has started. The official client asks for its next event
    in a thread of its own if `AWS_EXECUTION_ENV` says so, which takes longer."""
    parents = {}
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rsplit(")", 1)[1].split()[1])
    for process, parent in parents.items():
        while parent not in (0, gateway.process.pid):
            parent = parents.get(parent, 0)
        # What has not become the interpreter yet has the gateway's own.
        with contextlib.suppress(OSError):
            told = pathlib.Path(f"/proc/{process}/environ").read_bytes()
            if parent and b"AWS_LAMBDA_RUNTIME_API=" in told:
                return dict(each.split("=", 1) for each in told.decode().split("\0") if each)
    raise SystemExit("the gateway has no worker")


def runtime_client(python, code, address, environment):
    """A started runtime client that asks there for its invocations."""
    command, _ = python_command(python)
    environment = {**environment, "AWS_LAMBDA_RUNTIME_API": address}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, cwd=code, env=environment, **quiet)


def bare_round_trips(python, code, rounds, environment, pause_s):
    """What the runtime client takes under a bare Runtime API."""
    bare = Bare()
    process = runtime_client(python, code, bare.address, environment)
    try:
        return bare.measure(rounds, EVENT, pause_s)
    finally:
        process.kill()
        process.wait()


# As long as the event that the gateway tells of the same request.
EVENT = (
    b'{"version":"2.0","routeKey":"GET /python","rawPath":"/python","rawQueryString":"","headers":{"host":"bench",'
    b'"x-amzn-trace-id":"Root=1-6925f5a0-0123456789abcdef01234567","x-forwarded-for":"127.0.0.1",'
    b'"x-forwarded-port":"80","x-forwarded-proto":"http"},"requestContext":{"accountId":"000000000000",'
    b'"apiId":"main","domainName":"bench","domainPrefix":"bench","http":{"method":"GET","path":"/python",'
    b'"protocol":"HTTP/1.1","sourceIp":"127.0.0.1","userAgent":""},"requestId":"JKJaXmPLvHcESHA=",'
    b'"routeKey":"GET /python","stage":"$default","time":"26/Nov/2026:12:00:00 +0000",'
    b'"timeEpoch":1795694400000},"isBase64Encoded":false}'
)


def line(measure, value, wanted="", holds=None):
    verdict = {True: "", False: ": **no**", None: ""}[holds]
    print(f"| {measure} | {value} | {wanted}{verdict} |", flush=True)


def throughput(gateway, seconds, connections):
    """Requests a second of a function that does nothing, and processor time of the gateway for each."""
    before = gateway.cpu_s()
    url = f"http://127.0.0.1:{gateway.port}/noop"
    wrk = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "--latency", url]
    said = subprocess.run(wrk, capture_output=True, text=True, check=True).stdout
    cpu = gateway.cpu_s() - before
    if "Non-2xx" in said or "Socket errors" in said:
        raise SystemExit(said)
    requests = int(re.search(r"(\d+) requests in", said)[1])
    rate = float(re.search(r"Requests/sec: *([\d.]+)", said)[1])
    median = re.search(r"50% *(\S+)", said)[1]
    return rate, cpu / requests * 1e6, median


def quartiles(seconds):
    """Median and quartiles, microseconds."""
    low, middle, high = (each * 1e6 for each in statistics.quantiles(seconds, n=4))
    return f"{middle:.0f} ({low:.0f}-{high:.0f})", middle


def bootstrap(folder):
    """The function that the tests use, compiled."""
    folder.mkdir()
    source = ROOT / "tests/functions/bootstrap.rs"
    subprocess.run(["rustc", "--edition", "2024", "-O", source, "-o", folder / "bootstrap"], check=True)
    return folder


def sources(folder):
    """Handlers in Python and JavaScript."""
    folder.mkdir()
    (folder / "app.py").write_text(PYTHON)
    (folder / "app.js").write_text(NODE)
    return folder


def bench_noop(options, folder, code):
    functions = {"noop": f'runtime = "provided.al2023"\ncode = "{code}"\nconcurrency = 4\nwarm = 4'}
    gateway = Gateway(options.program, folder, functions)
    try:
        throughput(gateway, 1, 8)
        runs = [throughput(gateway, options.seconds, 16) for _ in range(options.rounds)]
    finally:
        gateway.stop()
    rate, cpu, median = sorted(runs)[len(runs) // 2]
    least = min(cpu for _, cpu, _ in runs)
    line("no-op `provided` binary, 4 workers, requests/s", f"{rate:,.0f}", "5,000", rate >= 5_000)
    line("of it the gateway's own CPU, µs/request (least)", f"{cpu:.1f} ({least:.1f})")
    line("median latency at 16 connections", median)


def bench_python(options, folder, code):
    python = options.python
    _, client = python_command(python)
    lines = f'runtime = "python3.12"\nhandler = "app.handler"\ncode = "{code}"\ninterpreter = "{python}"'
    functions = {"python": lines + "\nconcurrency = 1"}
    relay = folder / "relay"
    subprocess.run(["rustc", "--edition", "2024", "-O", ROOT / "benches/peers/relay.rs", "-o", relay], check=True)
    servers = {}
    try:
        servers["the gateway"] = Gateway(options.program, folder, functions)
        servers["the gateway"].get(servers["the gateway"].connect(), "python")
        environment = worker_environment(servers["the gateway"])
        servers["a relay in the gateway's place"] = Relay(relay, folder, python, environment)
        for pace, pause_s in PACES.items():
            line(f"**{pace}**", "")
            bare = lambda: bare_round_trips(python, code, options.calls, environment, pause_s)
            bench_pace(options, servers, client, bare, pause_s)
    finally:
        for server in servers.values():
            server.stop()


def bench_pace(options, servers, client, bare, pause_s):
    """What each server adds to the client's own round trip, with that pause before each call."""
    connections = {name: server.connect() for name, server in servers.items()}
    own, behind, cpu = [], {name: [] for name in servers}, dict.fromkeys(servers, 0)

    def calls(name, count):
        for _ in range(count):
            time.sleep(pause_s)
            yield servers[name].get(connections[name], "python")

    for name in servers:
        list(calls(name, max(options.calls // 10, 50)))
    # In turns, since the machine has better and worse minutes.
    for _ in range(options.rounds):
        own += bare()[options.calls // 10 :]
        for name, server in servers.items():
            before = server.cpu_s()
            behind[name] += calls(name, options.calls)
            cpu[name] += server.cpu_s() - before
    said, least = quartiles(own)
    line(f"{client}, its own round trip, µs", said)
    for name in servers:
        whole, median = quartiles(behind[name])
        line(f"a warm Python function behind {name}, µs", whole)
        wanted = ("150", median - least <= 150) if name == "the gateway" else ()
        line(f"added by {name}, median µs", f"{median - least:.0f}", *wanted)
        line(f"processor time of {name}, µs/call", f"{cpu[name] / options.rounds / options.calls * 1e6:.0f}")


def bench_cold(options, folder, noop, code):
    python = f'runtime = "python3.12"\nhandler = "app.handler"\ninterpreter = "{options.python}"\ncode = "{code}"'
    functions = {"provided": f'runtime = "provided"\ncode = "{noop}"', "python": python}
    if shutil.which("node"):
        functions["node"] = f'runtime = "nodejs22.x"\nhandler = "app.handler"\ncode = "{code}"'
    took = {name: [] for name in functions}
    for _ in range(options.rounds):
        cold = {name: lines + "\nwarm = 0\ntimeout = \"20s\"" for name, lines in functions.items()}
        gateway = Gateway(options.program, folder, cold)
        try:
            for name in functions:
                took[name].append(gateway.get(gateway.connect(), name))
        finally:
            gateway.stop()
    for name, seconds in took.items():
        line(f"cold start, {name}, ms", f"{statistics.median(seconds) * 1_000:.1f}")


def bench_beside(options, folder, code):
    """Warm and first calls of the same handlers here and in serverless-offline, in turns."""
    python = f'runtime = "python3.12"\nhandler = "app.handler"\ninterpreter = "{options.python}"\ncode = "{code}"'
    functions = {"python": python, "node": f'runtime = "nodejs22.x"\nhandler = "app.handler"\ncode = "{code}"'}
    cold = {name: lines + "\nwarm = 0\nconcurrency = 1\ntimeout = \"20s\"" for name, lines in functions.items()}
    servers = [Gateway(options.program, folder, cold)]
    try:
        servers.append(Offline(options.beside, folder, options.python))
        connections = [server.connect() for server in servers]
        for name in functions:
            first = [server.get(each, name) * 1_000 for server, each in zip(servers, connections)]
            took = [[], []]
            for _ in range(options.rounds * options.calls // 4):
                for server, each, seconds in zip(servers, connections, took):
                    time.sleep(PAUSE_S)
                    seconds.append(server.get(each, name))
            for who, seconds, ms in zip(["daemun", "serverless-offline"], took, first):
                line(f"{who}, {name}: the first call, ms", f"{ms:.0f}")
                line(f"{who}, {name}: a warm call, µs", quartiles(seconds)[0])
    finally:
        for server in servers:
            server.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", default=ROOT / "target/release/daemun", type=pathlib.Path)
    parser.add_argument("--python", default=sys.executable, help="an interpreter, best with awslambdaric")
    parser.add_argument("--only", choices=["noop", "python", "cold", "beside"], help="one of the measures")
    parser.add_argument("--beside", type=pathlib.Path, help="a folder where serverless-offline and osls are installed")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    options.seconds, options.rounds, options.calls = (1, 1, 100) if options.quick else (4, 5, 400)
    if not options.program.exists() or shutil.which("wrk") is None:
        raise SystemExit("cargo build --release, and wrk, are needed")
    print("| measure | value | wanted |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        noop, code = bootstrap(folder / "noop"), sources(folder / "code")
        if options.only in (None, "noop"):
            bench_noop(options, folder, noop)
        if options.only in (None, "python"):
            bench_python(options, folder, code)
        if options.only in (None, "cold"):
            bench_cold(options, folder, noop, code)
        if options.beside and options.only in (None, "beside"):
            bench_beside(options, folder, code)


if __name__ == "__main__":
    main()
