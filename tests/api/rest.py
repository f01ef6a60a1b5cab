"""How the tests of REST APIs make and call them, with an upstream that records and answers as told."""

import http.server
import json
import re
import threading

DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d UTC \d{4}"


class Recorder(http.server.BaseHTTPRequestHandler):
    """Keeps what it was asked and answers with what the test has set."""

    protocol_version = "HTTP/1.1"

    def answer(self):
        """The next answer of the test, or an empty object."""
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length)
        if "chunked" in (self.headers.get("transfer-encoding") or ""):
            body = self.chunks()
        self.server.seen.append((self.command, self.path, list(self.headers.items()), body))
        status, headers, text = self.server.next
        self.server.gate.wait(20)
        if status is None:
            self.close_connection = True
            return
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    def chunks(self):
        """A chunked body."""
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_HEAD = answer

    def log_message(self, *_):
        """Says nothing."""


class Many(http.server.ThreadingHTTPServer):
    """A server for many connections that come at once."""

    request_queue_size = 128


class Backend:
    """A recording upstream."""

    def __init__(self):
        self.server = Many(("127.0.0.1", 0), Recorder)
        self.server.seen = []
        # Closed, it answers nobody.
        self.gate = self.server.gate = threading.Event()
        self.gate.set()
        self.answers()
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answers(self, status=200, body=b"{}", headers=(("content-type", "application/json"),)):
        """What it says from now on; without a status it hangs up."""
        self.server.next = (status, headers, body)

    def last(self):
        """Method, target, headers by lower-case names, body of the last request."""
        method, target, headers, body = self.server.seen[-1]
        return method, target, {name.lower(): value for name, value in headers}, body

    def count(self):
        """How often it was asked."""
        return len(self.server.seen)

    def stop(self):
        """Ends it."""
        self.server.shutdown()
        self.server.server_close()


class Api:
    """A REST API under test."""

    def __init__(self, gateway, v1, **more):
        self.gateway, self.v1 = gateway, v1
        made = v1.create_rest_api(name="test", **more)
        self.id, self.root = made["id"], made["rootResourceId"]
        self.paths = {"/": self.root}

    def resource(self, path):
        """The id of a resource, made where it is missing."""
        if path not in self.paths:
            above, part = path.rsplit("/", 1)
            made = self.v1.create_resource(restApiId=self.id, parentId=self.resource(above or "/"), pathPart=part)
            self.paths[path] = made["id"]
        return self.paths[path]

    def method(self, path, verb="GET", responses=None, method=None, **integration):
        """A method with its integration and integration responses by status code."""
        where = {"restApiId": self.id, "resourceId": self.resource(path), "httpMethod": verb}
        self.v1.put_method(**where, **{"authorizationType": "NONE", **(method or {})})
        if integration["type"] != "MOCK":
            integration.setdefault("integrationHttpMethod", "ANY" if verb == "ANY" else verb)
        self.v1.put_integration(**where, **integration)
        for status, response in (responses or {}).items():
            names = {name: False for name in response.get("responseParameters", {})}
            self.v1.put_method_response(**where, statusCode=status, responseParameters=names)
            self.v1.put_integration_response(**where, statusCode=status, **response)
        return where

    def mock(self, path, verb="GET", status="200", body=None, method=None):
        """A method that always gives the same answer."""
        template = {"application/json": json.dumps({"statusCode": int(status)})}
        templates = {} if body is None else {"responseTemplates": {"application/json": body}}
        return self.method(path, verb, {status: templates}, method, type="MOCK", requestTemplates=template)

    def deploy(self, stage="prod", **more):
        """A deployment that a stage serves."""
        return self.v1.create_deployment(restApiId=self.id, stageName=stage, **more)["id"]

    def call(self, method, path, stage="prod", **more):
        """Status, headers by lower-case names, and text of a call."""
        status, headers, text = self.gateway.call_api(method, self.id, f"/{stage}{path}", **more)
        return status, {name.lower(): value for name, value in headers.items()}, text

    def delete(self):
        """Takes it away."""
        self.v1.delete_rest_api(restApiId=self.id)


def run(api, where, **more):
    """The answer of a test, its log as lines without times and with `<id>` and `<ms>`."""
    made = api.v1.test_invoke_method(**where, **more)
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 200
    first, *rest, end = made["log"].split("\n")
    assert end == ""
    request = re.fullmatch(r"Execution log for request (\S+)", first)[1]
    lines = []
    for line in rest:
        assert re.match(f"{DAY} : ", line), line
        line = line.split(" : ", 1)[1].replace(request, "<id>")
        lines.append(re.sub(r"latency: \d+ ms", "latency: <ms> ms", line))
    made["lines"] = lines
    assert isinstance(made["latency"], int)
    return made
