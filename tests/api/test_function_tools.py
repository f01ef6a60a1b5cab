"""Functions by the tools of AWS and HashiCorp: the AWS CLI and Terraform, with permissions that are asked."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest
from conftest import REGION, Gateway
from test_functions import archive, arn
from test_terraform import KEY, KEYS, SECRET, Terraform, mirror

SOURCE = """
import os
def handler(event, context):
    said = [%r, os.environ.get("ANIMAL"), context.function_version, event.get("name", event.get("version"))]
    return {"statusCode": 200, "body": " ".join(map(str, said))}
"""
# What the provider never changes in place.
REPLACED = {"aws_api_gateway_deployment.pets"}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """A strict gateway whose `python3` is that of the tests."""
    folder = tmp_path_factory.mktemp("tools")
    before = os.environ["PATH"]
    os.environ["PATH"] = f"{pathlib.Path(sys.executable).parent}:{before}"
    gateway = Gateway(folder, more='mode = "strict"\n' + KEYS)
    yield gateway
    gateway.stop()
    os.environ["PATH"] = before


def test_the_aws_cli_makes_calls_and_deletes_a_function(gateway, tmp_path):
    """From a zip to a call over an API, and all taken away again."""
    if shutil.which("aws") is None:
        pytest.skip("there is no `aws` in PATH")
    (tmp_path / "one.zip").write_bytes(archive(SOURCE % "one"))
    (tmp_path / "event").write_text('{"name": "x"}')
    (tmp_path / "two.zip").write_bytes(archive(SOURCE % "two"))
    kept = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    environment = kept | {
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": f"http://{gateway.management}",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_PAGER": "",
    }

    def aws(command):
        done = subprocess.run(
            ["aws", *command.split(), "--output", "json"], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return json.loads(done.stdout) if done.stdout.strip() else None

    made = aws(
        "lambda create-function --function-name cli --runtime python3.12 --role arn:aws:iam::111111111111:role/r"
        " --handler app.handler --zip-file fileb://one.zip --timeout 10 --environment Variables={ANIMAL=cat}"
    )
    assert made["FunctionArn"] == arn("cli")
    aws("lambda wait function-active-v2 --function-name cli")
    assert aws("lambda publish-version --function-name cli")["Version"] == "1"
    aws("lambda create-alias --function-name cli --name live --function-version 1")
    aws("lambda update-function-code --function-name cli --zip-file fileb://two.zip")
    aws("lambda wait function-updated-v2 --function-name cli")
    answer = aws("lambda invoke --function-name cli --payload fileb://event out")
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert json.loads((tmp_path / "out").read_text())["body"] == "two cat $LATEST x"
    assert aws("lambda invoke --function-name cli --invocation-type Event out")["StatusCode"] == 202
    assert aws("lambda invoke --function-name cli --invocation-type DryRun out")["StatusCode"] == 204

    api = aws(f"apigatewayv2 create-api --name cli --protocol-type HTTP --target {arn('cli')}:live")["ApiId"]
    assert gateway.call_api("GET", api, "/")[::2] == (500, '{"message":"Internal Server Error"}')
    permission = (
        "lambda add-permission --function-name cli --qualifier live --statement-id api --action lambda:InvokeFunction"
        f" --principal apigateway.amazonaws.com --source-arn arn:aws:execute-api:{REGION}:111111111111:{api}/*"
    )
    assert json.loads(aws(permission)["Statement"])["Sid"] == "api"
    status, _, text = gateway.call_api("GET", api, "/")
    assert (status, text.startswith("one cat 1 ")) == (200, True)
    policy = json.loads(aws("lambda get-policy --function-name cli --qualifier live")["Policy"])
    assert [statement["Sid"] for statement in policy["Statement"]] == ["api"]
    aws("lambda remove-permission --function-name cli --qualifier live --statement-id api")
    assert gateway.call_api("GET", api, "/")[0] == 500
    aws(f"apigatewayv2 delete-api --api-id {api}")
    aws("lambda delete-function --function-name cli")
    assert aws("lambda list-functions")["Functions"] == []


def test_terraform_makes_changes_and_destroys_functions_without_a_difference(gateway, tmp_path):
    """A function with its alias and permissions, and the APIs that call it."""
    if shutil.which("terraform") is None:
        pytest.skip("there is no `terraform` in PATH")
    if (providers := mirror()) is None:
        pytest.skip("no folder has Terraform's AWS provider 5.1xx; name one in TF_PLUGIN_CACHE_DIR")
    terraform = Terraform(tmp_path / "work", providers, gateway, "http://127.0.0.1:9", "terraform-functions")
    for name in ("one", "two"):
        (terraform.folder / f"{name}.zip").write_bytes(archive(SOURCE % name))
    terraform.run("init")
    made = terraform.apply(changed=False)
    assert set(made.values()) == {"create"}
    apis = terraform.apis()
    terraform.sees_no_difference(changed=False)

    def answer(kind, path, method="GET"):
        status, _, text = gateway.call_api(method, apis[kind], path)
        return text if status == 200 else status

    assert answer("rest", "/live/proxy") == "one cat 1 None"
    assert answer("rest", "/live/mapped") == "one cat 1 a"
    assert answer("http", "/pets") == "one cat $LATEST 1.0"
    # The permission is for GET alone.
    assert answer("rest", "/live/proxy", "POST") == 500

    changed = terraform.apply(changed=True)
    replaced = {name for name, action in changed.items() if action != "update"}
    assert replaced <= REPLACED, replaced
    assert terraform.apis() == apis
    terraform.sees_no_difference(changed=True)
    assert answer("rest", "/live/proxy") == "two dog 2 None"
    assert answer("rest", "/live/mapped") == "two dog 2 b"
    assert answer("http", "/pets") == "two dog $LATEST 2.0"

    terraform.run("destroy", "-auto-approve")
    clients = [gateway.client(service, key=KEY, secret=SECRET) for service in ("lambda", "apigateway", "apigatewayv2")]
    functions, rest, v2 = clients
    assert functions.list_functions()["Functions"] == rest.get_rest_apis()["items"] == []
    assert [api["ApiId"] for api in v2.get_apis()["Items"]] == ["fixed"]
