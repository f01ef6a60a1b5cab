"""Calls of deployed REST APIs: mappings, integration responses, validators, gateway responses."""

import json
import socket
import threading

import pytest
from conftest import Gateway
from rest import Api


def test_an_http_integration_sends_only_what_is_mapped(api, backend):
    """Headers, queries and path parameters come from where the mapping says, and nothing else goes on."""
    declared = [
        "method.request.header.X-One",
        "method.request.querystring.q",
        "method.request.path.id",
        "method.request.multivaluequerystring.all",
    ]
    mapped = {
        "integration.request.header.X-Mapped": "method.request.header.X-One",
        "integration.request.header.X-Static": "'text'",
        "integration.request.header.X-Stage": "context.stage",
        "integration.request.header.X-Variable": "stageVariables.color",
        "integration.request.header.X-Missing": "stageVariables.none",
        "integration.request.querystring.query": "method.request.querystring.q",
        "integration.request.querystring.many": "method.request.multivaluequerystring.all",
        "integration.request.path.name": "method.request.path.id",
        "integration.request.path.verb": "context.httpMethod",
    }
    api.method(
        "/pets/{id}",
        "POST",
        {"200": {}},
        {"requestParameters": {name: False for name in declared}},
        type="HTTP",
        uri=backend.url + "/animals/{name}/{verb}?fixed=1",
        requestParameters=mapped,
    )
    api.deploy(variables={"color": "green"})
    headers = {"X-One": "1", "X-Other": "2", "Content-Type": "text/plain", "Accept": "text/html"}
    status, _, text = api.call("POST", "/pets/a%2Bb?q=x%20y&all=1&all=2&other=3", body="hello", headers=headers)
    assert (status, text) == (200, "{}")
    method, target, seen, body = backend.last()
    assert (method, target, body) == (
        "POST",
        "/animals/a%2Bb/POST?fixed=1&query=x%20y&many=1&many=2",
        b"hello",
    )
    trace = seen.pop("x-amzn-trace-id")
    assert trace.startswith("Root=1-")
    assert seen == {
        "host": backend.url.removeprefix("http://"),
        "accept": "application/json",
        "user-agent": f"AmazonAPIGateway_{api.id}",
        "x-amzn-apigateway-api-id": api.id,
        "content-type": "text/plain",
        "content-length": "5",
        "x-mapped": "1",
        "x-static": "text",
        "x-stage": "prod",
        "x-variable": "green",
    }


def test_a_get_carries_no_body_and_no_type_to_an_http_integration(api, backend):
    """Content-Type is copied except on GET, HEAD and OPTIONS, which carry no body either."""
    api.method("/", "GET", {"200": {}}, type="HTTP", uri=backend.url)
    api.deploy()
    assert api.call("GET", "/", body="hello", headers={"Content-Type": "text/plain"})[0] == 200
    _, target, seen, body = backend.last()
    assert (target, body) == ("/", b"")
    assert "content-type" not in seen and "content-length" not in seen


def test_an_answer_is_chosen_by_its_status_and_mapped(api, backend):
    """Patterns match the whole status; without a match the response without a pattern is taken."""
    moved = {
        "method.response.header.X-Shown": "integration.response.header.X-Given",
        "method.response.header.X-Static": "'s'",
        "method.response.header.X-Stage": "context.stage",
        "method.response.header.X-Gone": "integration.response.header.nothing",
        "method.response.header.Server": "'remapped'",
        "method.response.multivalueheader.X-Many": "integration.response.multivalueheader.X-Many",
    }
    moved.pop("method.response.multivalueheader.X-Many")
    api.method(
        "/",
        "GET",
        {
            "200": {"responseParameters": moved},
            "404": {"selectionPattern": "4\\d{2}", "responseTemplates": {"application/json": "none"}},
            "502": {"selectionPattern": "5.*"},
        },
        type="HTTP",
        uri=backend.url,
    )
    api.deploy()
    given = (("x-given", "lower"), ("X-Given", "g"), ("x-other", "o"), ("content-type", "text/csv"))
    for status, expected in [(200, 200), (302, 200), (400, 404), (418, 404), (503, 502)]:
        backend.answers(status, b"body", given)
        got, headers, text = api.call("GET", "/")
        assert (got, text) == (expected, "none" if expected == 404 else "body")
        assert headers["content-type"] == "application/json"
        assert "x-other" not in headers and "x-gone" not in headers
        if expected == 200:
            assert (headers["x-static"], headers["x-stage"]) == ("s", "prod")
            assert headers["x-amzn-remapped-server"] == "remapped"
            assert headers["x-shown"] == "g"
            assert headers["x-amzn-requestid"] and headers["x-amz-apigw-id"]


def test_an_answer_that_no_response_is_for_is_an_error(api, backend):
    """Without a response that matches and without a usual one the configuration is to blame."""
    api.method("/", "GET", {"404": {"selectionPattern": "404"}}, type="HTTP", uri=backend.url)
    api.deploy()
    status, headers, text = api.call("GET", "/")
    assert (status, text) == (500, '{"message":"Internal server error"}')
    assert headers["x-amzn-errortype"] == "InternalServerErrorException"


def test_a_proxy_passes_on_what_came_and_adds_what_is_mapped(api, backend):
    """Mapped headers take the place of the client's, mapped query values stand behind its own."""
    declared = {"method.request.header.X-In": False, "method.request.querystring.q": False}
    api.method(
        "/{proxy+}",
        "ANY",
        None,
        {"requestParameters": {**declared, "method.request.path.proxy": True}},
        type="HTTP_PROXY",
        uri=backend.url + "/{proxy}",
        requestParameters={
            "integration.request.path.proxy": "method.request.path.proxy",
            "integration.request.header.X-Out": "method.request.header.X-In",
            "integration.request.header.X-Own": "'ours'",
            "integration.request.querystring.q": "'mapped'",
            "integration.request.querystring.again": "method.request.querystring.q",
        },
    )
    api.deploy()
    backend.answers(201, b"made", (("X-Back", "b"), ("Server", "s"), ("content-type", "text/plain")))
    headers = {"X-In": "in", "x-own": "client's", "X-Other": "o"}
    status, given, text = api.call("PUT", "/a/b%20c?q=1&z", body="up", headers=headers)
    assert (status, text, given["x-back"]) == (201, "made", "b")
    assert (given["content-type"], given["x-amzn-remapped-server"]) == ("text/plain", "s")
    method, target, seen, body = backend.last()
    assert (method, target, body) == ("PUT", "/a/b%20c?q=1&z&q=mapped&again=1", b"up")
    assert (seen["x-in"], seen["x-out"], seen["x-own"], seen["x-other"]) == ("in", "in", "ours", "o")


@pytest.mark.parametrize("name", ["Content-Length", "transfer-encoding", "X-Amzn-Trace-Id"])
@pytest.mark.parametrize("kind", ["HTTP", "HTTP_PROXY"])
def test_a_header_that_may_not_be_mapped_is_an_error_at_the_call(api, backend, kind, name):
    """AWS finds out when the method is called."""
    mapped = {f"integration.request.header.{name}": "'1'"}
    api.method("/", "GET", {"200": {}}, type=kind, uri=backend.url, requestParameters=mapped)
    api.deploy()
    before = backend.count()
    status, headers, text = api.call("GET", "/")
    assert (status, text) == (500, '{"message":"Internal server error"}')
    assert headers["x-amzn-errortype"] == "InternalServerErrorException"
    assert backend.count() == before


@pytest.mark.parametrize(
    "behaviour, templates, kind, expected",
    [
        ("WHEN_NO_MATCH", {"text/x": "made"}, "text/x", "made"),
        ("WHEN_NO_MATCH", {"text/x": "made"}, "text/x; charset=utf-8", "made"),
        ("WHEN_NO_MATCH", {"text/x": "made"}, "text/y", "sent"),
        ("WHEN_NO_MATCH", {}, "text/y", "sent"),
        ("WHEN_NO_TEMPLATES", {"text/x": "made"}, "text/x", "made"),
        ("WHEN_NO_TEMPLATES", {"text/x": "made"}, "text/y", 415),
        ("WHEN_NO_TEMPLATES", {}, "text/y", "sent"),
        ("NEVER", {"text/x": "made"}, "text/x", "made"),
        ("NEVER", {"text/x": "made"}, "text/y", 415),
        ("NEVER", {}, "text/y", 415),
        ("NEVER", {"application/json": "made"}, None, "made"),
    ],
)
def test_a_body_without_a_template_passes_as_the_behaviour_says(api, backend, behaviour, templates, kind, expected):
    """The table of passthrough behaviours."""
    api.method(
        "/", "POST", {"200": {}}, type="HTTP", uri=backend.url, requestTemplates=templates, passthroughBehavior=behaviour
    )
    api.deploy()
    headers = {"Content-Type": kind} if kind else {}
    status, given, text = api.call("POST", "/", body=b"sent", headers=headers)
    if expected == 415:
        assert (status, text) == (415, '{"message":"Unsupported Media Type"}')
        assert given["x-amzn-errortype"] == "BadRequestException"
    else:
        assert (status, backend.last()[3]) == (200, expected.encode())


def test_required_parameters_are_all_named_in_awss_order(api, backend, v1):
    """Present and not blank; headers before paths before queries."""
    validator = v1.create_request_validator(restApiId=api.id, name="v", validateRequestParameters=True)["id"]
    names = {
        "method.request.querystring.qs1": True,
        "method.request.querystring.free": False,
        "method.request.path.issuer": True,
        "method.request.header.x-header-param": True,
    }
    api.method("/a", "GET", {"200": {}}, {"requestParameters": names, "requestValidatorId": validator}, type="HTTP", uri=backend.url)
    api.deploy()
    status, headers, text = api.call("GET", "/a")
    assert (status, text) == (400, '{"message":"Missing required request parameters: [x-header-param, issuer, qs1]"}')
    assert headers["x-amzn-errortype"] == "BadRequestException"
    text = api.call("GET", "/a?qs1=%20", headers={"x-header-param": "1"})[2]
    assert text == '{"message":"Missing required request parameters: [issuer, qs1]"}'
    text = api.call("GET", "/a?qs1=1", headers={"X-Header-Param": "1"})[2]
    assert text == '{"message":"Missing required request parameters: [x-header-param, issuer]"}'


def test_a_mock_answers_by_the_status_of_its_template(api):
    """Among the responses the one whose pattern matches; without a status it is misconfigured."""
    mapped = {"method.response.header.X-Q": "'a'", "method.response.header.Content-Type": "'text/plain'"}
    responses = {
        "200": {"selectionPattern": "2\\d{2}", "responseTemplates": {"application/json": "two"}, "responseParameters": mapped},
        "404": {"responseTemplates": {"application/json": "other"}},
    }
    for path, template in [("/a", "{statusCode: 201}"), ("/b", '{"statusCode": 500}'), ("/c", "{}")]:
        api.method(path, "GET", responses, type="MOCK", requestTemplates={"application/json": template})
    api.deploy()
    status, headers, text = api.call("GET", "/a")
    assert (status, text, headers["x-q"], headers["content-type"]) == (200, "two", "a", "text/plain")
    assert "x-amzn-trace-id" not in headers
    assert api.call("GET", "/b")[::2] == (404, "other")
    status, headers, text = api.call("GET", "/c")
    assert (status, text) == (500, '{"message":"Internal server error"}')


def test_gateway_responses_say_what_the_deployment_has_set(api, v1):
    """Status, headers and template of a type, then of its class; frozen by the deployment."""
    api.mock("/")
    v1.put_gateway_response(
        restApiId=api.id,
        responseType="MISSING_AUTHENTICATION_TOKEN",
        statusCode="404",
        responseParameters={
            "gatewayresponse.header.X-Path": "context.path",
            "gatewayresponse.header.X-Static": "'s'",
            "gatewayresponse.header.X-Agent": "method.request.header.User-Agent",
            "gatewayresponse.header.X-None": "stageVariables.none",
        },
        responseTemplates={
            "application/json": '{"m":$context.error.messageString,"t":"$context.error.responseType","v":"$stageVariables.color"}',
            "text/plain": "$context.error.message!",
        },
    )
    api.deploy(variables={"color": "green"})
    status, headers, text = api.call("GET", "/none", headers={"User-Agent": "me"})
    assert status == 404
    expected = {"m": "Missing Authentication Token", "t": "MISSING_AUTHENTICATION_TOKEN", "v": "green"}
    assert json.loads(text) == expected
    assert (headers["x-path"], headers["x-static"], headers["x-agent"]) == ("/prod/none", "s", "me")
    assert "x-none" not in headers and headers["x-amzn-errortype"] == "MissingAuthenticationTokenException"
    status, headers, text = api.call("GET", "/none", headers={"Accept": "text/plain;q=1, */*"})
    assert (status, headers["content-type"], text) == (404, "text/plain", "Missing Authentication Token!")
    v1.delete_gateway_response(restApiId=api.id, responseType="MISSING_AUTHENTICATION_TOKEN")
    v1.put_gateway_response(restApiId=api.id, responseType="DEFAULT_4XX", statusCode="499")
    assert api.call("GET", "/none")[0] == 404
    api.deploy()
    assert api.call("GET", "/none")[::2] == (499, '{"message":"Missing Authentication Token"}')


def test_an_upstream_that_does_not_answer_is_told_in_awss_words(api, v1, backend):
    """504 with the words of a timeout or of a failure."""
    api.method("/gone", "GET", {"200": {}}, type="HTTP", uri="http://127.0.0.1:1/")
    api.method("/proxy", "GET", type="HTTP_PROXY", uri="http://127.0.0.1:1/")
    api.deploy()
    for path in ["/gone", "/proxy"]:
        status, headers, text = api.call("GET", path)
        assert (status, text) == (504, '{"message":"Network error communicating with endpoint"}')
        assert headers["x-amzn-errortype"] == "InternalServerErrorException"


def test_browsers_may_read_errors_where_the_config_says_so(tmp_path):
    """`cors_on_errors`, unless the deployment says who may; never in strict mode."""
    for mode, expected in [("relaxed", "*"), ("strict", None)]:
        folder = tmp_path / mode
        folder.mkdir()
        gateway = Gateway(folder, more=f'cors_on_errors = true\nmode = "{mode}"')
        try:
            client = gateway.client("apigateway")
            api = Api(gateway, client)
            api.mock("/", body="fine")
            api.deploy()
            assert api.call("GET", "/none")[1].get("access-control-allow-origin") == expected
            assert "access-control-allow-origin" not in api.call("GET", "/")[1]
            own = {"gatewayresponse.header.Access-Control-Allow-Origin": "'https://a.example'"}
            client.put_gateway_response(restApiId=api.id, responseType="DEFAULT_4XX", responseParameters=own)
            api.deploy()
            assert api.call("GET", "/none")[1]["access-control-allow-origin"] == "https://a.example"
        finally:
            gateway.stop()


def test_an_upstream_that_answers_and_stops_reading_holds_nobody_up(tmp_path):
    """Its answer is taken, and the core serves others meanwhile."""
    listener = socket.create_server(("127.0.0.1", 0))
    asked, done = threading.Event(), threading.Event()

    def answer_early():
        connection, _ = listener.accept()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.recv(1024)
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 7\r\n\r\n\"early\"")
        asked.set()
        done.wait(30)
        connection.close()

    threading.Thread(target=answer_early, daemon=True).start()
    gateway = Gateway(tmp_path)
    try:
        api = Api(gateway, gateway.client("apigateway"))
        port = listener.getsockname()[1]
        api.method("/big", "POST", {"200": {}}, type="HTTP", uri=f"http://127.0.0.1:{port}/")
        api.mock("/small", body="small")
        api.deploy()
        told = []
        sender = threading.Thread(target=lambda: told.append(api.call("POST", "/big", body=b"x" * 9_000_000)))
        sender.start()
        assert asked.wait(20)
        assert api.call("GET", "/small")[::2] == (200, "small")
        sender.join(30)
        assert [(status, text) for status, _, text in told] == [(200, '"early"')]
    finally:
        done.set()
        gateway.stop()
        listener.close()
