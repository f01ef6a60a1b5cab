"""Lambda functions: made by AWS's own clients, run by AWS's own runtime client, called by APIs."""

import base64
import io
import json
import os
import pathlib
import sys
import time
import zipfile

import pytest
from conftest import ACCOUNT, REGION, Gateway, refused

CODE = pathlib.Path(__file__).resolve().parents[1] / "functions" / "python" / "app.py"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/lambda"


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A gateway that keeps what is made, and whose `python3` has AWS's runtime client."""
    folder = tmp_path_factory.mktemp("functions")
    before = os.environ["PATH"]
    os.environ["PATH"] = f"{pathlib.Path(sys.executable).parent}:{before}"
    gateway = Gateway(folder, more=f'data_dir = "{folder}/data"\n')
    yield gateway
    gateway.stop()
    os.environ["PATH"] = before


@pytest.fixture(scope="module")
def functions(own):
    """The client of Lambda's API."""
    return own.client("lambda")


def archive(source):
    """A zip with this Python file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("app.py", source)
    return out.getvalue()


def make(functions, name, handler="app.echo", source=None, **more):
    """A function, deleted by nobody: the gateway goes with the file."""
    code = archive(source or CODE.read_text())
    return functions.create_function(
        FunctionName=name, Runtime="python3.12", Role=ROLE, Handler=handler, Code={"ZipFile": code}, **more
    )


def arn(name):
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"


def invoke(functions, name, payload, **more):
    """The answer and its payload."""
    answer = functions.invoke(FunctionName=name, Payload=json.dumps(payload), **more)
    return answer, json.loads(answer["Payload"].read())


def test_a_function_is_made_shown_changed_and_deleted(functions):
    """The life of a function through boto3, with AWS's members and errors."""
    made = make(functions, "life", Environment={"Variables": {"A": "1"}}, Tags={"t": "v"}, Timeout=10)
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert (made["FunctionArn"], made["Version"], made["State"]) == (arn("life"), "$LATEST", "Active")
    assert (made["Timeout"], made["MemorySize"], made["PackageType"]) == (10, 128, "Zip")
    assert refused(make, functions=functions, name="life")[:2] == ("ResourceConflictException", 409)
    shown = functions.get_function(FunctionName="life")
    assert shown["Configuration"]["CodeSha256"] == made["CodeSha256"]
    assert shown["Tags"] == {"t": "v"}
    assert functions.get_function(FunctionName=arn("life"))["Configuration"]["FunctionName"] == "life"
    assert "life" in [one["FunctionName"] for one in functions.list_functions()["Functions"]]
    changed = functions.update_function_configuration(FunctionName="life", MemorySize=256, Description="d")
    assert (changed["MemorySize"], changed["Description"], changed["Timeout"]) == (256, "d", 10)
    assert changed["RevisionId"] != made["RevisionId"]
    functions.tag_resource(Resource=arn("life"), Tags={"u": "w"})
    functions.untag_resource(Resource=arn("life"), TagKeys=["t"])
    assert functions.list_tags(Resource=arn("life"))["Tags"] == {"u": "w"}
    assert functions.delete_function(FunctionName="life")["ResponseMetadata"]["HTTPStatusCode"] == 204
    missing = ("ResourceNotFoundException", 404, f"Function not found: {arn('life')}")
    assert refused(functions.get_function, FunctionName="life") == missing
    assert refused(functions.invoke, FunctionName="life") == missing


def test_what_cannot_be_run_is_refused(functions):
    """Runtimes that are not here, code that is no zip, sizes that AWS forbids."""
    code = {"ZipFile": b"no zip"}
    common = {"FunctionName": "bad", "Role": ROLE, "Handler": "app.echo"}
    wrong = refused(functions.create_function, Runtime="python3.12", Code=code, **common)
    assert wrong[:2] == ("InvalidParameterValueException", 400) and "unzip" in wrong[2]
    code = {"ZipFile": archive("")}
    wrong = refused(functions.create_function, Runtime="java21", Code=code, **common)
    assert wrong[:2] == ("InvalidParameterValueException", 400)
    wrong = refused(functions.create_function, Runtime="python3.12", Code=code, MemorySize=20_000, **common)
    assert wrong[:2] == ("InvalidParameterValueException", 400)


def test_a_function_is_invoked_and_tells_its_log(own, functions):
    """RequestResponse with the runtime client of AWS, the tail of the log, an error, a dry run."""
    make(functions, "echo", Timeout=10)
    answer, payload = invoke(functions, "echo", {"a": [1, "ü"]}, LogType="Tail")
    assert payload == {"a": [1, "ü"]}
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    log = base64.b64decode(answer["LogResult"]).decode()
    assert log.startswith("START RequestId: ") and "REPORT RequestId: " in log
    make(functions, "failing", handler="app.fail", Timeout=10)
    answer, payload = invoke(functions, "failing", {})
    assert (answer["FunctionError"], payload["errorType"]) == ("Unhandled", "ValueError")
    assert payload["errorMessage"] == "no such luck" and payload["stackTrace"]
    assert payload["requestId"]
    dry = functions.invoke(FunctionName="echo", InvocationType="DryRun")
    assert dry["StatusCode"] == 204
    # Nothing was said of a stand-in: the client of AWS ran them.
    assert not [line for line in own.said if "awslambdaric" in line]
    make(functions, "context", handler="app.remaining", Timeout=10, MemorySize=192)
    _, payload = invoke(functions, "context", {})
    assert 8_000 < payload["ms"] <= 10_000
    assert (payload["arn"], payload["memory"]) == (arn("context"), "192")


def test_new_code_runs_at_once_and_versions_keep_theirs(functions):
    """UpdateFunctionCode, PublishVersion, aliases."""
    source = "def handler(event, context):\n    return [%d, context.function_version]\n"
    make(functions, "steps", handler="app.handler", source=source % 1, Timeout=10)
    assert invoke(functions, "steps", {})[1] == [1, "$LATEST"]
    first = functions.publish_version(FunctionName="steps")
    assert (first["Version"], first["FunctionArn"]) == ("1", arn("steps") + ":1")
    assert functions.publish_version(FunctionName="steps")["Version"] == "1"
    functions.update_function_code(FunctionName="steps", ZipFile=archive(source % 2))
    assert invoke(functions, "steps", {})[1] == [2, "$LATEST"]
    assert invoke(functions, "steps", {}, Qualifier="1")[1] == [1, "1"]
    alias = functions.create_alias(FunctionName="steps", Name="live", FunctionVersion="1")
    assert alias["AliasArn"] == arn("steps") + ":live"
    assert invoke(functions, "steps:live", {})[1] == [1, "1"]
    assert functions.publish_version(FunctionName="steps")["Version"] == "2"
    functions.update_alias(FunctionName="steps", Name="live", FunctionVersion="2")
    assert invoke(functions, "steps", {}, Qualifier="live")[1] == [2, "2"]
    versions = functions.list_versions_by_function(FunctionName="steps")["Versions"]
    assert [one["Version"] for one in versions] == ["$LATEST", "1", "2"]
    assert [one["Name"] for one in functions.list_aliases(FunctionName="steps")["Aliases"]] == ["live"]
    functions.delete_alias(FunctionName="steps", Name="live")
    assert refused(functions.invoke, FunctionName="steps", Qualifier="live")[0] == "ResourceNotFoundException"


def test_permissions_are_kept_as_a_policy(functions):
    """AddPermission, GetPolicy, RemovePermission, as Terraform calls them."""
    make(functions, "policy")
    source = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:abc/*/*"
    added = {"FunctionName": "policy", "StatementId": "api", "Action": "lambda:InvokeFunction",
             "Principal": "apigateway.amazonaws.com", "SourceArn": source}
    assert json.loads(functions.add_permission(**added)["Statement"])["Sid"] == "api"
    assert refused(functions.add_permission, **added)[:2] == ("ResourceConflictException", 409)
    [statement] = json.loads(functions.get_policy(FunctionName="policy")["Policy"])["Statement"]
    assert statement["Principal"] == {"Service": "apigateway.amazonaws.com"}
    assert statement["Condition"] == {"ArnLike": {"AWS:SourceArn": source}}
    functions.remove_permission(FunctionName="policy", StatementId="api")
    assert refused(functions.get_policy, FunctionName="policy")[0] == "ResourceNotFoundException"


def test_an_event_is_tried_three_times(functions, tmp_path):
    """An asynchronous invocation answers at once and is repeated twice when it fails."""
    seen = tmp_path / "seen"
    source = f"def handler(event, context):\n    open({str(seen)!r}, 'a').write('x')\n    raise OSError\n"
    make(functions, "event", handler="app.handler", source=source, Timeout=10)
    assert functions.invoke(FunctionName="event", InvocationType="Event")["StatusCode"] == 202
    until = time.monotonic() + 20
    while not (seen.exists() and seen.read_text() == "xxx"):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_an_http_api_calls_a_function(own, functions):
    """Payload format 2.0 behind a `$default` stage, by the ARN and by the URI of an integration."""
    make(functions, "http", handler="app.answer", Timeout=10)
    v2 = own.client("apigatewayv2")
    api = v2.create_api(Name="f", ProtocolType="HTTP", Target=arn("http"))["ApiId"]
    [made] = v2.get_integrations(ApiId=api)["Items"]
    v2.update_integration(ApiId=api, IntegrationId=made["IntegrationId"], PayloadFormatVersion="2.0")
    status, headers, text = own.call_api("PUT", api, "/pets/7")
    assert (status, text) == (201, "PUT /pets/7 http")
    assert headers["x-made-by"] == "python"


def test_a_rest_api_calls_a_function(own, functions):
    """AWS_PROXY of a REST API: the event 1.0 with AWS's keys, and a malformed answer."""
    source = ("import json\n"
              "def handler(event, context):\n"
              "    return {'statusCode': '202', 'body': json.dumps(event),"
              " 'headers': {'Server': 's', 'x-b': True}}\n"
              "def wrong(event, context):\n    return {'wrongValue': 1}\n")
    make(functions, "rest", handler="app.handler", source=source, Timeout=10)
    make(functions, "wrong", handler="app.wrong", source=source, Timeout=10)
    v1 = own.client("apigateway")
    api = v1.create_rest_api(name="f", binaryMediaTypes=["image/*"])["id"]
    [root] = v1.get_resources(restApiId=api)["items"]
    proxy = v1.create_resource(restApiId=api, parentId=root["id"], pathPart="{proxy+}")["id"]
    for resource, function in [(root["id"], "wrong"), (proxy, "rest")]:
        v1.put_method(restApiId=api, resourceId=resource, httpMethod="ANY", authorizationType="NONE")
        uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn(function)}/invocations"
        v1.put_integration(restApiId=api, resourceId=resource, httpMethod="ANY", type="AWS_PROXY",
                           integrationHttpMethod="POST", uri=uri)
    deployment = v1.create_deployment(restApiId=api, stageName="dev", variables={"v": "1"})["id"]
    status, headers, text = own.call_api(
        "POST", api, "/dev/a%20b/c/?x=1&x=2&y=%C3%BC", body=b"\x89PNG",
        headers={"content-type": "image/png", "tEsT-HEADeR": "t", "user-agent": "me"},
    )
    assert status == 202 and headers["x-b"] == "true" and headers["x-amzn-Remapped-Server"] == "s"
    assert headers["X-Amzn-Trace-Id"].startswith("Root=1-")
    event = json.loads(text)
    context = event.pop("requestContext")
    told = event.pop("headers")
    assert told["tEsT-HEADeR"] == "t" and told["User-Agent"] == "me"
    assert told["X-Forwarded-Proto"] == "http" and "Content-Length" not in told
    assert event.pop("multiValueHeaders")["tEsT-HEADeR"] == ["t"]
    assert event == {
        "resource": "/{proxy+}",
        "path": "/a%20b/c/",
        "httpMethod": "POST",
        "queryStringParameters": {"x": "2", "y": "ü"},
        "multiValueQueryStringParameters": {"x": ["1", "2"], "y": ["ü"]},
        "pathParameters": {"proxy": "a%20b/c"},
        "stageVariables": {"v": "1"},
        "body": base64.b64encode(b"\x89PNG").decode(),
        "isBase64Encoded": True,
    }
    identity = context.pop("identity")
    assert identity.pop("sourceIp") == "127.0.0.1" and identity.pop("userAgent") == "me"
    assert set(identity.values()) == {None} and "accessKey" in identity and "principalOrgId" in identity
    assert context.pop("requestId") == headers["x-amzn-RequestId"]
    assert context.pop("extendedRequestId") == headers["x-amz-apigw-id"]
    assert context.pop("requestTimeEpoch") > 1_700_000_000_000 and context.pop("requestTime")
    assert context == {
        "accountId": ACCOUNT,
        "apiId": api,
        "deploymentId": deployment,
        "domainName": f"{api}.execute-api.{REGION}.amazonaws.com",
        "domainPrefix": api,
        "httpMethod": "POST",
        "path": "/dev/a%20b/c/",
        "protocol": "HTTP/1.1",
        "resourceId": proxy,
        "resourcePath": "/{proxy+}",
        "stage": "dev",
    }
    status, headers, text = own.call_api("GET", api, "/dev")
    assert (status, text) == (502, '{"message":"Internal server error"}')
    assert headers["x-amzn-ErrorType"] == "InternalServerErrorException"


def test_functions_are_still_there_after_a_restart(own, functions):
    """Code and configuration live in the data folder."""
    make(functions, "kept", Timeout=10)
    own.stop()
    own.start()
    again = own.client("lambda")
    assert invoke(again, "kept", {"x": 1})[1] == {"x": 1}
