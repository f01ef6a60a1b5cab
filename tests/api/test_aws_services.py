"""REST APIs in front of AWS's services: a moto server in the place of AWS, and a fake that checks signatures."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.parse
import urllib.request

import boto3
import pytest
from conftest import ACCOUNT, REGION, Gateway, free_port
from fake_aws import KEY, SECRET, api, checking, settings, uri  # noqa: F401
from rest import Api

FORM = "'application/x-www-form-urlencoded'"
ERROR = '{"message": "Internal server error"}'
#: All bytes, so that no text coding could bring them back.
BLOB = bytes(range(256)) * 300


@pytest.fixture(scope="module")
def moto(tmp_path_factory):
    """The URL of a moto server."""
    port = free_port()
    log = open(tmp_path_factory.mktemp("moto") / "log", "wb")
    server = os.path.join(os.path.dirname(sys.executable), "moto_server")
    process = subprocess.Popen([sys.executable, server, "-H", "127.0.0.1", "-p", str(port)], stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    for _ in range(600):
        try:
            urllib.request.urlopen(f"{url}/moto-api/data.json", timeout=5).read()
            break
        except OSError:
            assert process.poll() is None, "moto_server ended"
            time.sleep(0.1)
    yield url
    process.terminate()
    process.wait(20)


@pytest.fixture(scope="module")
def aws(moto):
    """Makes clients of the moto server."""

    def client(service):
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=moto,
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
        )

    return client


@pytest.fixture(scope="module")
def near(moto, tmp_path_factory):
    """A gateway in front of the moto server."""
    gateway = Gateway(tmp_path_factory.mktemp("near"), settings(moto))
    yield gateway
    gateway.stop()


def asks(api, path, verb, service, call, template=None, headers=None, responses=None, method="POST", **more):
    """A method that asks a service."""
    parameters = {f"integration.request.header.{name}": value for name, value in (headers or {}).items()}
    parameters.update(more.pop("parameters", {}))
    templates = {"requestTemplates": {"application/json": template}} if template is not None else {}
    return api.method(
        path,
        verb,
        responses or {"200": {}},
        more.pop("method_more", None),
        type="AWS",
        uri=uri(service, call),
        integrationHttpMethod=method,
        requestParameters=parameters,
        **templates,
        **more,
    )


def called(api, *arguments, **more):
    """What a call said, as JSON; it must have been fine."""
    body = more.pop("body", None)
    status, _, text = api.call(*arguments, body=body and body.encode(), **more)
    assert status == 200, text
    return json.loads(text)


def test_items_are_put_and_queried_in_dynamodb(api, aws):
    """Actions in the JSON protocol, with templates on both ways and a pattern for errors."""
    dynamodb = aws("dynamodb")
    dynamodb.create_table(
        TableName="pets",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    put = """{"TableName": "pets", "Item": {"id": {"S": "$input.params('id')"},
              "name": {"S": $input.json('$.name')}}}"""
    found = """#set($item = $input.path('$.Items[0]'))
{"id": "$item.id.S", "name": "$item.name.S", "count": $input.path('$.Count')}"""
    query = """{"TableName": "pets", "KeyConditionExpression": "id = :id",
                "ExpressionAttributeValues": {":id": {"S": "$input.params('id')"}}}"""
    refused = {"selectionPattern": "4\\d{2}", "responseTemplates": {"application/json": "no: $input.path('$.__type')"}}
    asks(api, "/pets/{id}", "PUT", "dynamodb", "action/PutItem", put)
    asks(api, "/pets/{id}", "GET", "dynamodb", "action/Query", query,
         responses={"200": {"responseTemplates": {"application/json": found}}})
    wrong = query.replace("pets", "none")
    asks(api, "/none/{id}", "GET", "dynamodb", "action/Query", wrong, responses={"200": {}, "404": refused})
    api.deploy()
    assert called(api, "PUT", "/pets/7", body='{"name": "Ada \\"A\\" é"}') == {}
    item = dynamodb.get_item(TableName="pets", Key={"id": {"S": "7"}})["Item"]
    assert item["name"]["S"] == 'Ada "A" é'
    called(api, "PUT", "/pets/8", body='{"name": "Bo"}')
    assert called(api, "GET", "/pets/8") == {"id": "8", "name": "Bo", "count": 1}
    status, headers, text = api.call("GET", "/none/8")
    assert (status, headers["content-type"]) == (404, "application/json")
    assert "ResourceNotFoundException" in text and text.startswith("no: ")


def test_a_queue_is_asked_in_both_protocols(api, aws):
    """By path with a form, by path with the JSON protocol, and by action in the query."""
    sqs = aws("sqs")
    queue = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    path = urllib.parse.urlsplit(queue).path.lstrip("/")
    form = "Action=SendMessage&Version=2012-11-05&MessageBody=$util.urlEncode($input.body)"
    asks(api, "/form", "POST", "sqs", f"path/{path}", form, {"Content-Type": FORM})
    json_type = {"Content-Type": "'application/x-amz-json-1.0'"}
    target = {"X-Amz-Target": "'AmazonSQS.SendMessage'"}
    message = f'{{"QueueUrl": "{queue}", "MessageBody": "$util.escapeJavaScript($input.json(\'$.a\'))"}}'
    asks(api, "/json", "POST", "sqs", "path//", message, json_type | target)
    target = {"X-Amz-Target": "'AmazonSQS.ReceiveMessage'"}
    asks(api, "/json", "GET", "sqs", "path//", f'{{"QueueUrl": "{queue}", "MaxNumberOfMessages": 10}}',
         json_type | target)
    parameters = {
        "integration.request.querystring.MessageBody": "method.request.querystring.say",
        "integration.request.querystring.QueueUrl": f"'{queue}'",
    }
    declared = {"requestParameters": {"method.request.querystring.say": False}}
    asks(api, "/action", "GET", "sqs", "action/SendMessage", headers={"Content-Type": FORM},
         parameters=parameters, method_more=declared)
    api.deploy()
    status, _, text = api.call("POST", "/form", body="a & b = c + é".encode())
    assert status == 200 and "MessageId" in text, text
    assert "MessageId" in called(api, "POST", "/json", body='{"a": [1, "x"]}')
    status, _, text = api.call("GET", "/action?say=from%20the%20query")
    assert status == 200 and "MessageId" in text, text
    messages = called(api, "GET", "/json")["Messages"]
    bodies = {message["Body"] for message in messages}
    assert bodies == {"a & b = c + é", '[1,"x"]', "from the query"}


def test_topics_streams_and_events_take_what_comes(api, aws):
    """SNS in the query protocol; Kinesis, Firehose and EventBridge in JSON."""
    sns, sqs = aws("sns"), aws("sqs")
    topic = sns.create_topic(Name="news")["TopicArn"]
    heard = sqs.create_queue(QueueName="heard")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=heard, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    parameters = {
        "integration.request.querystring.TopicArn": f"'{topic}'",
        "integration.request.querystring.Message": "method.request.body",
    }
    asks(api, "/news", "POST", "sns", "action/Publish", "#set($nothing = 0)", parameters=parameters)
    kinesis, firehose, s3 = aws("kinesis"), aws("firehose"), aws("s3")
    kinesis.create_stream(StreamName="clicks", ShardCount=1)
    record = '{"StreamName": "clicks", "Data": "$util.base64Encode($input.body)", "PartitionKey": "p"}'
    asks(api, "/clicks", "POST", "kinesis", "action/PutRecord", record)
    s3.create_bucket(Bucket="lake", CreateBucketConfiguration={"LocationConstraint": REGION})
    destination = {"BucketARN": "arn:aws:s3:::lake", "RoleARN": f"arn:aws:iam::{ACCOUNT}:role/fire"}
    firehose.create_delivery_stream(DeliveryStreamName="fire", S3DestinationConfiguration=destination)
    record = '{"DeliveryStreamName": "fire", "Record": {"Data": "$util.base64Encode($input.body)"}}'
    asks(api, "/fire", "POST", "firehose", "action/PutRecord", record)
    entry = """{"Entries": [{"Source": "pets", "DetailType": "born",
                "Detail": "$util.escapeJavaScript($input.body)"}]}"""
    asks(api, "/events", "POST", "events", "action/PutEvents", entry)
    api.deploy()
    status, _, text = api.call("POST", "/news", body="hello")
    assert status == 200 and "MessageId" in text, text
    message = sqs.receive_message(QueueUrl=heard)["Messages"][0]
    assert json.loads(message["Body"])["Message"] == "hello"
    said = called(api, "POST", "/clicks", body="click")
    iterator = kinesis.get_shard_iterator(
        StreamName="clicks", ShardId=said["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    assert kinesis.get_records(ShardIterator=iterator)["Records"][0]["Data"] == b"click"
    assert "RecordId" in called(api, "POST", "/fire", body="burn")
    objects = s3.list_objects_v2(Bucket="lake")["Contents"]
    assert s3.get_object(Bucket="lake", Key=objects[0]["Key"])["Body"].read() == b"burn"
    said = called(api, "POST", "/events", body='{"name": "Bo"}')
    assert said["FailedEntryCount"] == 0 and said["Entries"][0]["EventId"]


def test_machines_parameters_and_logs_are_reached(api, aws):
    """Step Functions, SSM and CloudWatch Logs."""
    states, ssm, logs = aws("stepfunctions"), aws("ssm"), aws("logs")
    definition = json.dumps({"StartAt": "a", "States": {"a": {"Type": "Succeed"}}})
    role = f"arn:aws:iam::{ACCOUNT}:role/states"
    machine = states.create_state_machine(name="m", definition=definition, roleArn=role)["stateMachineArn"]
    start = f'{{"stateMachineArn": "{machine}", "input": "$util.escapeJavaScript($input.body)"}}'
    asks(api, "/start", "POST", "states", "action/StartExecution", start)
    ssm.put_parameter(Name="/pets/limit", Value="42", Type="String")
    taken = {"responseTemplates": {"application/json": "$input.path('$.Parameter.Value')"}}
    asks(api, "/limit", "GET", "ssm", "action/GetParameter", '{"Name": "/pets/limit"}', responses={"200": taken})
    logs.create_log_group(logGroupName="pets")
    logs.create_log_stream(logGroupName="pets", logStreamName="all")
    line = """{"logGroupName": "pets", "logStreamName": "all", "logEvents": [
               {"timestamp": $context.requestTimeEpoch, "message": "$util.escapeJavaScript($input.body)"}]}"""
    asks(api, "/logs", "POST", "logs", "action/PutLogEvents", line)
    api.deploy()
    execution = called(api, "POST", "/start", body='{"a": 1}')["executionArn"]
    assert states.describe_execution(executionArn=execution)["input"] == '{"a": 1}'
    status, _, text = api.call("GET", "/limit")
    assert (status, text) == (200, "42")
    called(api, "POST", "/logs", body="a line")
    events = logs.get_log_events(logGroupName="pets", logStreamName="all")["events"]
    assert [event["message"] for event in events] == ["a line"]


def test_a_binary_object_comes_back_byte_for_byte(near, aws):
    """S3 by path: bytes in, bytes out, in a bucket named in the path or before the service."""
    aws("s3").create_bucket(Bucket="pictures", CreateBucketConfiguration={"LocationConstraint": REGION})
    api = Api(near, near.client("apigateway"), binaryMediaTypes=["image/*"])
    declared = {"requestParameters": {"method.request.path.key": True, "method.request.header.Content-Type": False}}
    parameters = {
        "integration.request.path.object": "method.request.path.key",
        "integration.request.header.Content-Type": "method.request.header.Content-Type",
    }
    kind = {"responseParameters": {"method.response.header.Content-Type": "integration.response.header.Content-Type"}}
    missing = {"selectionPattern": "404"}
    for path, service, call in [
        ("/in/{key+}", "s3", "path/pictures/{object}"),
        ("/of/{key+}", "pictures.s3", "path/{object}"),
    ]:
        for verb in ("PUT", "GET", "DELETE"):
            asks(api, path, verb, service, call, method=verb, parameters=parameters, method_more=declared,
                 responses={"200": kind, "404": missing})
    api.deploy()
    host = f"{api.id}.execute-api.{REGION}.amazonaws.com"
    for place, key in [("in", "a/b c.png"), ("of", "d+(é).png")]:
        target = f"/prod/{place}/{urllib.parse.quote(key)}"

        def ask(verb, body=None):
            request = urllib.request.Request(f"http://{near.main}{target}", data=body, method=verb)
            for name, value in {"Host": host, "Content-Type": "image/png", "Accept": "image/png"}.items():
                request.add_header(name, value)
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.read(), answer.headers["content-type"]

        ask("PUT", BLOB)
        assert aws("s3").get_object(Bucket="pictures", Key=key)["Body"].read() == BLOB
        assert ask("GET") == (BLOB, "image/png")
        ask("DELETE")
        status, _, text = api.call("GET", f"/{place}/{urllib.parse.quote(key)}")
        assert status == 404 and "NoSuchKey" in text
    api.delete()


def test_stage_variables_choose_what_is_asked(api, aws):
    """A variable may stand anywhere in the ARN."""
    aws("ssm").put_parameter(Name="one", Value="1", Type="String")
    asks(api, "/p", "GET", "${stageVariables.service}", "action/${stageVariables.action}", '{"Name": "one"}')
    api.deploy(variables={"service": "ssm", "action": "GetParameter"})
    assert called(api, "GET", "/p")["Parameter"]["Value"] == "1"


@pytest.fixture
def own(checking, tmp_path):
    """A gateway in front of the fake, and a REST API."""
    log = f'[logging]\naccess_log = "{tmp_path}/access.log"\naccess_log_format = "$context.requestId $context.integrationErrorMessage"\n'
    gateway = Gateway(tmp_path, settings(checking.url) + log)
    gateway.log = tmp_path / "access.log"
    yield Api(gateway, gateway.client("apigateway"))
    gateway.stop()


def test_what_is_sent_is_signed_and_little(own, checking):
    """The signature is good; nothing of the client's but the type of the body goes on."""
    declared = {"requestParameters": {"method.request.path.name": True, "method.request.querystring.q": False}}
    parameters = {
        "integration.request.path.name": "method.request.path.name",
        "integration.request.querystring.prefix": "method.request.querystring.q",
        "integration.request.header.X-Amz-Meta-A": "'  a   b '",
    }
    asks(own, "/any/{name}", "POST", "s3", "path/bucket/x-{name}", parameters=parameters, method_more=declared)
    asks(own, "/iot/{name}", "POST", "data-ats.iot", "path/topics/{name}?qos=1", parameters=parameters,
         method_more=declared)
    asks(own, "/monitoring", "GET", "cloudwatch", "action/ListMetrics&Namespace=a/b", method="GET")
    asks(own, "/table", "GET", "dynamodb", "action/ListTables", "{}")
    own.deploy()
    headers = {"content-type": "text/plain", "x-mine": "1", "cookie": "c=1", "authorization": "mine"}
    said = called(own, "POST", "/any/a%20(b)+%C3%A9?q=%26%20x", body="hello", headers=headers)
    assert said == {"key": KEY, "service": "s3", "region": REGION}
    method, target, sent, body = checking.seen[-1]
    assert (method, target, body) == ("POST", "/bucket/x-a%20%28b%29%2B%C3%A9?prefix=%26%20x", b"hello")
    sent = {name.lower(): value for name, value in sent.items()}
    assert sent.pop("authorization").startswith("AWS4-HMAC-SHA256 ")
    assert re.match(r"\d{8}T\d{6}Z$", sent.pop("x-amz-date"))
    assert sent.pop("x-amzn-trace-id").startswith("Root=1-")
    assert len(sent.pop("x-amz-content-sha256")) == 64
    assert sent == {
        "host": checking.url.removeprefix("http://"),
        "accept": "application/json",
        "user-agent": f"AmazonAPIGateway_{own.id}",
        "content-type": "text/plain",
        "content-length": "5",
        "x-amz-meta-a": "a   b",
    }
    said = called(own, "POST", "/iot/a%20b?q=1", body="{}")
    assert said["service"] == "iotdata"
    assert checking.seen[-1][1] == "/topics/a%20b?qos=1&prefix=1"
    assert called(own, "GET", "/monitoring")["service"] == "monitoring"
    assert checking.seen[-1][:2] == ("GET", "/?Action=ListMetrics&Version=2010-08-01&Namespace=a%2Fb")
    assert called(own, "GET", "/table")["service"] == "dynamodb"
    sent = {name.lower(): value for name, value in checking.seen[-1][2].items()}
    assert sent["x-amz-target"] == "DynamoDB_20120810.ListTables"
    assert sent["content-type"] == "application/x-amz-json-1.0"


def test_a_query_asks_for_xml_where_that_is_mapped(own, checking):
    """SQS in the query protocol answers as `Accept` says, which is JSON unless it is mapped."""
    form = {"Content-Type": FORM}
    asks(own, "/json", "POST", "sqs", "path/1/q", "Action=SendMessage", form)
    asks(own, "/xml", "POST", "sqs", "path/1/q", "Action=SendMessage", form | {"Accept": "'application/xml'"})
    own.deploy()
    for path, accepted in [("/json", "application/json"), ("/xml", "application/xml")]:
        assert called(own, "POST", path, body="{}")["service"] == "sqs"
        method, target, sent, body = checking.seen[-1]
        sent = {name.lower(): value for name, value in sent.items()}
        assert (method, target, body) == ("POST", "/1/q", b"Action=SendMessage")
        assert (sent["accept"], sent["content-type"]) == (accepted, "application/x-www-form-urlencoded")


def test_headers_of_the_connection_cannot_be_mapped(own):
    """As on AWS the call fails, not the making."""
    for name in ("Authorization", "Connection", "Expect", "TE", "Transfer-Encoding"):
        asks(own, f"/{name}", "GET", "sqs", "action/ListQueues", headers={name: "'x'"})
    own.deploy()
    for name in ("Authorization", "Connection", "Expect", "TE", "Transfer-Encoding"):
        status, headers, text = own.call("GET", f"/{name}")
        assert (status, headers["x-amzn-errortype"]) == (500, "InternalServerErrorException"), name
        assert json.loads(text) == json.loads(ERROR)


def test_roles_are_assumed_once_and_renewed(own, checking):
    """One session for many calls; keys that end soon are replaced before they do, those that ended at once."""
    role = f"arn:aws:iam::{ACCOUNT}:role/reader"
    asks(own, "/role", "GET", "sqs", "action/ListQueues", credentials=role)
    asks(own, "/other", "GET", "sqs", "action/ListQueues", credentials=f"{role}2")
    own.deploy()
    keys = {called(own, "GET", "/role")["key"] for _ in range(5)}
    assert keys == {"ASIA0000000000000001"} and checking.sessions == 1
    form = next(body for *_, body in checking.seen if b"AssumeRole" in body)
    assert urllib.parse.parse_qs(form.decode())["RoleArn"] == [role]
    # These end within the time in which keys are renewed, so each second may make others.
    checking.lasts_s = 60
    assert called(own, "GET", "/other")["key"] == "ASIA0000000000000002"
    seen = set()
    for _ in range(100):
        seen.add(called(own, "GET", "/other")["key"])
        if len(seen) > 1:
            break
        time.sleep(0.1)
    assert len(seen) > 1


def test_a_role_that_cannot_be_had_is_500_with_the_reason_in_the_log(own, checking):
    """A refusal of STS is remembered for a moment; the caller's own keys are not there without IAM."""
    asks(own, "/forbidden", "GET", "sqs", "action/ListQueues", credentials=f"arn:aws:iam::{ACCOUNT}:role/forbidden")
    asks(own, "/caller", "GET", "sqs", "action/ListQueues", credentials="arn:aws:iam::*:user/*")
    own.deploy()
    own.v1.update_stage(restApiId=own.id, stageName="prod", patchOperations=[
        {"op": "replace", "path": "/accessLogSettings/format", "value": "$context.requestId $context.integrationErrorMessage"},
    ])
    for _ in range(3):
        status, _, text = own.call("GET", "/forbidden")
        assert (status, json.loads(text)) == (500, json.loads(ERROR))
    asked = sum(b"AssumeRole" in body for *_, body in checking.seen)
    assert 1 <= asked <= 2
    status, _, text = own.call("GET", "/caller")
    assert (status, json.loads(text)) == (500, json.loads(ERROR))
    for _ in range(100):
        log = own.gateway.log.read_text() if own.gateway.log.exists() else ""
        if "AccessDenied: not yours" in log and "AWS_IAM" in log:
            break
        time.sleep(0.1)
    assert "does not have permission to assume the provided role" in log and "AccessDenied: not yours" in log
    assert "AWS_IAM" in log


def test_errors_of_aws_are_answers_and_a_dead_endpoint_is_none(checking, tmp_path):
    """Wrong keys: AWS's error, by the integration response; nobody there: 504; nobody by that name: 500."""
    dead = f"http://127.0.0.1:{free_port()}"
    more = f'[aws.endpoints]\nsns = "{dead}"\nkinesis = "http://nobody.invalid"\n'
    gateway = Gateway(tmp_path, settings(checking.url, more).replace(SECRET, "wrong"))
    api = Api(gateway, gateway.client("apigateway"))
    for service, action in [("sqs", "ListQueues"), ("sns", "ListTopics"), ("kinesis", "ListStreams")]:
        asks(api, f"/{service}", "GET", service, f"action/{action}",
             responses={"200": {}, "403": {"selectionPattern": "403"}})
    api.deploy()
    status, _, text = api.call("GET", "/sqs")
    assert status == 403 and json.loads(text)["__type"] == "UnrecognizedClientException"
    status, headers, text = api.call("GET", "/sns")
    assert (status, headers["x-amzn-errortype"]) == (504, "InternalServerErrorException")
    assert json.loads(text) == {"message": "Network error communicating with endpoint"}
    status, _, text = api.call("GET", "/kinesis")
    assert (status, json.loads(text)) == (500, json.loads(ERROR))
    gateway.stop()


def test_keys_come_from_a_shared_file_and_follow_it(checking, tmp_path, monkeypatch):
    """A profile of a shared credentials file; without any keys a call is 500."""
    file = tmp_path / "credentials"
    file.write_text(f"[other]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    gateway = Gateway(tmp_path, f'[aws]\nendpoint = "{checking.url}"\n')
    api = Api(gateway, gateway.client("apigateway"))
    asks(api, "/q", "GET", "sqs", "action/ListQueues")
    api.deploy()
    status, _, text = api.call("GET", "/q")
    assert (status, json.loads(text)) == (500, json.loads(ERROR))
    config = gateway.file.read_text()
    # What was made before the config changed is served after it.
    gateway.file.write_text(config.replace("[aws]\n", f'[aws]\nprofile = "other"\ncredentials_file = "{file}"\n'))
    for _ in range(100):
        status, _, text = api.call("GET", "/q")
        if status == 200:
            break
        time.sleep(0.1)
    assert json.loads(text).get("key") == KEY, gateway.said
    gateway.stop()


def test_functions_of_another_machine_are_invoked(tmp_path):
    """Two gateways: one has the function, the other asks it by Lambda's own API."""
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "index.py").write_text(
        "def handler(event, context):\n"
        "    if event['resource'] == '/raise':\n"
        "        raise ValueError('as asked')\n"
        "    return {'statusCode': 201, 'body': event['resource']}\n"
    )
    function = (
        f'[functions.pets]\nruntime = "python3.12"\ninterpreter = "{sys.executable}"\n'
        f'code = "."\nconcurrency = 1\n'
    )
    far = Gateway(tmp_path / "far", f'{function}[account]\nregion = "{REGION}"\n')
    more = 'remote_functions = true\n'
    near = Gateway(tmp_path, settings(f"http://{far.management}", more))
    api = Api(near, near.client("apigateway"))
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function"
    for path, name in [("/there", "pets"), ("/raise", "pets"), ("/none", "none")]:
        lambda_uri = uri("lambda", f"path/2015-03-31/functions/{arn}:{name}/invocations")
        api.method(path, "GET", type="AWS_PROXY", uri=lambda_uri, integrationHttpMethod="POST")
    api.deploy()
    assert api.call("GET", "/there")[::2] == (201, "/there")
    assert api.call("GET", "/raise")[0] == 502
    assert api.call("GET", "/none")[0] == 500
    near.stop()
    far.stop()
