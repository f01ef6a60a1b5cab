#!/usr/bin/env python3
"""Reloads a config of many routes under load: how soon new routes serve, what it costs the others.

Needs wrk and a release build; Python's standard library only. A second gateway with one mock route
is the upstream. Prints one line for each measure, as docs/performance.md shows them.
"""

import argparse
import http.client
import os
import pathlib
import re
import signal
import socket
import statistics
import subprocess
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def write_config(path, port, admin, body):
    text = f'workers = 1\n[listeners.main]\naddress = "127.0.0.1:{port}"\n[admin]\naddress = "{admin}"\n[management]\naddress = "off"\n'
    # Replaced in one step, as an editor or a deployment tool does.
    fresh = path.with_suffix(".new")
    fresh.write_text(text + body)
    os.replace(fresh, path)


def gateway_body(upstream, routes, extra, as_lines=False):
    lines = ["[upstreams.up]", f'targets = ["127.0.0.1:{upstream}"]']
    paths = [f"/svc{i}/users/{{u}}/orders/{{o}}" for i in range(routes)] + extra
    integration = 'integration = { type = "http_proxy", uri = "http://up/x" }'
    if as_lines:
        lines.append("[apis.bench.routes]")
        lines += [f'"GET {path}" = {{ {integration} }}' for path in paths]
    else:
        for path in paths:
            lines += [f'[apis.bench.routes."GET {path}"]', integration]
    return "\n".join(lines) + "\n"


def start(program, config, port):
    process = subprocess.Popen([program, "serve", config], stderr=subprocess.DEVNULL)
    for _ in range(500):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return process
        except OSError:
            time.sleep(0.02)
    process.terminate()
    raise SystemExit("the gateway does not start")


def wrk(port, seconds):
    command = ["wrk", "-t1", "-c32", f"-d{seconds}", "--latency", f"http://127.0.0.1:{port}/svc7/users/a/orders/b"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def outcome(text):
    unit = {"us": 1, "ms": 1_000, "s": 1_000_000}
    number, name = re.search(r"99%\s+([\d.]+)(us|ms|s)", text).groups()
    failed = sum(int(n) for n in re.findall(r"Non-2xx or 3xx responses: (\d+)", text))
    for kinds in re.findall(r"Socket errors: (.*)", text):
        failed += sum(int(n) for n in re.findall(r"\d+", kinds))
    requests = int(re.search(r"(\d+) requests in", text).group(1))
    return float(number) * unit[name], failed, requests


def live_after_ms(process, port, path):
    """From the signal to the first 200 of a route that was not there."""
    began = time.monotonic()
    process.send_signal(signal.SIGHUP)
    connection = http.client.HTTPConnection("127.0.0.1", port)
    while time.monotonic() - began < 10:
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        if response.status == 200:
            return (time.monotonic() - began) * 1_000
        time.sleep(0.001)
    raise SystemExit(f"{path} never came")


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--program", default=HERE.parent / "target/release/daemun")
    arguments.add_argument("--routes", type=int, default=10_000)
    arguments.add_argument("--reloads", type=int, default=10)
    arguments.add_argument("--lines", action="store_true", help="each route as a line, not as a table")
    arguments = arguments.parse_args()

    def body(extra):
        return gateway_body(upstream, arguments.routes, extra, arguments.lines)

    running = []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        try:
            upstream, port = free_port(), free_port()
            mock = '[apis.up.routes."$default"]\nintegration = { type = "mock", body = "ok" }\n'
            write_config(folder / "up.toml", upstream, "off", mock)
            running.append(start(arguments.program, folder / "up.toml", upstream))
            write_config(folder / "gw.toml", port, "off", body([]))
            gateway = start(arguments.program, folder / "gw.toml", port)
            running.append(gateway)
            wrk(port, 1).communicate()
            before, failed_before, _ = outcome(wrk(port, 5).communicate()[0])
            load = wrk(port, 2 + arguments.reloads)
            times, extra = [], []
            for n in range(arguments.reloads):
                extra.append(f"/new{n}")
                write_config(folder / "gw.toml", port, "off", body(extra))
                times.append(live_after_ms(gateway, port, extra[-1]))
            during, failed, requests = outcome(load.communicate()[0])
        finally:
            for process in running:
                process.terminate()
                process.wait(10)
    print(f"{arguments.reloads} reloads of {arguments.routes} routes under load, {requests} requests")
    print(f"failed requests: {failed} (before: {failed_before})")
    print(f"signal to served: median {statistics.median(times):.0f} ms, most {max(times):.0f} ms")
    print(f"p99: {before:.0f} us before, {during:.0f} us during, ratio {during / before:.2f}")


if __name__ == "__main__":
    main()
