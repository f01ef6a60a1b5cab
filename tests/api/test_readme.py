"""The README's commands, as a person would type them."""

import json
import os
import re
import subprocess

from conftest import ROOT, Gateway


def commands(wanted):
    """The block of the README that uses this program."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    (found,) = (block for block in blocks if f"{wanted} " in block)
    return found


def test_the_walk_through_with_the_aws_cli_works(tmp_path, upstream):
    """Both APIs are made, called and deleted; each call gets what the README says."""
    gateway = Gateway(tmp_path)
    script = commands("aws")
    for shown, real in (
        ("http://127.0.0.1:8080", f"http://{gateway.main}"),
        ("http://127.0.0.1:8081", f"http://{gateway.management}"),
        ("http://127.0.0.1:9000", upstream),
        ("curl ", "curl -sS --fail -w '\\n' "),
    ):
        assert shown in script
        script = script.replace(shown, real)
    kept = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], env=kept, capture_output=True, text=True, timeout=300
    )
    apis = gateway.client("apigatewayv2").get_apis()["Items"], gateway.client("apigateway").get_rest_apis()["items"]
    gateway.stop()
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert any(line.startswith("{") and json.loads(line).get("target") == "/" for line in lines if "target" in line)
    assert '["dog", "cat"]' in lines
    assert ([api["ApiId"] for api in apis[0]], apis[1]) == (["fixed"], [])
