"""What Lambda's API refuses, and what becomes of functions of the config file whose code moves."""

import os
import pathlib
import subprocess
import sys
import time
import zipfile

import pytest
from conftest import BINARY, REGION, Gateway, refused
from test_functions import archive, invoke

SAYS = "def handler(event, context):\n    return %r\n"
ROLE = "arn:aws:iam::111111111111:role/lambda"


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A gateway with functions of its config file; the code of one is behind a link, of another missing."""
    folder = tmp_path_factory.mktemp("rules")
    for name in ("plain", "releases/1", "releases/2"):
        (folder / name).mkdir(parents=True)
        (folder / name / "app.py").write_text(SAYS % name)
    (folder / "current").symlink_to("releases/1")
    more = f'[account]\nregion = "{REGION}"\n'
    for name, code in {"plain": "plain", "linked": "current", "missing": "gone"}.items():
        more += f'[functions.{name}]\nruntime = "python3"\nhandler = "app.handler"\ncode = "{code}"\nwarm = 0\n'
        more += f'[apis.fixed.routes."GET /{name}"]\nintegration = {{ type = "aws_proxy", function = "{name}" }}\n'
    gateway = Gateway(folder, more=more)
    yield gateway
    gateway.stop()


@pytest.fixture(scope="module")
def functions(own):
    """The client of Lambda's API."""
    return own.client("lambda", is_checked=False)


def make(functions, name, source=SAYS % "first", **more):
    """A function."""
    given = {"Runtime": "python3.12", "Role": ROLE, "Handler": "app.handler", "Code": {"ZipFile": archive(source)}}
    return functions.create_function(FunctionName=name, **(given | more))


def test_a_function_of_the_config_file_is_not_made_again_nor_deleted(own, functions):
    """Its name is taken; what the API does not have it does not take away."""
    taken = refused(make, functions=functions, name="plain")
    assert taken == ("ResourceConflictException", 409, "Function already exist: plain")
    assert refused(functions.delete_function, FunctionName="plain")[0] == "ResourceNotFoundException"
    assert own.call("GET", "/plain")[2] == "plain"


def test_a_dry_run_changes_no_code(functions):
    """UpdateFunctionCode with DryRun shows what would be, and refuses what could not be."""
    before = make(functions, "dry")
    shown = functions.update_function_code(FunctionName="dry", ZipFile=archive(SAYS % "other"), DryRun=True)
    assert shown["CodeSha256"] != before["CodeSha256"]
    assert functions.get_function(FunctionName="dry")["Configuration"]["CodeSha256"] == before["CodeSha256"]
    assert invoke(functions, "dry", {})[1] == "first"
    wrong = refused(functions.update_function_code, FunctionName="dry", ZipFile=b"no zip", DryRun=True)
    assert wrong[0] == "InvalidParameterValueException"


def test_a_revision_that_is_no_longer_the_latest_changes_nothing(functions):
    """Whoever read an older state is told so."""
    made = make(functions, "revised")
    calls = {
        functions.update_function_code: {"ZipFile": archive(SAYS % "other")},
        functions.update_function_configuration: {"Timeout": 9},
        functions.publish_version: {},
        functions.add_permission: {"StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "*"},
    }
    for call, given in calls.items():
        stale = given | {"FunctionName": "revised", "RevisionId": "00000000-0000-0000-0000-000000000000"}
        assert refused(call, **stale)[:2] == ("PreconditionFailedException", 412)
    kept = functions.get_function_configuration(FunctionName="revised")
    assert (kept["RevisionId"], kept["Timeout"], kept["CodeSha256"]) == (made["RevisionId"], 3, made["CodeSha256"])
    fresh = functions.update_function_configuration(FunctionName="revised", Timeout=9, RevisionId=made["RevisionId"])
    assert fresh["Timeout"] == 9
    functions.publish_version(FunctionName="revised")
    alias = {"FunctionName": "revised", "Name": "live"}
    revision = functions.create_alias(FunctionVersion="1", **alias)["RevisionId"]
    stale = refused(functions.update_alias, Description="x", RevisionId=made["RevisionId"], **alias)
    assert stale[0] == "PreconditionFailedException"
    assert functions.update_alias(Description="x", RevisionId=revision, **alias)["Description"] == "x"


@pytest.mark.parametrize(
    ("variables", "code"),
    [
        ({"AWS_REGION": "x"}, "InvalidParameterValueException"),
        ({"_HANDLER": "x"}, "InvalidParameterValueException"),
        ({"A": "x" * 4_096}, "InvalidParameterValueException"),
        ({"A B": "x"}, "ValidationException"),
    ],
)
def test_variables_that_a_function_cannot_have_are_refused(functions, variables, code):
    """Reserved names, names that are none, and more than 4 KB."""
    given = {"Environment": {"Variables": variables}}
    assert refused(make, functions=functions, name="never", **given)[0] == code
    assert refused(functions.get_function, FunctionName="never")[0] == "ResourceNotFoundException"


def test_what_is_not_served_is_refused_rather_than_forgotten(functions):
    """Layers, and traffic that an alias splits."""
    layer = f"arn:aws:lambda:{REGION}:111111111111:layer:x:1"
    code, _, said = refused(make, functions=functions, name="layered", Layers=[layer])
    assert code == "InvalidParameterValueException" and "Layers" in said
    make(functions, "split", Layers=[])
    functions.publish_version(FunctionName="split")
    given = {"FunctionName": "split", "Name": "live", "FunctionVersion": "1"}
    weights = {"AdditionalVersionWeights": {"2": 0.5}}
    code, _, said = refused(functions.create_alias, RoutingConfig=weights, **given)
    assert code == "InvalidParameterValueException" and "RoutingConfig" in said
    assert functions.create_alias(RoutingConfig={"AdditionalVersionWeights": {}}, **given)["Name"] == "live"


def test_a_version_is_made_of_what_has_changed(functions):
    """Its description may be the version's own, and is no change; the code has to be that which the caller means."""
    hashed = make(functions, "made", Description="draft")["CodeSha256"]
    first = functions.publish_version(FunctionName="made", Description="first", CodeSha256=hashed)
    assert (first["Version"], first["Description"]) == ("1", "first")
    again = functions.publish_version(FunctionName="made", Description="another")
    assert (again["Version"], again["Description"], again["FunctionArn"]) == ("1", "first", first["FunctionArn"])
    assert functions.get_function_configuration(FunctionName="made")["Description"] == "draft"
    functions.update_function_configuration(FunctionName="made", Description="draft 2")
    wrong = refused(functions.publish_version, FunctionName="made", CodeSha256="other")
    assert wrong[0] == "InvalidParameterValueException" and hashed in wrong[2]
    assert functions.publish_version(FunctionName="made")["Version"] == "2"


def test_versions_are_deleted_by_number(functions):
    """Neither the latest nor what an alias names, nor the alias itself."""
    make(functions, "kept")
    functions.publish_version(FunctionName="kept")
    functions.create_alias(FunctionName="kept", Name="live", FunctionVersion="1")
    latest = refused(functions.delete_function, FunctionName="kept", Qualifier="$LATEST")
    why = "$LATEST version cannot be deleted without deleting the function."
    assert latest == ("InvalidParameterValueException", 400, why)
    alias = refused(functions.delete_function, FunctionName="kept", Qualifier="live")
    assert alias == ("InvalidParameterValueException", 400, "Deletion of aliases is not currently supported.")
    assert refused(functions.delete_function, FunctionName="kept", Qualifier="1")[0] == "ResourceConflictException"
    functions.delete_alias(FunctionName="kept", Name="live")
    functions.delete_function(FunctionName="kept", Qualifier="1")
    assert [each["Version"] for each in functions.list_versions_by_function(FunctionName="kept")["Versions"]] == ["$LATEST"]


def test_functions_are_shown_by_the_name_they_were_asked_for(functions):
    """The ARN has the qualifier; lists may have all versions and leave out states."""
    arn = make(functions, "shown", Publish=True)["FunctionArn"]
    assert arn.endswith(":function:shown")
    functions.create_alias(FunctionName="shown", Name="live", FunctionVersion="1")
    for given, shown in {"shown": arn, "shown:1": f"{arn}:1", f"{arn}:live": f"{arn}:live"}.items():
        assert functions.get_function(FunctionName=given)["Configuration"]["FunctionArn"] == shown
    pages = functions.get_paginator("list_functions").paginate(FunctionVersion="ALL", PaginationConfig={"PageSize": 1})
    every = [each for page in pages for each in page["Functions"] if each["FunctionName"] == "shown"]
    assert [each["FunctionArn"] for each in every] == [f"{arn}:$LATEST", f"{arn}:1"]
    [latest] = [each for each in functions.list_functions()["Functions"] if each["FunctionName"] == "shown"]
    assert latest["FunctionArn"] == arn and "State" not in latest
    before = functions.get_account_settings()["AccountUsage"]
    assert before["FunctionCount"] == len(functions.list_functions()["Functions"])
    size = make(functions, "more")["CodeSize"]
    after = functions.get_account_settings()["AccountUsage"]
    assert (after["FunctionCount"], after["TotalCodeSize"]) == (before["FunctionCount"] + 1, before["TotalCodeSize"] + size)


def test_a_function_of_another_region_or_account_is_not_ours(functions):
    """Though there is one of that name here."""
    arn = make(functions, "here")["FunctionArn"]
    assert invoke(functions, arn, {})[1] == "first"
    elsewhere = refused(functions.invoke, FunctionName=arn.replace(REGION, "ap-south-2"))
    why = f"Functions from 'ap-south-2' are not reachable in this region ('{REGION}')"
    assert elsewhere == ("ResourceNotFoundException", 404, why)
    account = arn.split(":")[4]
    theirs = refused(functions.delete_function, FunctionName=arn.replace(account, "999999999999"))
    assert theirs[:2] == ("AccessDeniedException", 403) and "999999999999" in theirs[2]
    assert invoke(functions, "here", {})[1] == "first"


def test_settings_that_change_nothing_here_are_shown_as_they_were_given(functions):
    """As tools that compare wish to read them; what cannot be is refused."""
    given = {"Architectures": ["arm64"], "VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}}
    make(functions, "described", **given)
    shown = functions.get_function_configuration(FunctionName="described")
    assert shown["Architectures"] == ["arm64"] and shown["VpcConfig"]["SubnetIds"] == ["subnet-1"]
    mount = [{"Arn": f"arn:aws:elasticfilesystem:{REGION}:111111111111:access-point/fsap-0", "LocalMountPath": "/mnt/a"}]
    code, _, said = refused(make, functions=functions, name="mounted", FileSystemConfigs=mount)
    assert code == "InvalidParameterValueException" and "FileSystemConfigs" in said


def test_a_concurrency_of_zero_turns_a_function_off(functions):
    """And without it, it runs again."""
    make(functions, "off")
    functions.put_function_concurrency(FunctionName="off", ReservedConcurrentExecutions=0)
    off = refused(functions.invoke, FunctionName="off")
    assert off == ("TooManyRequestsException", 429, "Rate Exceeded.")
    functions.delete_function_concurrency(FunctionName="off")
    assert invoke(functions, "off", {})[1] == "first"


def test_only_json_invokes_a_function(functions):
    """Of any depth and at most 1 MB if it is an event, with a context in base64."""
    make(functions, "told", "def handler(event, context):\n    return context.client_context is None\n")
    told = {"FunctionName": "told"}
    wrong = "InvalidRequestContentException"
    for payload in (b'{"a":', b"word", b'"\xff"'):
        for kind in ("RequestResponse", "Event"):
            assert refused(functions.invoke, Payload=payload, InvocationType=kind, **told)[:2] == (wrong, 400)
    assert refused(functions.invoke, Payload=b"{}", ClientContext="%%%", **told)[0] == wrong
    long = b'"' + b"x" * 1_048_576 + b'"'
    wrong = refused(functions.invoke, Payload=long, InvocationType="Event", **told)
    assert wrong[:2] == ("RequestEntityTooLargeException", 413)
    deep = b"[" * 300 + b"]" * 300
    for payload in (long, deep, b" 7 "):
        answer = functions.invoke(Payload=payload, **told)
        assert ("FunctionError" not in answer, answer["Payload"].read()) == (True, b"true")


@pytest.mark.parametrize("wrong", [{"StatementId": "s 1"}, {"Action": "run"}, {"Principal": ""}])
def test_a_permission_has_the_shape_of_one(functions, wrong):
    """Each member is looked at."""
    if "permitted" not in [one["FunctionName"] for one in functions.list_functions()["Functions"]]:
        make(functions, "permitted")
    given = {"FunctionName": "permitted", "StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "*"}
    assert refused(functions.add_permission, **(given | wrong))[:2] == ("ValidationException", 400)
    assert refused(functions.get_policy, FunctionName="permitted")[0] == "ResourceNotFoundException"


def test_a_zip_with_a_file_twice_runs_the_later_one(functions, tmp_path):
    """As those are that were added to."""
    file = tmp_path / "twice.zip"
    with zipfile.ZipFile(file, "w") as out, pytest.warns(UserWarning, match="Duplicate"):
        out.writestr("app.py", SAYS % "older")
        out.writestr("app.py", SAYS % "newer")
    make(functions, "twice", Code={"ZipFile": file.read_bytes()})
    assert invoke(functions, "twice", {})[1] == "newer"


def test_a_link_to_other_code_is_followed_by_the_next_call(own):
    """As deployments end that keep each release in a folder of its own."""
    folder = own.file.parent
    assert own.call("GET", "/linked")[2] == "releases/1"
    (folder / "next").symlink_to("releases/2")
    (folder / "next").rename(folder / "current")
    assert own.call("GET", "/linked")[2] == "releases/2"
    (folder / "releases/2/app.py").write_text(SAYS % "edited")
    assert own.call("GET", "/linked")[2] == "edited"


def test_code_that_comes_later_is_run_and_watched(own):
    """A folder that is not there when the gateway starts, or for a moment."""
    folder = own.file.parent
    assert own.call("GET", "/missing")[0] == 500
    for said in ("first", "second"):
        (folder / "draft").mkdir()
        (folder / "draft/app.py").write_text(SAYS % said)
        (folder / "draft").rename(folder / "gone")
        assert own.call("GET", "/missing")[2] == said
        (folder / "gone/app.py").write_text(SAYS % f"{said} edited")
        assert own.call("GET", "/missing")[2] == f"{said} edited"
        (folder / "gone").rename(folder / f"old-{said}")
        assert own.call("GET", "/missing")[0] == 500


BREAKS_OFF = """#!%s
import os, socket, urllib.request
api = os.environ["AWS_LAMBDA_RUNTIME_API"]
host, port = api.split(":")
while True:
    told = urllib.request.urlopen(f"http://{api}/2018-06-01/runtime/invocation/next")
    number = told.headers["Lambda-Runtime-Aws-Request-Id"]
    told.read()
    connection = socket.create_connection((host, int(port)))
    path = f"/2018-06-01/runtime/invocation/{number}/response"
    head = f"POST {path} HTTP/1.1\\r\\nHost: {api}\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n"
    connection.sendall(head.encode() + b"4\\r\\n\\"hal\\r\\n")
    connection.close()
"""


def test_an_answer_in_chunks_that_breaks_off_is_no_long_one(tmp_path):
    """The client of the runtime has ended in the middle, and the error says so."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code/bootstrap").write_text(BREAKS_OFF % sys.executable)
    (tmp_path / "code/bootstrap").chmod(0o755)
    more = f'[account]\nregion = "{REGION}"\n[functions.broken]\nruntime = "provided"\ncode = "code"\n'
    gateway = Gateway(tmp_path, more=more)
    try:
        answer, error = invoke(gateway.client("lambda"), "broken", {})
        assert answer["FunctionError"] == "Unhandled"
        assert error["errorType"] == "Runtime.TruncatedResponse"
    finally:
        gateway.stop()


def test_a_process_that_does_not_come_up_is_told_of_in_the_log(tmp_path):
    """Also where nobody has called; who does is told as well."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code/bootstrap").write_text("#!/bin/sh\nexit 3\n")
    (tmp_path / "code/bootstrap").chmod(0o755)
    more = f'[account]\nregion = "{REGION}"\n[functions.ends]\nruntime = "provided"\ncode = "code"\n'
    more += f'[logging]\nfunction_log = "{tmp_path}/log"\n'
    gateway = Gateway(tmp_path, more=more)
    try:
        deadline = time.monotonic() + 10
        while "INIT_REPORT" not in (tmp_path / "log").read_text():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        line = (tmp_path / "log").read_text().splitlines()[0]
        assert line.startswith("[ends] INIT_REPORT Init Duration: ") and line.endswith("\tStatus: error"), line
        error = invoke(gateway.client("lambda"), "ends", {})[1]
        assert error["errorType"] == "Runtime.ExitError"
        assert error["errorMessage"].endswith("Error: Runtime exited with error: exit status 3")
    finally:
        gateway.stop()


def test_check_says_what_functions_lack(tmp_path):
    """Paths start at the folder of the config file; the gateway itself starts all the same."""
    (tmp_path / "gateway.toml").write_text(
        '[functions.f]\nruntime = "python3"\nhandler = "app.handler"\ncode = "code"\ninterpreter = "venv/bin/python"\n'
    )
    command = [BINARY, "check", "gateway.toml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "functions.f.code: " in done.stderr and "gateway.toml:4:8" in done.stderr
    assert "functions.f.interpreter: " in done.stderr and "gateway.toml:5:15" in done.stderr
    (tmp_path / "code").mkdir()
    (tmp_path / "venv/bin").mkdir(parents=True)
    (tmp_path / "venv/bin/python").symlink_to("/bin/true")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_interpreter_may_be_named_from_the_folder_of_the_config_file(tmp_path):
    """Also where the file itself is named from there."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code/app.py").write_text("import sys\ndef handler(event, context):\n    return sys.executable\n")
    (tmp_path / "bin").mkdir()
    program = sys.executable
    (tmp_path / "bin/python").write_text(f'#!/bin/sh\nexec "{program}" "$@"\n')
    (tmp_path / "bin/python").chmod(0o755)
    more = '[functions.f]\nruntime = "python3"\nhandler = "app.handler"\ncode = "code"\ninterpreter = "bin/python"\n'
    more += '[apis.fixed.routes."GET /"]\nintegration = { type = "aws_proxy", function = "f" }\n'
    before = os.getcwd()
    os.chdir(tmp_path)
    try:
        gateway = Gateway(pathlib.Path("."), more=more)
    finally:
        os.chdir(before)
    try:
        status, _, said = gateway.call("GET", "/")
        assert (status, said) == (200, program)
    finally:
        gateway.stop()


def test_settings_of_the_start_are_not_missed_once_they_are_back(tmp_path):
    """A reload says what waits for the next start, and nothing when nothing does."""
    gateway = Gateway(tmp_path, admin="127.0.0.1:0")
    try:
        text = gateway.file.read_text()

        def reload(text):
            said = len(gateway.said)
            gateway.file.write_text(text)
            deadline = time.monotonic() + 10
            while not any("config reloaded" in line for line in gateway.said[said:]):
                assert time.monotonic() < deadline, gateway.said
                time.sleep(0.05)
            return "".join(gateway.said[said:])

        assert "`workers` changes" in reload(text.replace("workers = 1", "workers = 2"))
        assert "changes" not in reload(text)
    finally:
        gateway.stop()
