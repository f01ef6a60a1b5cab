"""Terraform with its AWS provider: applies, sees no difference, changes in place, destroys."""

import glob
import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest
from conftest import ROOT, Gateway, authority

PROVIDER = "*/hashicorp/aws"
# Where Terraform itself and packages for machines without a network keep providers.
FOLDERS = (
    "~/.terraform.d/plugins",
    "~/.terraform.d/plugin-cache",
    "~/.local/share/terraform/plugins",
    "/usr/local/share/terraform/plugins",
    "/usr/share/terraform/plugins",
    "/opt/*",
)
KEY, SECRET = "AKIDTERRAFORMTEST000", "terraform-secret"
KEYS = f"""
[management.keys.{KEY}]
secret = "{SECRET}"
name = "terraform"
"""
# What the provider never changes in place.
REPLACED = {"module.rest.aws_api_gateway_deployment.pets"}


def mirror():
    """The folder that has the provider, or none."""
    folders = list(FOLDERS)
    for variable in ("TF_CLI_CONFIG_FILE", "TF_PLUGIN_CACHE_DIR"):
        folders.insert(0, os.environ.get(variable, ""))
    config = pathlib.Path(os.environ.get("TF_CLI_CONFIG_FILE") or "~/.terraformrc").expanduser()
    if config.is_file():
        folders = re.findall(r'"([^"]*/[^"]*)"', config.read_text()) + folders
    for pattern in filter(None, folders):
        for folder in glob.glob(os.path.expanduser(pattern)):
            if glob.glob(f"{folder}/{PROVIDER}/5.1*/*/terraform-provider-aws*"):
                return folder
    return None


class Terraform:
    """The program in a folder of its own, pointed at a gateway."""

    def __init__(self, folder, providers, gateway, upstream, source="terraform"):
        shutil.copytree(ROOT / "tests" / source, folder)
        self.folder = folder
        config = folder / "cli.tfrc"
        config.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{providers}"\n  }}\n}}\n')
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "TF_"))}
        self.environment = kept | {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "CHECKPOINT_DISABLE": "1",
            "TF_CLI_CONFIG_FILE": str(config),
            "TF_IN_AUTOMATION": "1",
            "TF_VAR_endpoint": f"http://{gateway.management}",
            "TF_VAR_upstream": upstream,
        }

    def run(self, *arguments):
        """What it says, once it has succeeded."""
        command = ["terraform", *arguments, "-no-color"]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=900
        )
        assert done.returncode == 0, f"{' '.join(command)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def apply(self, changed):
        """Applies, and says which action it took for each resource."""
        said = self.run("apply", "-auto-approve", "-json", f"-var=changed={json.dumps(changed)}")
        events = [json.loads(line) for line in said.splitlines()]
        planned = [event["change"] for event in events if event["type"] == "planned_change"]
        actions = {change["resource"]["addr"]: change["action"] for change in planned}
        return {address: action for address, action in actions.items() if action != "read"}

    def sees_no_difference(self, changed):
        """A plan would end with 2 if there were one."""
        self.run("plan", "-detailed-exitcode", f"-var=changed={json.dumps(changed)}")

    def apis(self):
        """The ids that it was given."""
        return json.loads(self.run("output", "-json", "apis"))


@pytest.fixture
def terraform(tmp_path, upstream):
    """Terraform and the gateway that it manages."""
    if shutil.which("terraform") is None:
        pytest.skip("there is no `terraform` in PATH")
    providers = mirror()
    if providers is None:
        pytest.skip("no folder has Terraform's AWS provider 5.1xx (see FOLDERS); name one in TF_PLUGIN_CACHE_DIR")
    authority(tmp_path / "truststores", "trust")
    gateway = Gateway(tmp_path, more=KEYS)
    try:
        yield Terraform(tmp_path / "work", providers, gateway, upstream), gateway
    finally:
        gateway.stop()


def test_apis_are_made_changed_and_destroyed_without_a_difference(terraform):
    """One of each kind of API, with all that belongs to it."""
    terraform, gateway = terraform
    terraform.run("init")
    made = terraform.apply(changed=False)
    assert set(made.values()) == {"create"}
    apis = terraform.apis()
    terraform.sees_no_difference(changed=False)

    def answer(kind, method, path):
        status, _, text = gateway.call_api(method, apis[kind], path)
        return status, json.loads(text)

    def target(kind, method, path):
        status, seen = answer(kind, method, path)
        return status, seen.get("target")

    assert answer("rest", "GET", "/live/pets") == (200, [])
    assert target("rest", "GET", "/live/pets/7") == (200, "/pets/7")
    assert target("http", "GET", "/pets/7") == (200, "/pets/7")
    assert target("quick", "GET", "/quick") == (200, "/a")
    for kind, method, path in (
        ("rest", "POST", "/live/pets"),
        ("rest", "DELETE", "/live/pets/7"),
        ("rest", "GET", "/live/else"),
        ("http", "DELETE", "/pets/7"),
        ("http", "POST", "/orders"),
        ("http", "GET", "/else"),
    ):
        assert answer(kind, method, path)[0] >= 400, (kind, method, path)

    changed = terraform.apply(changed=True)
    replaced = {name for name, action in changed.items() if action != "update"}
    assert replaced <= REPLACED, replaced
    assert len(changed) > len(made) // 2
    assert terraform.apis() == apis
    terraform.sees_no_difference(changed=True)
    assert answer("rest", "GET", "/live/pets") == (200, ["dog"])
    assert target("rest", "GET", "/live/pets/7") == (200, "/animals/7")
    assert target("http", "GET", "/pets/7") == (200, "/animals/7")
    for host, path in (("regional", "/animals/pets/7"), ("regional", "/pets/7"), ("pets", "/shop/v2/pets/7")):
        status, _, text = gateway.call("GET", path, host=f"{host}.example.com")
        assert (status, json.loads(text)["target"]) == (200, "/animals/7"), (host, path)

    terraform.run("destroy", "-auto-approve")
    rest, v2 = (gateway.client(service, key=KEY, secret=SECRET) for service in ("apigateway", "apigatewayv2"))
    assert rest.get_rest_apis()["items"] == []
    assert [api["ApiId"] for api in v2.get_apis()["Items"]] == ["fixed"]
    assert rest.get_domain_names()["items"] == rest.get_vpc_links()["items"] == v2.get_vpc_links()["Items"] == []
    assert rest.get_usage_plans()["items"] == rest.get_api_keys()["items"] == []
