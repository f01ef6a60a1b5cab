"""Calls that are explained: served as any other, told whole to the operator."""

import http.client
import json
import re
import socket
import ssl
import urllib.error
import urllib.request

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
from conftest import ACCOUNT, REGION, Gateway, authority, free_port
from rest import Api, Backend


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A gateway with an admin listener, and the address of that."""
    yield from started(tmp_path_factory.mktemp("explain"))


def started(folder, more=""):
    """A gateway whose config has an admin listener."""
    gateway = Gateway(folder, more, admin=f"127.0.0.1:{free_port()}")
    yield gateway, f"http://{gateway.admin}"
    gateway.stop()


@pytest.fixture
def api(place):
    """A REST API of that gateway."""
    gateway, admin = place
    made = Api(gateway, gateway.client("apigateway"))
    made.admin, made.backend = admin, Backend()
    yield made
    made.delete()
    made.backend.stop()


def asked(admin, path, host="1", method="GET", body=None, headers=None):
    """Status and text of a request to the admin listener that wants to be explained."""
    headers = {**(headers or {}), "x-daemun-explain": host}
    request = urllib.request.Request(admin + path, data=body, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def explained(api, path, stage="prod", **more):
    """The explanation of a call of the API."""
    host = f"{api.id}.execute-api.{REGION}.amazonaws.com"
    status, text = asked(api.admin, f"/{stage}{path}", host, **more)
    assert status == 200, text
    return json.loads(text)


def steps(told, topic):
    """The members of all steps of a topic."""
    return [step for step in told["trace"] if step["step"] == topic]


def test_a_call_with_mappings_and_templates_is_told_whole(api):
    """In the order in which it happened."""
    api.backend.answers(200, b'{"name":"rex"}', (("content-type", "application/json"), ("x-b", "back")))
    api.method(
        "/pets/{id}",
        "POST",
        {
            "200": {
                "responseTemplates": {"application/json": '{"pet":$input.json("$.name")}'},
                "responseParameters": {"method.response.header.x-got": "integration.response.header.x-b"},
            }
        },
        {"requestParameters": {
            "method.request.path.id": True, "method.request.querystring.q": False, "method.request.header.absent": False,
        }},
        type="HTTP",
        uri=api.backend.url + "/own/{id}",
        requestParameters={
            "integration.request.path.id": "method.request.path.id",
            "integration.request.header.x-q": "method.request.querystring.q",
            "integration.request.header.x-fix": "'fixed'",
            "integration.request.header.x-none": "method.request.header.absent",
        },
        requestTemplates={
            "application/json": '#set($context.requestOverride.header.x-o = "over")'
            '{"kind":"$input.path("$.kind")","stage":"$context.stage"}'
        },
    )
    api.deploy()
    told = explained(
        api,
        "/pets/7?q=one",
        method="POST",
        body=b'{"kind":"dog"}',
        headers={"content-type": "application/json", "authorization": "Bearer 0123456789abcdef"},
    )
    assert told["answer"]["status"] == 200
    assert told["answer"]["body"] == '{"pet":"rex"}'
    assert ["x-got", "back"] in told["answer"]["headers"]
    assert api.backend.last()[2]["x-q"] == "one" and api.backend.last()[2]["x-o"] == "over"
    topics = [step["step"] for step in told["trace"]]
    assert topics[0] == "route" and topics[-1] == "answer"
    assert [topic for topic in topics if topic not in ("check", "mapping")] == [
        "route",
        "template",
        "integration",
        "template",
        "answer",
    ]
    [route] = steps(told, "route")
    assert (route["api"], route["stage"], route["route"]) == (api.id, "prod", "POST /pets/{id}")
    assert "POST /pets/{id}" in route["why"]
    assert [check["outcome"] for check in steps(told, "check")] == ["passed"] * 4
    moved = {step["to"]: (step["from"], step["value"]) for step in steps(told, "mapping")}
    assert moved == {
        "integration.request.path.id": ("method.request.path.id", "7"),
        "integration.request.header.x-q": ("method.request.querystring.q", "one"),
        "integration.request.header.x-fix": ("'fixed'", "fixed"),
        "integration.request.header.x-none": ("method.request.header.absent", "(none: left out)"),
        "method.response.header.x-got": ("integration.response.header.x-b", "back"),
    }
    first, second = steps(told, "template")
    assert first["input"] == '{"kind":"dog"}' and first["output"] == '{"kind":"dog","stage":"prod"}'
    assert "x-o" in first["overrides"] and second["output"] == '{"pet":"rex"}'
    [integration] = steps(told, "integration")
    assert integration["target"] == api.backend.url.removeprefix("http://")
    assert integration["status"] == "200" and int(integration["latency_us"]) > 0
    assert told["log"][-1] == "Method completed with status: 200"
    assert "0123456789abcdef" not in json.dumps(told)


def test_a_plain_proxy_is_explained_too(api):
    """Though it streams for others; its answer is the same."""
    api.backend.answers(201, b"as it is", (("content-type", "text/plain"),))
    api.method("/{proxy+}", "ANY", type="HTTP_PROXY", uri=api.backend.url + "/{proxy}")
    api.deploy()
    told = explained(api, "/a/b?c=d", method="PUT", body=b"body")
    assert (told["answer"]["status"], told["answer"]["body"]) == (201, "as it is")
    method, target, headers, body = api.backend.last()
    assert (method, target, body) == ("PUT", "/a/b?c=d", b"body")
    assert "x-daemun-explain" not in headers
    assert steps(told, "route")[0]["route"] == "ANY /{proxy+}"


def test_a_refusal_names_the_check_and_a_failure_its_reason(api):
    """So that the author of the API knows what to change."""
    api.mock("/key", method={"apiKeyRequired": True})
    api.method("/broken", type="MOCK", requestTemplates={"application/json": "{}"})
    api.deploy()
    told = explained(api, "/key")
    assert told["answer"]["status"] == 403
    [check] = steps(told, "check")
    assert check["check"] == "api key and quota" and check["outcome"] == "refused: Forbidden"
    assert steps(told, "answer")[0]["refused_as"] == "INVALID_API_KEY"
    told = explained(api, "/broken")
    [answer] = steps(told, "answer")
    assert answer["refused_as"] == "API_CONFIGURATION_ERROR"
    assert answer["why"] == "Unable to parse statusCode. It should be an integer"
    told = explained(api, "/nowhere")
    assert told["answer"]["status"] == 403
    assert "no route takes this" in steps(told, "route")[0]["why"]


def test_apis_of_the_config_file_are_explained_by_their_own_host(place):
    """`1` keeps the host of the request."""
    gateway, admin = place
    status, text = asked(admin, "/fixed")
    told = json.loads(text)
    assert status == 200 and told["answer"]["body"] == "fixed"
    assert steps(told, "route")[0]["route"] == "GET /fixed"
    assert asked(admin, "/healthz")[0] == 200
    with urllib.request.urlopen(admin + "/healthz", timeout=10) as answer:
        assert answer.read() == b"ok\n"


def test_the_header_means_nothing_to_clients(api):
    """On the listeners of the data plane it goes on as any other."""
    api.method("/", type="HTTP_PROXY", uri=api.backend.url)
    api.deploy()
    status, _, text = api.call("GET", "/", headers={"x-daemun-explain": "1"})
    assert status == 200 and text == "{}"
    assert api.backend.last()[2]["x-daemun-explain"] == "1"


def test_nothing_is_explained_in_strict_mode(tmp_path):
    """AWS does not either."""
    for gateway, admin in started(tmp_path, more='mode = "strict"'):
        assert gateway.process.poll() is None
        status, text = asked(admin, "/fixed")
        assert status == 403 and re.search("strict", text)


KEYS = {
    "AKIDALLALLALLALL": ("all", ACCOUNT, None),
    "AKIDOTHEROTHEROT": ("other", "222222222222", None),
    "AKIDMAYMAYMAYMAY": ("may", ACCOUNT, {"Effect": "Allow", "Action": "execute-api:Explain", "Resource": "*/prod/POST/*"}),
    "AKIDMAYNOTMAYNOT": ("maynot", ACCOUNT, {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"}),
    "AKIDBUTBUTBUTBUT": (
        "but",
        ACCOUNT,
        {"Effect": "Allow", "Action": "execute-api:*", "Resource": "*"},
        {"Effect": "Deny", "Action": "*", "Resource": ["*/prod/GET/secret", "*/prod/GET/deep/*", "*/prod/GET/"]},
    ),
}

MORE = """
[account]
region = "eu-west-1"
[timeouts]
body = "700ms"
[listeners.secure]
address = "127.0.0.1:{port}"
[[listeners.secure.tls.certificates]]
certificate = "{folder}/own.pem"
private_key = "{folder}/own.key"
[apis.fixed.routes."POST /own"]
integration = {{ type = "http_proxy", uri = "{upstream}/own" }}
[apis.fixed.routes."POST /mock"]
integration = {{ type = "mock", status = 200, body = "mock" }}
[apis.fixed.routes."POST /small"]
body_bytes = "1KiB"
integration = {{ type = "mock", status = 200, body = "small" }}
"""


@pytest.fixture(scope="module")
def keyed(tmp_path_factory):
    """A gateway with access keys, an API of the first key's account, and its upstream."""
    folder = tmp_path_factory.mktemp("keyed")
    authority(folder, "own")
    more, port, backend = "", free_port(), Backend()
    for key, (name, account, *statements) in KEYS.items():
        more += f'[management.keys.{key}]\nsecret = "secret of {name}"\naccount = "{account}"\nname = "{name}"\n'
        if statements != [None]:
            policy = {"Version": "2012-10-17", "Statement": statements}
            (folder / f"{name}.json").write_text(json.dumps(policy))
            more += f'policy_file = "{name}.json"\n'
    gateway = Gateway(folder, more + MORE.format(port=port, folder=folder, upstream=backend.url))
    first = next(iter(KEYS))
    api = Api(gateway, gateway.client("apigateway", key=first, secret="secret of all"))
    api.backend, api.secure = backend, port
    api.method("/{proxy+}", "ANY", type="HTTP_PROXY", uri=api.backend.url + "/{proxy}")
    api.method("/streams", "GET", type="HTTP_PROXY", uri=api.backend.url, responseTransferMode="STREAM")
    api.deploy()
    yield api
    api.backend.stop()
    gateway.stop()


def headers_of(api, key, method, path, body, host=None, secret=None, service="execute-api", wish="1", late=None):
    """The headers of a signed call that wants to be explained; a late wish is not signed."""
    host = host or f"{api.id}.execute-api.{REGION}.amazonaws.com"
    credentials = botocore.credentials.Credentials(key, secret or f"secret of {KEYS[key][0]}")
    headers = {"Host": host, **({"x-daemun-explain": wish} if wish else {})}
    request = botocore.awsrequest.AWSRequest(method, f"http://{host}{path}", data=body, headers=headers)
    botocore.auth.SigV4Auth(credentials, service, REGION).add_auth(request)
    return {**dict(request.headers.items()), **({"x-daemun-explain": late} if late else {})}


def signed(api, key, method="POST", path="/prod/pets?q=1", body=b"body", secure=False, **more):
    """Status, headers by lower-case names, and text of such a call."""
    headers = headers_of(api, key, method, path, body, **more)
    return sent(api, method, path, body, headers, secure)


def sent(api, method, path, body, headers, secure=False):
    """The same of any call."""
    connection = http.client.HTTPConnection(api.gateway.main, timeout=20)
    if secure:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection("127.0.0.1", api.secure, timeout=20, context=context)
    connection.request(method, path, body=body, headers=headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, text


def begun(api, path, headers, announced):
    """Status and text of a POST that announces a body and sends three bytes of it."""
    address, _, port = api.gateway.main.rpartition(":")
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    with socket.create_connection((address, int(port)), timeout=20) as plain:
        plain.sendall("\r\n".join([*lines, f"Content-Length: {announced}", "", "abc"]).encode())
        answer = http.client.HTTPResponse(plain)
        answer.begin()
        return answer.status, answer.read().decode()


def test_a_signed_call_is_explained_to_whom_it_is_due(keyed):
    """Served once, as the client's own call, and told whole; a policy says which calls."""
    for key in ["AKIDALLALLALLALL", "AKIDMAYMAYMAYMAY"]:
        keyed.backend.answers(201, b"made", (("content-type", "text/plain"),))
        before = keyed.backend.count()
        status, headers, text = signed(keyed, key)
        assert (status, headers["content-type"]) == (200, "application/json")
        told = json.loads(text)
        assert (told["answer"]["status"], told["answer"]["body"]) == (201, "made")
        assert steps(told, "route")[0]["route"] == "ANY /{proxy+}"
        assert keyed.backend.count() == before + 1
        method, target, sent, body = keyed.backend.last()
        assert (method, target, body) == ("POST", "/pets?q=1", b"body")
        assert "x-daemun-explain" not in sent and "authorization" not in sent


@pytest.mark.parametrize(
    "more",
    [
        {"key": "AKIDALLALLALLALL", "secret": "wrong"},
        {"key": "AKIDALLALLALLALL", "service": "apigateway"},
        {"key": "AKIDOTHEROTHEROT"},
        {"key": "AKIDMAYNOTMAYNOT"},
        {"key": "AKIDMAYMAYMAYMAY", "method": "PUT"},
        {"key": "AKIDALLALLALLALL", "wish": None},
        {"key": "AKIDALLALLALLALL", "wish": None, "late": "1"},
    ],
    ids=["wrong secret", "other service", "other account", "other action", "other method", "no wish", "added wish"],
)
def test_who_may_not_have_it_explained_gets_the_plain_answer(keyed, more):
    """Without a hint: as if nothing had been wished."""
    keyed.backend.answers(201, b"made", (("content-type", "text/plain"),))
    before = keyed.backend.count()
    status, headers, text = signed(keyed, **more)
    assert (status, headers["content-type"], text) == (201, "text/plain", "made")
    assert keyed.backend.count() == before + 1
    assert keyed.backend.last()[3] == b"body"


def test_a_changed_body_is_not_explained(keyed):
    """The signature is for the body as well; and one that cannot be held in memory is passed on."""
    keyed.backend.answers(201, b"made", (("content-type", "text/plain"),))
    host = f"{keyed.id}.execute-api.{REGION}.amazonaws.com"
    credentials = botocore.credentials.Credentials("AKIDALLALLALLALL", "secret of all")
    request = botocore.awsrequest.AWSRequest("POST", f"http://{host}/prod/a", data=b"one", headers={"Host": host, "x-daemun-explain": "1"})
    botocore.auth.SigV4Auth(credentials, "execute-api", REGION).add_auth(request)
    for body in [b"two", iter([b"in ", b"chunks"])]:
        connection = http.client.HTTPConnection(keyed.gateway.main, timeout=20)
        connection.request("POST", "/prod/a", body=body, headers=dict(request.headers.items()))
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (201, b"made")
        connection.close()
    assert keyed.backend.last()[3] == b"in chunks"


def test_a_presigned_url_explains_nothing(keyed):
    """Whoever is handed one may call, and see no more than the answer."""
    keyed.backend.answers(201, b"made", (("content-type", "text/plain"),))
    host = f"{keyed.id}.execute-api.{REGION}.amazonaws.com"
    credentials = botocore.credentials.Credentials("AKIDALLALLALLALL", "secret of all")
    for own in [{}, {"x-daemun-explain": "1"}]:
        request = botocore.awsrequest.AWSRequest("GET", f"http://{host}/prod/a", headers={"Host": host, **own})
        botocore.auth.SigV4QueryAuth(credentials, "execute-api", REGION).add_auth(request)
        assert ("x-daemun-explain" in request.url) == bool(own)
        path = request.url.removeprefix(f"http://{host}")
        status, _, text = sent(keyed, "GET", path, None, {"Host": host, "x-daemun-explain": "1"})
        assert (status, text) == (201, "made")


@pytest.mark.parametrize("path", ["/secret", "/s%65cret", "/secret/", "/%64eep/x", "/deep/%78", "", "/"])
def test_no_spelling_of_a_path_evades_a_policy(keyed, path):
    """It is asked about the path as that is routed."""
    keyed.backend.answers(201, b"made", (("content-type", "text/plain"),))
    status, _, text = signed(keyed, "AKIDBUTBUTBUTBUT", "GET", f"/prod{path}", None)
    assert status == (403 if path in ("", "/") else 201) and "trace" not in text
    for key, other in [("AKIDALLALLALLALL", path), ("AKIDBUTBUTBUTBUT", "/s%2565cret"), ("AKIDBUTBUTBUTBUT", "/deep%2Fx")]:
        status, _, text = signed(keyed, key, "GET", f"/prod{other}", None)
        assert status == 200 and json.loads(text)["trace"], other


def test_upstreams_are_told_of_the_connection_of_the_client(keyed):
    """Explained or not, a call over TLS came over TLS, to the port of that listener."""
    v2 = keyed.gateway.client("apigatewayv2", key="AKIDALLALLALLALL", secret="secret of all")
    own = v2.create_api(Name="a", ProtocolType="HTTP", Target=keyed.backend.url)["ApiId"]
    keyed.backend.answers(201, b"made", (("content-type", "text/plain"),))
    for host in ["localhost", f"{own}.execute-api.{REGION}.amazonaws.com"]:
        told = []
        for wish in [None, "1"]:
            more = {"path": "/own", "host": host, "wish": wish, "secure": True}
            status, _, text = signed(keyed, "AKIDALLALLALLALL", **more)
            assert (status, "trace" in text) == ((200, True) if wish else (201, False))
            headers = keyed.backend.last()[2]
            told.append({name: value for name, value in headers.items() if "forwarded" in name})
        assert told[0] == told[1]
        if host == "localhost":
            assert (told[1]["x-forwarded-proto"], told[1]["x-forwarded-port"]) == ("https", str(keyed.secure))
        else:
            assert "proto=https" in told[1]["forwarded"] and "by=127.0.0.1" in told[1]["forwarded"]
    v2.delete_api(ApiId=own)


def test_an_answer_that_cannot_be_shown_is_named(keyed):
    """Others get it as it streams."""
    keyed.backend.answers(200, b"x" * (17 << 20), (("content-type", "text/plain"),))
    status, headers, text = signed(keyed, "AKIDALLALLALLALL", "GET", "/prod/streams", None)
    assert (status, headers["content-type"]) == (502, "application/json")
    assert "16 MiB" in json.loads(text)["message"]
    status, _, text = signed(keyed, "AKIDALLALLALLALL", "GET", "/prod/streams", None, wish=None)
    assert (status, len(text)) == (200, 17 << 20)


def test_an_answer_that_cannot_be_shown_is_named_to_the_operator(api):
    """On the admin listener, too."""
    api.backend.answers(200, b"x" * (17 << 20), (("content-type", "text/plain"),))
    api.method("/", "GET", type="HTTP_PROXY", uri=api.backend.url, responseTransferMode="STREAM")
    api.deploy()
    status, text = asked(api.admin, "/prod/", f"{api.id}.execute-api.{REGION}.amazonaws.com")
    assert status == 502 and "16 MiB" in text


def test_a_body_that_does_not_come_is_answered_as_ever(keyed):
    """And that of somebody who may not is not waited for."""
    found = []
    for wish in ["1", None]:
        headers = headers_of(keyed, "AKIDALLALLALLALL", "POST", "/prod/a", b"abc", wish=wish)
        status, text = begun(keyed, "/prod/a", headers, 10)
        found.append((status, text))
    assert found[0] == found[1] and found[0][0] == 408
    for key, status in [("AKIDALLALLALLALL", 408), ("AKIDOTHEROTHEROT", 200)]:
        headers = headers_of(keyed, key, "POST", "/mock", b"abc", host="localhost")
        assert begun(keyed, "/mock", headers, 10_000_000)[0] == status, key
    headers = headers_of(keyed, "AKIDALLALLALLALL", "POST", "/mock", b"abc", host="localhost", wish=None, late="1")
    assert begun(keyed, "/mock", headers, 10_000_000) == (200, "mock")


def test_a_body_that_is_too_large_is_served_plainly(keyed):
    """For the route, or to be held in memory."""
    body = b"b" * 2000
    assert signed(keyed, "AKIDALLALLALLALL", path="/small", body=body, host="localhost")[0] == 413
    told = signed(keyed, "AKIDALLALLALLALL", path="/small", body=b"b" * 1000, host="localhost")[2]
    assert json.loads(told)["answer"]["body"] == "small"
    keyed.backend.answers(201, b"made", (("content-type", "text/plain"),))
    status, _, text = signed(keyed, "AKIDALLALLALLALL", body=b"b" * (11 << 20))
    assert (status, text) == (201, "made")
