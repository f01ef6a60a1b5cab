"""Which route of an HTTP API serves a request, in AWS's order, and what its function is told of it."""

import json
import sys

import pytest
from conftest import ACCOUNT, REGION, Gateway

HANDLER = '''
import json, time

def echo(event, context):
    return {"statusCode": 200, "body": json.dumps(event)}

def slow(event, context):
    time.sleep(2)
'''

ROUTES = [
    "GET /pets",
    "ANY /pets",
    "GET /pets/{id}",
    "ANY /pets/{id}",
    "GET /pets/dog",
    "ANY /pets/dog/1",
    "ANY /pets/{id}/{part}",
    "GET /pets/{proxy+}",
    "ANY /{proxy+}",
    "POST /{all+}",
    "$default",
]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """A gateway with a function that echoes and one that takes its time."""
    folder = tmp_path_factory.mktemp("routes")
    (folder / "code").mkdir()
    (folder / "code" / "index.py").write_text(HANDLER)
    functions = "".join(
        f'[functions.{name}]\nruntime = "python3.12"\ninterpreter = "{sys.executable}"\n'
        f'handler = "index.{name}"\ncode = "code"\nconcurrency = 1\n'
        for name in ("echo", "slow")
    )
    gateway = Gateway(folder, functions)
    yield gateway
    gateway.stop()


def integrate(v2, api, function, **more):
    """The target of a route to a function."""
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}"
    made = v2.create_integration(
        ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=arn, PayloadFormatVersion="2.0", **more
    )
    return f"integrations/{made['IntegrationId']}"


@pytest.fixture(scope="module")
def api(gateway):
    """An HTTP API with all of `ROUTES`."""
    v2 = gateway.client("apigatewayv2")
    api = v2.create_api(Name="routes", ProtocolType="HTTP")["ApiId"]
    v2.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
    target = integrate(v2, api, "echo")
    for key in ROUTES:
        v2.create_route(ApiId=api, RouteKey=key, Target=target)
    return api


@pytest.mark.parametrize(
    ("method", "path", "route", "params"),
    [
        ("GET", "/pets", "GET /pets", None),
        ("PUT", "/pets", "ANY /pets", None),
        ("GET", "/pets/dog", "GET /pets/dog", None),
        # Full matches go before greedy ones, whatever their methods.
        ("PUT", "/pets/dog", "ANY /pets/{id}", {"id": "dog"}),
        ("GET", "/pets/cat", "GET /pets/{id}", {"id": "cat"}),
        ("GET", "/pets/dog/1", "ANY /pets/dog/1", None),
        ("GET", "/pets/dog/2", "ANY /pets/{id}/{part}", {"id": "dog", "part": "2"}),
        ("GET", "/pets/a/b/c", "GET /pets/{proxy+}", {"proxy": "a/b/c"}),
        ("PUT", "/pets/a/b/c", "ANY /{proxy+}", {"proxy": "pets/a/b/c"}),
        ("POST", "/other/x", "POST /{all+}", {"all": "other/x"}),
        ("GET", "/other", "ANY /{proxy+}", {"proxy": "other"}),
        ("GET", "/", "$default", None),
    ],
)
def test_the_most_specific_route_serves(gateway, api, method, path, route, params):
    """A full match, then a greedy one, then `$default`; a method before ANY, a text before a parameter."""
    status, _, text = gateway.call_api(method, api, path)
    assert status == 200, text
    event = json.loads(text)
    assert (event["routeKey"], event["requestContext"]["routeKey"]) == (route, route)
    assert event.get("pathParameters") == params


def test_the_default_route_catches_all_that_is_left(gateway):
    """With the whole path, any method and any depth; without it nothing is found."""
    v2 = gateway.client("apigatewayv2")
    api = v2.create_api(Name="default", ProtocolType="HTTP")["ApiId"]
    v2.create_stage(ApiId=api, StageName="live", AutoDeploy=True)
    v2.create_route(ApiId=api, RouteKey="GET /known", Target=integrate(v2, api, "echo"))
    missing = (404, '{"message":"Not Found"}')
    for method, path in [("GET", "/live/unknown"), ("POST", "/live/known"), ("GET", "/nowhere/known")]:
        assert gateway.call_api(method, api, path)[::2] == missing, path
    v2.create_route(ApiId=api, RouteKey="$default", Target=integrate(v2, api, "echo"))
    for method, path in [("PURGE", "/unknown/a%2Fb/c"), ("POST", "/known"), ("GET", "/known/"), ("GET", "")]:
        status, _, text = gateway.call_api(method, api, f"/live{path}?q=1")
        event = json.loads(text)
        assert (status, event["routeKey"], event["rawPath"]) == (200, "$default", f"/live{path or '/'}"), path
        assert (event["requestContext"]["http"]["method"], event["rawQueryString"]) == (method, "q=1")
        assert "pathParameters" not in event


def test_a_function_that_takes_too_long_is_an_unavailable_service(gateway, api):
    """The integration's own time counts."""
    v2 = gateway.client("apigatewayv2")
    target = integrate(v2, api, "slow", TimeoutInMillis=300)
    v2.create_route(ApiId=api, RouteKey="GET /slow", Target=target)
    status, headers, text = gateway.call_api("GET", api, "/slow")
    assert (status, text) == (503, '{"message":"Service Unavailable"}')
    assert headers["Content-Type"] == "application/json" and len(headers["Apigw-Requestid"]) == 16
