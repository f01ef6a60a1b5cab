#!/usr/bin/env python3
"""The management APIs at work: deployments, reads, durable writes, a start with many APIs.

Needs wrk and a release build; Python's standard library only. Data lies below target/, on a real disk.
Prints one line for each measure with what is wanted of it, as docs/performance.md shows them, and ends
with 1 if a deployment or a request failed. `--quick` is for trying it out.
"""

import argparse
import http.client
import json
import pathlib
import re
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
REGION = "eu-west-1"
SIGNED = {
    "Authorization": f"AWS4-HMAC-SHA256 Credential=AKID/20260101/{REGION}/apigateway/aws4_request, "
    "SignedHeaders=host, Signature=0"
}
ROUTES = 10
# A resource of this name is copied to make an API of many routes.
COPIED = "copied0000"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Gateway:
    """A gateway with one worker over a data folder."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        self.folder.mkdir(parents=True)
        self.data = folder / "data"
        self.process = None

    def start(self, api=None):
        """Seconds until it answers for `api`, or at all."""
        self.port, self.management = free_port(), free_port()
        config = self.folder / "gateway.toml"
        config.write_text(
            f'workers = 1\n[listeners.main]\naddress = "127.0.0.1:{self.port}"\n[admin]\naddress = "off"\n'
            f'[management]\naddress = "127.0.0.1:{self.management}"\ndata_dir = "{self.data}"\n'
        )
        began = time.monotonic()
        self.process = subprocess.Popen([self.program, "serve", config], stderr=subprocess.DEVNULL)
        while time.monotonic() - began < 120:
            try:
                if api is None or self.call(api)[0] == 200:
                    socket.create_connection(("127.0.0.1", self.management), 1).close()
                    return time.monotonic() - began
            except OSError:
                pass
            time.sleep(0.005)
        raise SystemExit("the gateway does not start")

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)
            self.process = None

    def call(self, api, path="/prod/r0"):
        """Status and text of a request to an API."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", path, headers={"host": f"{api}.execute-api.{REGION}.amazonaws.com"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def cpu_s(self):
        """Processor time that it has used."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def manage(self):
        return Manager(self.management)


class Manager:
    """One kept connection to the management APIs."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)

    def ask(self, method, path, **body):
        self.connection.request(method, path, json.dumps(body) if body else None, SIGNED)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise SystemExit(f"{method} {path}: {answer.status} {text.decode()}")
        return json.loads(text) if text else {}

    def mock(self, api, root, name):
        """A path that gives a fixed answer; where its answer is changed."""
        resource = self.ask("POST", f"/restapis/{api}/resources/{root}", pathPart=name)["id"]
        method = f"/restapis/{api}/resources/{resource}/methods/GET"
        self.ask("PUT", method, authorizationType="NONE")
        templates = {"application/json": '{"statusCode": 200}'}
        self.ask("PUT", f"{method}/integration", type="MOCK", requestTemplates=templates)
        self.ask("PUT", f"{method}/responses/200", responseModels={})
        answers = {"application/json": "none"}
        self.ask("PUT", f"{method}/integration/responses/200", responseTemplates=answers)
        return f"{method}/integration/responses/200"

    def make(self, name=None):
        """A REST API with so many routes, deployed: its id, and where the answer of r0 is changed."""
        made = self.ask("POST", "/restapis", name="bench")
        api, root = made["id"], made["rootResourceId"]
        names = [f"r{n}" for n in range(ROUTES)] + ([name] if name else [])
        places = [self.mock(api, root, name) for name in names]
        self.ask("POST", f"/restapis/{api}/deployments", stageName="prod")
        return api, places[0]

    def change(self, place, text):
        """Another answer, which the next deployment will give."""
        patch = {"op": "replace", "path": "/responseTemplates/application~1json", "value": text}
        self.ask("PATCH", place, patchOperations=[patch])

    def deploy(self, api):
        """Milliseconds until a deployment was acknowledged."""
        began = time.monotonic()
        self.ask("POST", f"/restapis/{api}/deployments", stageName="prod")
        return (time.monotonic() - began) * 1_000


INSERT = "INSERT INTO record (account, region, kind, id, version, bytes) VALUES (?, ?, ?, ?, ?, ?)"


def copies(gateway, api, count):
    """Writes `count` copies of an API into the data of a gateway that does not run."""
    names = [f"{n:07}{api[7:]}" for n in range(count)]
    with sqlite3.connect(gateway.data / "daemun.db") as database:
        # Read once: to look for it in all that was written before would take longer with each copy.
        rows = database.execute(
            "SELECT account, region, kind, id, version, bytes FROM record WHERE instr(id, ?) = 1", (api,)
        ).fetchall()
        for name in names:
            fresh = (
                (account, region, kind, key.replace(api, name), version, record.replace(api.encode(), name.encode()))
                for account, region, kind, key, version, record in rows
            )
            database.executemany(INSERT, fresh)
    database.close()
    return names


def widen(gateway, count):
    """Copies one resource until its API has so many routes."""
    with sqlite3.connect(gateway.data / "daemun.db") as database:
        rows = database.execute("SELECT * FROM record WHERE kind = 'resource'")
        (row,) = (row for row in rows if f'"{COPIED}"' in row[5].decode())
        account, region, kind, key, version, record = row
        api, resource = key.split("/")
        fresh = []
        for n in range(1, count - ROUTES):
            text = record.decode().replace(COPIED, f"copied{n:04}x").replace(resource, f"w{n:05}")
            fresh.append((account, region, kind, f"{api}/w{n:05}", version, text.encode()))
        database.executemany(INSERT, fresh)
    database.close()


def wrk(port, path, seconds, connections, headers, script=None, folder=None):
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "--latency"]
    for name, value in headers.items():
        command += ["-H", f"{name}: {value}"]
    if script:
        file = folder / "request.lua"
        file.write_text(script)
        command += ["-s", str(file)]
    return subprocess.Popen([*command, f"http://127.0.0.1:{port}{path}"], stdout=subprocess.PIPE, text=True)


def outcome(process):
    """Requests, seconds and failures of a run of wrk."""
    text = process.communicate()[0]
    requests, seconds = re.search(r"(\d+) requests in ([\d.]+)(?:s|m)", text).groups()
    failed = sum(int(n) for n in re.findall(r"Non-2xx or 3xx responses: (\d+)", text))
    for kinds in re.findall(r"Socket errors: (.*)", text):
        failed += sum(int(n) for n in re.findall(r"\d+", kinds))
    return int(requests), float(seconds), failed


def say(name, text, wanted=None, fine=None):
    verdict = "" if wanted is None else f"   (wanted: {wanted}: {'yes' if fine else 'NO'})"
    print(f"{name:<46} {text}{verdict}", flush=True)


def spread(times):
    """Median and the value that 99 % stay below."""
    ordered = sorted(times)
    return statistics.median(ordered), ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]


def deployments(gateway, api, place, count):
    """Times of `count` deployments, each of which must be served as soon as it is acknowledged."""
    manager, times = gateway.manage(), []
    cpu = gateway.cpu_s()
    for n in range(count):
        manager.change(place, f"{n}")
        times.append(manager.deploy(api))
        if (seen := gateway.call(api)) != (200, f"{n}"):
            raise SystemExit(f"deployment {n} was acknowledged, and yet the answer is {seen}")
    return times, (gateway.cpu_s() - cpu) * 1_000 / count


def deploy_parts(make_gateway, sizes):
    """CreateDeployment with 10,000 routes around it, alone and under load; and of 10,000 at once."""
    gateway = make_gateway("deploy")
    gateway.start()
    api, place = gateway.manage().make()
    gateway.stop()
    others = copies(gateway, api, sizes.routes // ROUTES - 1)
    gateway.start(api)
    deployments(gateway, api, place, 20)
    times, cpu = deployments(gateway, api, place, sizes.deployments)
    median, most = spread(times)
    title = f"deploy {ROUTES} of {sizes.routes:,} routes, to live"
    say(title, f"p50 {median:.2f} ms, p99 {most:.2f} ms, {cpu:.2f} ms CPU with its change", "p99 < 5 ms", most < 5)

    host = {"Host": f"{others[0]}.execute-api.{REGION}.amazonaws.com"}
    load = wrk(gateway.port, "/prod/r0", 3_600, 16, host)
    times, _ = deployments(gateway, api, place, sizes.deployments)
    load.send_signal(2)
    requests, _, failed = outcome(load)
    median, most = spread(times)
    text = f"{failed} failed of {requests:,} requests; p50 {median:.2f} ms, p99 {most:.2f} ms"
    say(f"{sizes.deployments:,} deployments under load", text, "0 failed", failed == 0)
    gateway.stop()

    gateway = make_gateway("wide")
    gateway.start()
    api, place = gateway.manage().make(COPIED)
    gateway.stop()
    widen(gateway, sizes.routes)
    gateway.start(api)
    times, cpu = deployments(gateway, api, place, sizes.wide)
    median, most = spread(times)
    say(f"deploy an API of {sizes.routes:,} routes at once", f"p50 {median:.0f} ms, most {most:.0f} ms, {cpu:.0f} ms CPU")
    gateway.stop()
    return failed


WRITE = """
wrk.method = "PATCH"
local n = 0
request = function()
  n = n + 1
  return wrk.format(nil, nil, nil, '{"description": "' .. n .. '"}')
end
"""
WRITE_SERVED = """
wrk.method = "PATCH"
local n = 0
request = function()
  n = n + 1
  return wrk.format(nil, nil, nil, '{"stageVariables": {"n": "' .. n .. '"}}')
end
"""


def rates(make_gateway, sizes):
    """Reads and durable writes a second over 16 connections."""
    gateway = make_gateway("rates")
    gateway.start()
    manager = gateway.manage()
    target = {"name": "bench", "protocolType": "HTTP", "target": "http://127.0.0.1:9"}
    api = [manager.ask("POST", "/v2/apis", **target)["apiId"] for _ in range(100)][50]
    failures = 0
    for title, path, script, wanted in (
        ("reads a second (GetApi)", f"/v2/apis/{api}", None, 3_000),
        ("reads a second (GetRoutes)", f"/v2/apis/{api}/routes", None, 3_000),
        ("durable writes a second (UpdateApi)", f"/v2/apis/{api}", WRITE, 300),
        ("durable writes of what is served (UpdateStage)", f"/v2/apis/{api}/stages/$default", WRITE_SERVED, 300),
    ):
        cpu = gateway.cpu_s()
        load = wrk(gateway.management, path, sizes.seconds, 16, SIGNED, script, gateway.folder)
        requests, seconds, failed = outcome(load)
        rate, cpu = requests / seconds, (gateway.cpu_s() - cpu) * 1e6 / max(requests, 1)
        say(title, f"{rate:,.0f}, {cpu:.0f} us CPU each, {failed} failed", f">= {wanted:,}", rate >= wanted)
        failures += failed
    gateway.stop()
    return failures


def cost_us(gateway, api, seconds):
    """Processor time for each request to one API."""
    host = {"Host": f"{api}.execute-api.{REGION}.amazonaws.com"}
    before = gateway.cpu_s()
    requests, _, failed = outcome(wrk(gateway.port, "/prod/r0", seconds, 32, host))
    return (gateway.cpu_s() - before) * 1e6 / max(requests, 1), failed


def many_apis(make_gateway, sizes):
    """A start with 10,000 APIs, and what they cost the requests to one of them."""
    one, many = make_gateway("one"), make_gateway("many")
    for gateway in (one, many):
        gateway.start()
        gateway.api, _ = gateway.manage().make()
        gateway.stop()
    names = copies(many, many.api, sizes.apis - 1)
    alone = one.start(one.api)
    times = []
    for _ in range(3):
        times.append(many.start(names[-1]))
        cpu = many.cpu_s()
        if len(times) < 3:
            many.stop()
    text = f"{statistics.median(times):.2f} s, {cpu:.2f} s CPU (with one API: {alone:.2f} s)"
    say(f"start with {sizes.apis:,} APIs of {ROUTES} routes", text, "< 3 s", statistics.median(times) < 3)
    ratios, failures = [], 0
    for _ in range(sizes.rounds):
        few, failed_one = cost_us(one, one.api, sizes.seconds)
        full, failed_many = cost_us(many, names[len(names) // 2], sizes.seconds)
        ratios.append(full / few)
        failures += failed_one + failed_many
    ratio = statistics.median(ratios)
    text = f"{full:.2f} us CPU, {few:.2f} us with one API, ratio {ratio:.3f}, {failures} failed"
    say("a request to one of them", text, "<= 1.05 x", ratio <= 1.05)
    one.stop()
    many.stop()
    return failures


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--program", type=pathlib.Path, default=ROOT / "target/release/daemun")
    arguments.add_argument("--only", choices=["deploy", "rates", "apis"])
    arguments.add_argument("--quick", action="store_true")
    arguments = arguments.parse_args()
    sizes = argparse.Namespace(routes=10_000, deployments=1_000, wide=20, apis=10_000, seconds=5, rounds=5)
    if arguments.quick:
        sizes = argparse.Namespace(routes=1_000, deployments=20, wide=3, apis=100, seconds=1, rounds=1)
    gateways = []
    parts = {"deploy": deploy_parts, "rates": rates, "apis": many_apis}
    with tempfile.TemporaryDirectory(dir=ROOT / "target") as folder:

        def make_gateway(name):
            gateways.append(Gateway(arguments.program, pathlib.Path(folder) / name))
            return gateways[-1]

        try:
            failed = sum(part(make_gateway, sizes) for name, part in parts.items() if arguments.only in (None, name))
        finally:
            for gateway in gateways:
                gateway.stop()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
