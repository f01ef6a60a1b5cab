"""What holds for every operation: tables, errors, signatures, the store."""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys

from conftest import BINARY, REGION, Gateway, free_port, refused

HERE = pathlib.Path(__file__).parent


def test_the_tables_are_those_of_the_service_models():
    subprocess.run([sys.executable, str(HERE / "facts.py"), "--check"], check=True)


def test_the_page_on_operations_is_up_to_date():
    page = (HERE.parents[1] / "docs" / "aws-operations.md").read_text()
    written = subprocess.run([BINARY, "operations", "--markdown"], check=True, capture_output=True, text=True)
    assert written.stdout == page, "run `daemun operations --markdown > docs/aws-operations.md`"


def test_an_operation_that_is_not_served_says_its_name(v2):
    code, status, message = refused(v2.export_api, ApiId="a", OutputType="JSON", Specification="OAS30")
    assert (code, status) == ("NotImplementedException", 501)
    assert "ExportApi" in message


def test_errors_name_their_type_in_a_header(gateway):
    status, headers, text = gateway.raw("GET", "/v2/apis/none")
    assert (status, headers["x-amzn-errortype"]) == (404, "NotFoundException")
    assert json.loads(text) == {"message": "Invalid API identifier specified none"}
    assert len(headers["x-amzn-requestid"]) == 36


def test_requests_without_a_signature_are_refused(gateway):
    status, headers, _ = gateway.raw("GET", "/v2/apis", headers={"authorization": ""})
    assert status == 403
    other = f"AWS4-HMAC-SHA256 Credential=A/20260101/{REGION}/s3/aws4_request, Signature=0"
    assert gateway.raw("GET", "/v2/apis", headers={"authorization": other})[0] == 403
    assert gateway.raw("GET", "/nothing")[0] == 403


def test_wrong_types_are_serialization_errors(gateway):
    def message(body):
        status, headers, text = gateway.raw("POST", "/v2/apis", body=body)
        assert (status, headers["x-amzn-errortype"]) == (400, "SerializationException")
        return json.loads(text)["message"]

    assert message(b'{"name": true}') == "class java.lang.Boolean can not be converted to an String"
    number = "class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to an String"
    assert message(b'{"name": 1}') == number
    message(b"{")


def test_what_was_acknowledged_survives_a_kill(tmp_path, upstream):
    gateway = Gateway(tmp_path, f'data_dir = "{tmp_path}/data"')
    try:
        v2 = gateway.client("apigatewayv2")
        api = v2.create_api(Name="kept", ProtocolType="HTTP", Target=upstream)["ApiId"]
        gateway.kill()
        gateway.start()
        v2 = gateway.client("apigatewayv2")
        assert v2.get_api(ApiId=api)["Name"] == "kept"
        assert gateway.call_api("GET", api, "/x")[0] == 200
    finally:
        gateway.stop()


def test_a_hand_over_gives_the_store_to_the_new_process(tmp_path, upstream):
    gateway = Gateway(tmp_path, f'data_dir = "{tmp_path}/data"', port=free_port())
    api = gateway.client("apigatewayv2").create_api(Name="a", ProtocolType="HTTP", Target=upstream)["ApiId"]
    gateway.process.send_signal(signal.SIGUSR2)
    gateway.process.wait(20)
    said = "".join(gateway.said)
    # The line has colours between the name and the number.
    (pid,) = re.findall(r"new process serves.*?pid\D*?(?:\x1b\[\d+m|=)*(\d+)", said)
    try:
        v2 = gateway.client("apigatewayv2", retries=3)
        assert v2.get_api(ApiId=api)["Name"] == "a"
        v2.update_api(ApiId=api, Name="b")
        assert gateway.call_api("GET", api, "/x")[0] == 200
    finally:
        os.kill(int(pid), signal.SIGTERM)


def test_the_command_line_of_aws_works(gateway, upstream, tmp_path):
    def aws(*words):
        command = ["aws", "--endpoint-url", f"http://{gateway.management}", "--region", REGION, *words]
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "AWS_ACCESS_KEY_ID": "a",
            "AWS_SECRET_ACCESS_KEY": "b",
        }
        return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout

    made = json.loads(aws("apigatewayv2", "create-api", "--name", "cli", "--protocol-type", "HTTP", "--target", upstream))
    assert gateway.call_api("GET", made["ApiId"], "/x")[0] == 200
    arn = f"arn:aws:apigateway:{REGION}::/apis/{made['ApiId']}"
    aws("apigatewayv2", "tag-resource", "--resource-arn", arn, "--tags", "a=b")
    assert json.loads(aws("apigatewayv2", "get-tags", "--resource-arn", arn)) == {"Tags": {"a": "b"}}
    aws("apigatewayv2", "delete-api", "--api-id", made["ApiId"])
