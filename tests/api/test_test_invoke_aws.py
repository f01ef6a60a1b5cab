"""TestInvokeMethod of methods in front of AWS: services, functions of this machine, of another one, and streams."""

import json
import re
import shutil
import sys

import pytest
from conftest import ACCOUNT, REGION, Gateway
from fake_aws import KEY, api, settings, uri  # noqa: F401
from rest import run
from test_remote_functions import Lambda, streaming

HANDLER = """
import json

def proxy(event, context):
    print("seen")
    return {"statusCode": 201, "headers": {"x-own": "1"}, "body": json.dumps([event["path"], event["body"]])}

def plain(event, context):
    if "raise" in event:
        raise ValueError(event["raise"])
    return {"doubled": event["number"] * 2}

def bare(event, context):
    return "no answer"
"""
STREAMED = """
exports.handler = awslambda.streamifyResponse(async (event, stream) => {
  const metadata = { statusCode: 202, headers: { 'x-own': event.path } };
  const answer = awslambda.HttpResponseStream.from(stream, metadata);
  answer.write('one ');
  answer.write('two');
  answer.end();
});
"""
UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
TRACE = "Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=[01]"


@pytest.fixture(scope="module")
def far():
    """AWS: a Lambda that runs functions by their names; all else says who signed."""

    class Service(Lambda):
        def serve(self, service, key, region, body):
            if service == "lambda":
                return super().serve(service, key, region, body)
            if self.headers.get("x-amz-target", "").endswith("Query"):
                return self.say(400, {"__type": "ResourceNotFoundException", "message": "no such table"})
            return self.say(200, {"key": key, "asked": json.loads(body)})

    with streaming(Service) as server:
        # Its streams do not wait.
        server.go.set()
        yield server


@pytest.fixture(scope="module")
def near(far, tmp_path_factory):
    folder = tmp_path_factory.mktemp("near")
    (folder / "code").mkdir()
    (folder / "code" / "index.py").write_text(HANDLER)
    (folder / "code" / "index.js").write_text(STREAMED)
    functions = "".join(
        f'[functions.{name}]\nruntime = "python3.12"\ninterpreter = "{sys.executable}"\n'
        f'handler = "index.{name}"\ncode = "code"\n'
        for name in ["proxy", "plain", "bare"]
    )
    functions += '[functions.flow]\nruntime = "nodejs22.x"\nhandler = "index.handler"\ncode = "code"\n'
    gateway = Gateway(folder, settings(far.url, "remote_functions = true\n") + functions)
    yield gateway
    gateway.stop()


def arn(name):
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"


def calls(api, path, name, kind, responses=None, is_streamed=False, **more):
    """A POST method with a function behind it."""
    version, tail = "2015-03-31", "invocations"
    if is_streamed:
        version, tail = "2021-11-15", "response-streaming-invocations"
        more["responseTransferMode"] = "STREAM"
    return api.method(path, "POST", responses, type=kind, integrationHttpMethod="POST",
                      uri=uri("lambda", f"path/{version}/functions/{arn(name)}/{tail}"), **more)


def place(name, version="2015-03-31", tail="invocations"):
    """Where AWS says that a function is asked."""
    return f"https://lambda.{REGION}.amazonaws.com/{version}/functions/{arn(name)}/{tail}"


def one(made, start):
    """The only line that begins so, without its beginning."""
    [line] = [line for line in made["lines"] if line.startswith(start)]
    return line[len(start):]


def fields(made, which):
    """A line of headers as a dictionary."""
    return dict(pair.split("=", 1) for pair in one(made, f"{which} headers: ")[1:-1].split(", "))


def test_a_service_is_asked_and_told_of(api, far):
    """A DynamoDB-like one: both URIs, the headers with the signature behind asterisks, both answers."""
    template = '{"TableName": "pets", "Item": $input.json("$.item")}'
    found = {"responseTemplates": {"application/json": '$input.json("$.asked.Item")'}}
    where = api.method("/put", "POST", {"200": found}, type="AWS", uri=uri("dynamodb", "action/PutItem"),
                       integrationHttpMethod="POST", requestTemplates={"application/json": template})
    made = run(api, where, pathWithQueryString="/put", body='{"item": {"id": 7}}')
    assert (made["status"], made["body"]) == (200, '{"id":7}')
    assert made["headers"]["Content-Type"] == "application/json" and made["latency"] >= 0
    assert [line.split(": ")[0] for line in made["lines"]] == [
        "Starting execution for request",
        "HTTP Method",
        "Method request path",
        "Method request query string",
        "Method request headers",
        "Method request body before transformations",
        "Endpoint request URI",
        "Endpoint request headers",
        "Endpoint request body after transformations",
        f"Sending request to {far.url}/",
        "Received response. Status",
        "Endpoint response headers",
        "Endpoint response body before transformations",
        "Method response body after transformations",
        "Method response headers",
        "Successfully completed execution",
        "Method completed with status",
    ]
    assert one(made, "Endpoint request URI: ") == f"{far.url}/"
    assert one(made, "Endpoint request body after transformations: ") == '{"TableName": "pets", "Item": {"id":7}}'
    _, _, sent, _ = far.seen[-1]
    shown = fields(made, "Endpoint request")
    assert shown["X-Amz-Target"] == sent["X-Amz-Target"] == "DynamoDB_20120810.PutItem"
    assert shown["User-Agent"] == f"AmazonAPIGateway_{api.id}" and shown["Host"] == far.url[7:]
    signature = next(value for name, value in sent.items() if name.lower() == "authorization")
    assert re.search(rf"(?i)authorization=\*{{100,}}{signature[-6:]}[,}}]", one(made, "Endpoint request headers: "))
    assert KEY not in one(made, "Endpoint request headers: ") and signature not in made["log"]
    answer = f'{{"key": "{KEY}", "asked": {{"TableName": "pets", "Item": {{"id": 7}}}}}}'
    assert one(made, "Endpoint response body before transformations: ") == answer
    assert one(made, "Method response body after transformations: ") == '{"id":7}'


def test_the_token_of_a_role_is_not_shown(api):
    """Whoever reads the log could sign with it."""
    where = api.method("/role", "POST", {"200": {}}, type="AWS", uri=uri("dynamodb", "action/PutItem"),
                       integrationHttpMethod="POST", credentials=f"arn:aws:iam::{ACCOUNT}:role/r")
    made = run(api, where, body="{}")
    assert made["status"] == 200, made["log"]
    token = json.loads(made["body"])["key"]
    assert token.startswith("ASIA")
    assert re.search(r"(?i)x-amz-security-token=\*+[,}]", made["log"]) and "token/" not in made["log"]


def test_an_error_of_a_service_goes_through_its_pattern(api):
    """The status that AWS gave is told, and what the method makes of it."""
    refused = {"selectionPattern": "4\\d{2}", "responseTemplates": {"application/json": 'no: $input.path("$.message")'}}
    where = api.method("/query", "POST", {"200": {}, "404": refused}, type="AWS",
                       uri=uri("dynamodb", "action/Query"), integrationHttpMethod="POST")
    made = run(api, where, body="{}")
    assert (made["status"], made["body"]) == (404, "no: no such table")
    assert "Received response. Status: 400, Integration latency: <ms> ms" in made["lines"]
    assert made["lines"][-2:] == ["Successfully completed execution", "Method completed with status: 404"]


def test_a_function_of_this_machine_is_told_of_as_one_of_lambda(api):
    """AWS_PROXY: status, headers and body are what the function says."""
    made = run(api, calls(api, "/proxy", "proxy", "AWS_PROXY"), pathWithQueryString="/proxy?a=1", body="text")
    assert made["status"] == 201 and json.loads(made["body"]) == ["/proxy", "text"]
    assert made["multiValueHeaders"]["x-own"] == ["1"] and re.fullmatch(TRACE, made["headers"]["X-Amzn-Trace-Id"])
    assert one(made, "Endpoint request URI: ") == one(made, "Sending request to ") == place("proxy")
    asked = fields(made, "Endpoint request")
    assert asked["Content-Type"] == "application/json" and re.fullmatch(TRACE, asked["X-Amzn-Trace-Id"])
    assert one(made, "Endpoint request body after transformations: ").endswith(" [TRUNCATED]")
    assert "Received response. Status: 200, Integration latency: <ms> ms" in made["lines"]
    told = fields(made, "Endpoint response")
    assert re.fullmatch(UUID, told["x-amzn-RequestId"]) and told["X-Amz-Executed-Version"] == "$LATEST"
    answer = json.loads(one(made, "Endpoint response body before transformations: "))
    assert answer["statusCode"] == 201
    assert json.loads(one(made, "Method response body after transformations: ")) == ["/proxy", "text"]
    assert fields(made, "Method response")["x-own"] == "1"
    assert made["lines"][-2:] == ["Successfully completed execution", "Method completed with status: 201"]
    assert re.search(r"Integration latency: (\d+) ms", made["log"]) and made["latency"] >= int(
        re.search(r"Integration latency: (\d+) ms", made["log"])[1])


def test_a_function_between_templates_is_told_of_too(api):
    """AWS: what the template made goes out, the error's message chooses the answer."""
    failed = {"selectionPattern": "no.*", "responseTemplates": {"application/json": '$input.path("$.errorType")'}}
    fine = {"responseTemplates": {"application/json": '$input.path("$.doubled")'}}
    where = calls(api, "/plain", "plain", "AWS", {"200": fine, "409": failed})
    made = run(api, where, body='{"number": 21}')
    assert (made["status"], made["body"]) == (200, "42")
    assert one(made, "Endpoint request body after transformations: ") == '{"number": 21}'
    assert one(made, "Endpoint response body before transformations: ") == '{"doubled": 42}'
    assert "X-Amz-Function-Error" not in fields(made, "Endpoint response")
    made = run(api, where, body='{"raise": "no luck"}')
    assert (made["status"], made["body"]) == (409, "ValueError")
    assert fields(made, "Endpoint response")["X-Amz-Function-Error"] == "Unhandled"
    later = calls(api, "/later", "plain", "AWS", {"200": {}},
                  requestParameters={"integration.request.header.X-Amz-Invocation-Type": "'Event'"})
    made = run(api, later, body='{"number": 1}')
    assert (made["status"], made["body"]) == (200, "")
    assert fields(made, "Endpoint request")["X-Amz-Invocation-Type"] == "Event"
    assert "Received response. Status: 202, Integration latency: <ms> ms" in made["lines"]


def test_failures_of_functions_read_as_recorded(api):
    """A malformed answer, and an error with the id of the invocation, not that of the request."""
    made = run(api, calls(api, "/bare", "bare", "AWS_PROXY"), body="{}")
    assert made["status"] == 502 and made["body"] == '{"message":"Internal server error"}'
    assert made["headers"] == {"x-amzn-ErrorType": "InternalServerErrorException"}
    assert made["lines"][-3:] == [
        'Endpoint response body before transformations: "no answer"',
        "Execution failed due to configuration error: Malformed Lambda proxy response",
        "Method completed with status: 502",
    ]
    where = calls(api, "/raise", "plain", "AWS_PROXY")
    made = run(api, where)
    id = fields(made, "Endpoint response")["x-amzn-RequestId"]
    start = "Lambda execution failed with status 200 due to customer function error: "
    assert one(made, start) == f"'number'. Lambda request id: {id}"
    assert made["lines"][-1] == "Method completed with status: 502"


def test_a_function_of_another_machine_is_told_of_as_it_is_asked(api, far):
    """Nothing of the search on this machine is left; the real place, the real headers, the real answer."""
    made = run(api, calls(api, "/echo", "echo", "AWS_PROXY"), pathWithQueryString="/echo", body="{}")
    assert made["status"] == 201
    _, target, sent, _ = far.seen[-1]
    assert one(made, "Endpoint request URI: ") == one(made, "Sending request to ") == far.url + target
    shown = fields(made, "Endpoint request")
    assert shown["X-Amz-Invocation-Type"] == sent["X-Amz-Invocation-Type"] == "RequestResponse"
    assert KEY not in one(made, "Endpoint request headers: ")
    assert fields(made, "Endpoint response")["x-amzn-requestid"] == "lambda-id"
    assert len([line for line in made["lines"] if line.startswith("Received response")]) == 1


@pytest.mark.parametrize("kind", ["AWS", "AWS_PROXY"])
def test_a_throttled_function_reads_as_recorded(api, kind):
    """AWS: 500, and a line with Lambda's status and request id in front of that with its reason."""
    made = run(api, calls(api, "/throttled", "throttled", kind, {"200": {}} if kind == "AWS" else None), body="{}")
    assert made["status"] == 500 and made["headers"] == {"x-amzn-ErrorType": "InternalServerErrorException"}
    assert made["lines"][-3:] == [
        "Lambda invocation failed with status: 429. Lambda request id: lambda-id",
        "Execution failed due to configuration error: Rate Exceeded.",
        "Method completed with status: 500",
    ]
    made = run(api, calls(api, "/denied", "denied", kind, {"200": {}} if kind == "AWS" else None), body="{}")
    assert made["status"] == 500
    assert made["lines"][-3:-1] == [
        "Lambda invocation failed with status: 403. Lambda request id: lambda-id",
        "Execution failed due to configuration error: not authorized to perform: lambda:InvokeFunction",
    ]


@pytest.mark.parametrize("name", ["flow", "streams"])
def test_a_stream_comes_whole(api, far, name):
    """STREAM: TestInvokeMethod gives the answer when it is complete; its payload is in no log."""
    if name == "flow" and shutil.which("node") is None:
        pytest.skip("there is no Node.js")
    made = run(api, calls(api, "/flow", name, "AWS_PROXY", is_streamed=True), pathWithQueryString="/flow")
    assert (made["status"], made["body"]) == (202, "one two")
    if name == "flow":
        assert made["headers"]["x-own"] == "/flow"
        expected = place("flow", "2021-11-15", "response-streaming-invocations")
    else:
        expected = far.url + far.seen[-1][1]
    assert one(made, "Endpoint request URI: ") == one(made, "Sending request to ") == expected
    [at] = [at for at, line in enumerate(made["lines"]) if line.startswith("Received response. Status: 200")]
    starts = ["Endpoint response headers: {", "Endpoint response body before transformations: ",
              "Method response headers: {", "Successfully completed execution"]
    for line, start in zip(made["lines"][at + 1:], starts):
        assert line.startswith(start), line
    assert made["lines"][at + 2] == starts[1] and made["lines"][-1] == "Method completed with status: 202"
