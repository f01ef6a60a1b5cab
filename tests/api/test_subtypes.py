"""First-class integrations of HTTP APIs, through boto3 and real calls, with effects seen in the services."""

import http.client
import http.server
import json
import subprocess
import sys
import threading
import time
import urllib.parse
import xml.etree.ElementTree

import boto3
import botocore.config
import pytest
from conftest import REGION, Gateway, free_port, refused

KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI"
ROLE = "arn:aws:iam::111122223333:role/gateway"
MACHINE = {"StartAt": "Done", "States": {"Done": {"Type": "Pass", "End": True}}}
SOURCE = (
    "Invalid selection expression specified: Validation Result: warnings : [], errors : "
    "[Invalid source: {} specified for destination: {}]"
)


class Recorder(http.server.ThreadingHTTPServer):
    """Stands for services that the simulation lacks: keeps what it is asked, answers as told."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Recorded)
        self.seen, self.answer = [], (200, "application/json", b"{}")
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        """Where it is."""
        return f"http://127.0.0.1:{self.server_port}"


class Recorded(http.server.BaseHTTPRequestHandler):
    """One request to it."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        """Any method."""
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        path, _, query = self.path.partition("?")
        self.server.seen.append(
            {
                "method": self.command,
                "path": path,
                "query": dict(urllib.parse.parse_qsl(query)),
                "target": self.headers.get("x-amz-target"),
                "type": self.headers.get("content-type"),
                "scope": self.headers["authorization"].split("Credential=")[1].split(",")[0].split("/", 2)[2],
                "body": json.loads(body) if body else None,
            }
        )
        status, media, text = self.server.answer
        self.send_response(status)
        self.send_header("content-type", media)
        self.send_header("configuration-version", "7")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_POST = do_GET

    def log_message(self, *_):
        """Says nothing."""


@pytest.fixture(scope="module")
def recorder():
    """The stand-in for AppConfig and for synchronous executions."""
    server = Recorder()
    yield server
    server.shutdown()


@pytest.fixture(scope="module")
def moto():
    """The URL of a simulation of AWS, started and ended here."""
    port = free_port()
    command = [sys.executable, "-c", "import sys; from moto.server import main; main(sys.argv[1:])"]
    command += ["-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(300):
        try:
            http.client.HTTPConnection("127.0.0.1", port, timeout=5).connect()
            break
        except OSError:
            assert process.poll() is None
            time.sleep(0.1)
    yield f"http://127.0.0.1:{port}"
    process.kill()
    process.wait(20)


def aws(url, service, region=REGION):
    """AWS's client of a service of the simulation."""
    return boto3.client(
        service,
        region_name=region,
        endpoint_url=url,
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
        config=botocore.config.Config(retries={"max_attempts": 0}, inject_host_prefix=False),
    )


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """The access log."""
    return tmp_path_factory.mktemp("log") / "access.log"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, moto, recorder, log):
    """A gateway that finds AWS in the simulation."""
    more = f"""
[logging]
access_log = "{log}"
[aws]
endpoint = "{moto}"
access_key_id = "{KEY}"
secret_access_key = "{SECRET}"
[aws.endpoints]
appconfig = "{recorder.url}"
sync-states = "{recorder.url}"
"""
    gateway = Gateway(tmp_path_factory.mktemp("subtypes"), more)
    yield gateway
    gateway.stop()


@pytest.fixture(scope="module")
def v2(gateway):
    """The client of `apigatewayv2`."""
    return gateway.client("apigatewayv2")


@pytest.fixture(scope="module")
def api(v2):
    """An HTTP API whose stage deploys itself."""
    made = v2.create_api(Name="subtypes", ProtocolType="HTTP")["ApiId"]
    shown = {"id": "requestId", "path": "path", "why": "integrationErrorMessage", "status": "integrationStatus"}
    shown = json.dumps({name: f"$context.{variable}" for name, variable in shown.items()})
    v2.create_stage(
        ApiId=made,
        StageName="$default",
        AutoDeploy=True,
        StageVariables={"place": "here"},
        AccessLogSettings={"DestinationArn": f"arn:aws:logs:{REGION}:111111111111:log-group:g", "Format": shown},
    )
    return made


def integrate(v2, api, subtype, parameters, **more):
    """Makes an integration: its id."""
    made = {"IntegrationType": "AWS_PROXY", "PayloadFormatVersion": "1.0", "IntegrationSubtype": subtype, **more}
    return v2.create_integration(ApiId=api, RequestParameters=parameters, **made)["IntegrationId"]


@pytest.fixture
def ask(gateway, v2, api):
    """Asks for a path that has an integration; `ask.route` makes it, and it goes away with the test."""
    made = []

    def ask(body=b"", path="/x", method="POST", **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        status, given, text = gateway.call_api(method, api, path, body=body, headers=headers)
        return status, {name.lower(): value for name, value in given.items()}, text

    def route(subtype, parameters, key="ANY /x", **more):
        integration = integrate(v2, api, subtype, parameters, **more)
        target = f"integrations/{integration}"
        made.append((v2.create_route(ApiId=api, RouteKey=key, Target=target)["RouteId"], integration))

    ask.route = route
    yield ask
    for route_id, integration in made:
        v2.delete_route(ApiId=api, RouteId=route_id)
        v2.delete_integration(ApiId=api, IntegrationId=integration)


@pytest.fixture
def queue(moto):
    """A queue: its client and its URL."""
    sqs = aws(moto, "sqs")
    url = sqs.create_queue(QueueName=f"q{time.monotonic_ns()}")["QueueUrl"]
    yield sqs, url
    sqs.delete_queue(QueueUrl=url)


def element(xml_text, name):
    """The text of the first element of this name, whatever its namespace."""
    root = xml.etree.ElementTree.fromstring(xml_text)
    return next(found.text for found in root.iter() if found.tag.rpartition("}")[2] == name)


def test_a_message_is_sent_with_its_attributes(ask, queue):
    """Text and variables in one value; quotes of a client cannot end a string of the attributes."""
    sqs, url = queue
    attributes = {
        "Agent": {"DataType": "String", "StringValue": "${request.header.user-agent}"},
        "Place": {"DataType": "String", "StringValue": "${stageVariables.place}"},
    }
    ask.route(
        "SQS-SendMessage",
        {
            "QueueUrl": url,
            "MessageBody": "$request.body.message",
            "DelaySeconds": "0",
            "MessageAttributes": json.dumps(attributes),
        },
    )
    agent = 'a"},"Evil":{"DataType":"String","StringValue":"x'
    status, headers, text = ask(json.dumps({"message": "hello & <you>"}), User_Agent=agent)
    assert status == 200, text
    assert headers["content-type"].startswith("text/xml") and len(headers["apigw-requestid"]) == 16
    message = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"])["Messages"][0]
    assert (message["Body"], message["MessageId"]) == ("hello & <you>", element(text, "MessageId"))
    found = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert found == {"Agent": agent, "Place": "here"}


def test_messages_are_received_deleted_and_purged(ask, queue):
    """The other three actions of a queue."""
    sqs, url = queue
    sqs.send_message(QueueUrl=url, MessageBody="one")
    names = {"AttributeNames": "All", "MaxNumberOfMessages": "$request.querystring.most", "VisibilityTimeout": "0"}
    ask.route("SQS-ReceiveMessage", {"QueueUrl": url, **names}, "GET /x")
    receipt = {"QueueUrl": url, "ReceiptHandle": "$request.header.receipt"}
    ask.route("SQS-DeleteMessage", receipt, "DELETE /x/{id}")
    ask.route("SQS-PurgeQueue", {"QueueUrl": "$request.header.queue"}, "DELETE /x")

    def waiting():
        counted = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return int(counted["ApproximateNumberOfMessages"]) + int(counted["ApproximateNumberOfMessagesNotVisible"])

    status, _, text = ask(path="/x?most=1", method="GET")
    assert (status, element(text, "Body")) == (200, "one")
    assert "ApproximateReceiveCount" in text
    status, _, text = ask(path="/x/1", method="DELETE", receipt=element(text, "ReceiptHandle"))
    assert (status, waiting()) == (200, 0), text
    for body in ("two", "three"):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    assert waiting() == 2
    # The host of a URL that a client sends is not asked.
    elsewhere = "http://elsewhere.invalid" + urllib.parse.urlsplit(url).path
    status, _, text = ask(method="DELETE", queue=elsewhere)
    assert (status, waiting()) == (200, 0), text


def test_events_are_put(ask, moto, queue):
    """To a bus whose rule sends them on to a queue."""
    sqs, url = queue
    events = aws(moto, "events")
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.create_event_bus(Name="orders")
    events.put_rule(Name="all", EventBusName="orders", EventPattern=json.dumps({"source": ["shop.here"]}))
    events.put_targets(Rule="all", EventBusName="orders", Targets=[{"Id": "1", "Arn": arn}])
    ask.route(
        "EventBridge-PutEvents",
        {
            "Detail": "$request.body",
            "DetailType": "order ${request.path.id}",
            "Source": "shop.${stageVariables.place}",
            "Time": "2015-08-30T12:36:00Z",
            "EventBusName": "orders",
            "Resources": "$request.header.resources",
        },
        "POST /x/{id}",
    )
    status, _, text = ask('{"n":1}', "/x/a%20b", resources="arn:a,arn:b")
    assert (status, json.loads(text)["FailedEntryCount"]) == (200, 0), text
    event = json.loads(sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"])
    assert (event["detail"], event["detail-type"], event["source"]) == ({"n": 1}, "order a b", "shop.here")
    assert (event["resources"], event["time"]) == (["arn:a", "arn:b"], "2015-08-30T12:36:00Z")
    assert event["id"] == json.loads(text)["Entries"][0]["EventId"]


def test_a_record_is_put_in_another_region(ask, moto):
    """Bytes as they came, where `Region` says."""
    kinesis = aws(moto, "kinesis", "eu-north-1")
    kinesis.create_stream(StreamName="s", ShardCount=1)
    parameters = {"StreamName": "s", "Data": "$request.body", "PartitionKey": "$context.requestId"}
    ask.route("Kinesis-PutRecord", {**parameters, "Region": "eu-north-1"})
    status, headers, text = ask('{"a":"ä"}'.encode())
    put = json.loads(text)
    assert status == 200, text
    shard = kinesis.get_shard_iterator(StreamName="s", ShardId=put["ShardId"], ShardIteratorType="TRIM_HORIZON")
    record = kinesis.get_records(ShardIterator=shard["ShardIterator"])["Records"][0]
    assert record["Data"].decode() == '{"a":"ä"}'
    assert (record["SequenceNumber"], record["PartitionKey"]) == (put["SequenceNumber"], headers["apigw-requestid"])


@pytest.fixture
def machine(moto):
    """A state machine: the client, its ARN."""
    aws(moto, "iam").create_role(RoleName=f"r{time.monotonic_ns()}", AssumeRolePolicyDocument="{}")
    states = aws(moto, "stepfunctions")
    made = states.create_state_machine(
        name=f"m{time.monotonic_ns()}",
        definition=json.dumps(MACHINE),
        roleArn="arn:aws:iam::123456789012:role/r",
    )
    return states, made["stateMachineArn"]


def test_an_execution_is_started_and_stopped(ask, machine):
    """With a name and an input of the request."""
    states, arn = machine
    ask.route("StepFunctions-StartExecution", {"StateMachineArn": arn, "Name": "$request.body.id", "Input": "$request.body"})
    ask.route("StepFunctions-StopExecution", {"ExecutionArn": "$request.body.arn", "Cause": "asked", "Error": "E"}, "POST /stop")
    status, _, text = ask('{"id":"one","n":2}')
    started = json.loads(text)["executionArn"]
    assert status == 200
    seen = states.describe_execution(executionArn=started)
    assert (seen["name"], json.loads(seen["input"])) == ("one", {"id": "one", "n": 2})
    status, _, text = ask(json.dumps({"arn": started}), "/stop")
    assert status == 200 and "stopDate" in json.loads(text), text
    assert states.describe_execution(executionArn=started)["status"] == "ABORTED"


def as_botocore_asks(recorder, service, operation, **arguments):
    """What AWS's own client sends for an operation."""
    recorder.seen.clear()
    getattr(aws(recorder.url, service), operation)(**arguments)
    return recorder.seen.pop()


def test_a_synchronous_execution_is_asked_as_botocore_does(ask, recorder):
    """And its answer is given as it came."""
    arn = f"arn:aws:states:{REGION}:123456789012:stateMachine:m"
    recorder.answer = (200, "application/x-amz-json-1.0", b'{"status":"SUCCEEDED","output":"{}"}')
    expected = as_botocore_asks(
        recorder, "stepfunctions", "start_sync_execution", stateMachineArn=arn, name="n", input='{"a":1}', traceHeader="Root=1"
    )
    parameters = {"StateMachineArn": arn, "Name": "n", "Input": "$request.body", "TraceHeader": "$request.header.trace"}
    ask.route("StepFunctions-StartSyncExecution", parameters)
    status, headers, text = ask('{"a":1}', trace="Root=1")
    assert (status, headers["content-type"], text) == (200, recorder.answer[1], recorder.answer[2].decode())
    assert recorder.seen.pop() == expected


def test_a_configuration_is_asked_for_as_botocore_does(ask, recorder):
    """A path and a query; content of any type comes back as it is, and can be mapped."""
    recorder.answer = (200, "application/x-yaml", b"a: 1\n")
    names = {"Application": "my shop", "Environment": "e", "Configuration": "c"}
    expected = as_botocore_asks(
        recorder, "appconfig", "get_configuration", **names, ClientId="me & you", ClientConfigurationVersion="3"
    )
    ask.route(
        "AppConfig-GetConfiguration",
        {**names, "ClientId": "$request.querystring.id", "ClientConfigurationVersion": "$request.header.version"},
        ResponseParameters={"200": {"overwrite:statuscode": "203", "append:header.seen": "${response.header.configuration-version}!"}},
    )
    status, headers, text = ask(path="/x?id=me%20%26%20you", method="GET", version="3")
    assert (status, headers["content-type"], text) == (203, "application/x-yaml", "a: 1\n")
    assert (headers["seen"], headers["configuration-version"]) == ("7!", "7")
    assert recorder.seen.pop() == expected


def test_what_the_request_lacks_is_a_bad_request(ask, recorder):
    """Required or optional, nothing or no number: 400, and nobody is asked."""
    recorder.seen.clear()
    parameters = {"StateMachineArn": "$request.body.arn", "Name": "$request.header.name"}
    ask.route("StepFunctions-StartSyncExecution", parameters)
    ask.route("SQS-ReceiveMessage", {"QueueUrl": "/1/q", "MaxNumberOfMessages": "$request.header.most"}, "ANY /q")
    bad = (400, '{"message":"Bad Request"}')
    for body, headers in [(b"", {"name": "n"}), ('{"arn":""}', {"name": "n"}), ("no json", {"name": "n"}), ('{"arn":"a"}', {})]:
        status, _, text = ask(body, **headers)
        assert (status, text) == bad, (body, headers)
    assert ask(path="/q", most="many")[::2] == bad
    assert not recorder.seen
    recorder.answer = (200, "application/json", b"{}")
    assert ask('{"arn":"a"}', name="n")[0] == 200 and len(recorder.seen) == 1


def test_an_error_of_the_service_is_an_internal_error(ask, recorder, queue):
    """As AWS has it: the client is not told what the service said."""
    parameters = {"StreamName": "nowhere", "Data": "$request.body", "PartitionKey": "k"}
    ask.route("Kinesis-PutRecord", parameters)
    internal = (500, '{"message":"Internal Server Error"}')
    assert ask("x")[::2] == internal
    ask.route("StepFunctions-StartSyncExecution", {"StateMachineArn": "arn"}, "POST /sync")
    for status in (400, 403, 500, 503):
        recorder.answer = (status, "application/json", b'{"__type":"AccessDeniedException"}')
        assert ask(path="/sync")[::2] == internal


def test_the_log_says_what_the_client_is_not_told(ask, log, recorder):
    """Which parameter has no value, and what the service said."""
    ask.route("StepFunctions-StartSyncExecution", {"StateMachineArn": "$request.header.arn"}, "POST /logged/{how}")
    recorder.answer = (400, "application/json", b'{"__type":"StateMachineDoesNotExist"}')
    assert (ask(path="/logged/lacks")[0], ask(path="/logged/refused", arn="a")[0]) == (400, 500)
    found = {}
    for _ in range(200):
        lines = log.read_text().splitlines() if log.exists() else []
        found = {line["path"]: line for line in map(json.loads, lines) if line["path"].startswith("/logged/")}
        if len(found) == 2:
            break
        time.sleep(0.05)
    assert found["/logged/lacks"]["why"].startswith(
        "Unable to resolve property StateMachineArn from source $request.header.arn."
    )
    refused_call = found["/logged/refused"]
    assert (refused_call["why"], refused_call["status"]) == ('{"__type":"StateMachineDoesNotExist"}', "400")


def test_an_endpoint_that_does_not_answer_is_unavailable(tmp_path, recorder):
    """503 without a word of why, for a dead port and for a time that is over."""

    class Slow(Recorded):
        def do_POST(self):
            time.sleep(1.5)
            super().do_GET()

    slow = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    slow.seen, slow.answer = [], recorder.answer
    threading.Thread(target=slow.serve_forever, daemon=True).start()
    more = (
        f'[aws]\nendpoint = "http://127.0.0.1:{free_port()}"\naccess_key_id = "{KEY}"\nsecret_access_key = "{SECRET}"\n'
        f'[aws.endpoints]\nstates = "http://127.0.0.1:{slow.server_port}"\n'
    )
    gateway = Gateway(tmp_path, more)
    try:
        v2 = gateway.client("apigatewayv2")
        api = v2.create_api(Name="dead", ProtocolType="HTTP")["ApiId"]
        v2.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
        dead = integrate(v2, api, "SQS-PurgeQueue", {"QueueUrl": "http://x/1/q"})
        late = integrate(v2, api, "StepFunctions-StopExecution", {"ExecutionArn": "a"}, TimeoutInMillis=300)
        v2.create_route(ApiId=api, RouteKey="GET /dead", Target=f"integrations/{dead}")
        v2.create_route(ApiId=api, RouteKey="GET /late", Target=f"integrations/{late}")
        for path in ("/dead", "/late"):
            status, _, text = gateway.call_api("GET", api, path)
            assert (status, text) == (503, '{"message":"Service Unavailable"}'), path
    finally:
        gateway.stop()
        slow.shutdown()


@pytest.mark.parametrize(
    ("subtype", "parameters", "more", "message"),
    [
        ("SQS-Nothing", {}, {}, "Operation: SQS-Nothing is not supported."),
        (
            "StepFunctions-StartSyncExecution",
            {"stateMachineArn": "arn"},
            {},
            "Parameter: stateMachineArn does not fit schema for Operation: StepFunctions-StartSyncExecution.",
        ),
        (
            "EventBridge-PutEvents",
            {"Detail": "$request.body", "Source": "s"},
            {},
            "Parameter: DetailType is required for Operation: EventBridge-PutEvents.",
        ),
        ("SQS-PurgeQueue", {"QueueUrl": "$request.cookie.q"}, {}, SOURCE.format("$request.cookie.q", "QueueUrl")),
        ("SQS-PurgeQueue", {"QueueUrl": "/1/q", "Region": "$request.body"}, {}, SOURCE.format("$request.body", "Region")),
        (
            "SQS-SendMessage",
            {"QueueUrl": "/1/q", "MessageBody": "b", "MessageAttributes": '{"a":{"DataType":"String","StringValue":"b"}}'},
            {},
            SOURCE.format('{"a":{"DataType":"String","StringValue":"b"}}', "MessageAttributes"),
        ),
        ("SQS-PurgeQueue", {"QueueUrl": "/1/q"}, {"CredentialsArn": "role"}, "Invalid ARN specified in the request"),
        (
            "SQS-PurgeQueue",
            {"QueueUrl": "/1/q"},
            {"PayloadFormatVersion": "2.0"},
            "Operation: SQS-PurgeQueue only supports payload format version 1.0",
        ),
        (
            "SQS-PurgeQueue",
            {"QueueUrl": "/1/q"},
            {"IntegrationType": "HTTP_PROXY", "IntegrationUri": "http://a", "IntegrationMethod": "GET"},
            "IntegrationSubtype is only supported for AWS_PROXY integrations",
        ),
    ],
)
def test_what_cannot_be_asked_is_refused_when_it_is_written(v2, api, subtype, parameters, more, message):
    """In AWS's words where they are known."""
    found = refused(lambda **all_of: integrate(v2, api, subtype, parameters, **all_of), **more)
    assert found == ("BadRequestException", 400, message)


def test_an_update_is_checked_as_a_whole(v2, api):
    """A required parameter cannot be taken away."""
    made = integrate(v2, api, "SQS-PurgeQueue", {"QueueUrl": "/1/q"}, CredentialsArn=ROLE)
    kept = v2.get_integration(ApiId=api, IntegrationId=made)
    assert (kept["IntegrationSubtype"], kept["CredentialsArn"]) == ("SQS-PurgeQueue", ROLE)
    found = refused(v2.update_integration, ApiId=api, IntegrationId=made, RequestParameters={"QueueUrl": ""})
    assert found[2] == "Parameter: QueueUrl is required for Operation: SQS-PurgeQueue."
    v2.update_integration(ApiId=api, IntegrationId=made, RequestParameters={"Region": "eu-west-3"})
    kept = v2.get_integration(ApiId=api, IntegrationId=made)["RequestParameters"]
    assert kept == {"QueueUrl": "/1/q", "Region": "eu-west-3"}
    v2.delete_integration(ApiId=api, IntegrationId=made)


def test_strict_mode_wants_a_role(tmp_path):
    """As AWS, which has no credentials of its own for them."""
    gateway = Gateway(tmp_path, 'mode = "strict"')
    try:
        v2 = gateway.client("apigatewayv2")
        api = v2.create_api(Name="strict", ProtocolType="HTTP")["ApiId"]
        found = refused(lambda: integrate(v2, api, "SQS-PurgeQueue", {"QueueUrl": "/1/q"}))
        assert found[2] == "CredentialsArn is required for Operation: SQS-PurgeQueue."
        integrate(v2, api, "SQS-PurgeQueue", {"QueueUrl": "/1/q"}, CredentialsArn=ROLE)
    finally:
        gateway.stop()


def test_a_role_signs_with_keys_of_its_own(ask, moto, queue):
    """`CredentialsArn` is assumed first; its keys are those of the simulation's STS."""
    sqs, url = queue
    ask.route("SQS-SendMessage", {"QueueUrl": url, "MessageBody": "$request.body"}, CredentialsArn=ROLE.replace("111122223333", "123456789012"))
    status, _, text = ask("by role")
    assert status == 200, text
    assert sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "by role"
