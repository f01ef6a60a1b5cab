"""Node.js handlers run by AWS's own client, `aws-lambda-ric`, where a build of it is present: in a folder of NODE_PATH,
or under `target/lambda-ric` (`npm install --prefix target/lambda-ric aws-lambda-ric@3`, which compiles for minutes and
needs CMake, autoconf, automake, libtool and a C++ compiler)."""

import json
import os
import pathlib
import shutil

import pytest
from conftest import ROOT, Gateway
from raw import until
from rest import Api
from test_streaming import arn, connect, streaming

PLACES = [*os.environ.get("NODE_PATH", "").split(os.pathsep), str(ROOT / "target" / "lambda-ric" / "node_modules")]
BUILT = [place for place in PLACES if place and (pathlib.Path(place) / "aws-lambda-ric" / "dist").is_dir()]
#: Only the official client has this of its binary in a process.
HANDLERS = """
const isOfficial = () => process.report.getReport().sharedObjects.some((file) => file.endsWith('rapid-client.node'));

exports.answer = async (event, context) => {
  console.log('handling', context.awsRequestId);
  const { method } = event.requestContext.http;
  return { statusCode: 201, headers: { 'x-official': String(isOfficial()) }, body: `${method} ${event.rawPath}` };
};
exports.echo = (event, context, done) => {
  done(null, { statusCode: 200, body: JSON.stringify([event.path, context.functionName]) });
};
exports.fail = async () => { throw new RangeError('no such luck'); };
exports.streamed = awslambda.streamifyResponse(async (event, stream) => {
  const answer = awslambda.HttpResponseStream.from(stream, { statusCode: 202, headers: { 'x-own': event.path } });
  answer.write('one ');
  setTimeout(() => { answer.write('two'); answer.end(); }, 300);
});
"""

pytestmark = [
    pytest.mark.skipif(not BUILT, reason="there is no build of aws-lambda-ric"),
    pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node.js"),
]


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A gateway with four functions and a route to one."""
    folder = tmp_path_factory.mktemp("node")
    (folder / "code").mkdir()
    (folder / "code" / "app.js").write_text(HANDLERS)
    functions = "".join(
        f'[functions.{name}]\nruntime = "nodejs20.x"\nhandler = "app.{name}"\ncode = "code"\n'
        f'environment = {{ NODE_PATH = "{BUILT[0]}" }}\n'
        for name in ["answer", "echo", "fail", "streamed"]
    )
    routes = '[apis.node]\nhosts = ["node.test"]\n' + "".join(
        f'[apis.node.routes."GET /{name}"]\nintegration = {{ type = "aws_proxy", function = "{name}" }}\n'
        for name in ["answer", "fail"]
    )
    gateway = Gateway(folder, functions + routes)
    yield gateway
    gateway.stop()


def test_a_handler_is_run_by_awss_own_client(own):
    """Answers, errors and what a handler prints, behind an HTTP API; twice by the same process."""
    for _ in range(2):
        status, headers, text = own.call("GET", "/answer", "node.test")
        assert (status, text) == (201, "GET /answer"), own.said
        assert headers["x-official"] == "true"
    assert own.call("GET", "/fail", "node.test")[0] == 500
    assert not [line for line in own.said if "aws-lambda-ric" in line], own.said


def test_a_callback_and_a_stream_of_it_reach_clients_of_rest_apis(own):
    """The event of a REST API, and metadata before the payload, which comes as it is written."""
    api = Api(own, own.client("apigateway"))
    uri = f"arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/{arn('echo')}/invocations"
    api.method("/echo", type="AWS_PROXY", uri=uri, integrationHttpMethod="POST")
    api.method("/flow", type="AWS_PROXY", uri=streaming("streamed"), integrationHttpMethod="POST",
               responseTransferMode="STREAM")
    api.deploy()
    status, _, text = api.call("GET", "/echo")
    assert (status, json.loads(text)) == (200, ["/echo", "echo"])
    raw = connect(own, api, "/flow")
    got = until(raw, b"one ")
    assert got.startswith(b"HTTP/1.1 202") and b"x-own: /flow" in got.lower() and b"two" not in got
    assert until(raw, b"0\r\n\r\n").endswith(b"two\r\n0\r\n\r\n")
    raw.close()
    api.delete()
