# A small client of Lambda's Runtime API for a Python without awslambdaric.
import http.client, importlib, json, os, sys, time, traceback

_, handler_name = sys.argv
runtime = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
BASE = "/2018-06-01/runtime/"


class Context:
    def __init__(self, headers):
        self.aws_request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        self.invoked_function_arn = headers["Lambda-Runtime-Invoked-Function-Arn"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.identity = self.client_context = None
        self._deadline_ms = int(headers["Lambda-Runtime-Deadline-Ms"])

    def get_remaining_time_in_millis(self):
        return max(0, self._deadline_ms - int(time.time() * 1000))

    def log(self, message):
        sys.stdout.write(str(message))


def call(method, path, body=None, headers={}):
    runtime.request(method, BASE + path, body, headers)
    response = runtime.getresponse()
    return response.headers, response.read(), response.status


def fault(error):
    trace = traceback.format_list(traceback.extract_tb(error.__traceback__)[1:])
    shown = "[ERROR] " + type(error).__name__ + ": " + str(error)
    if trace:
        shown += "\nTraceback (most recent call last):\n" + "".join(trace)
    print(shown, flush=True)
    return {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": trace}


def load():
    module, _, function = handler_name.rpartition(".")
    if not module:
        raise ValueError("Bad handler '%s': no module in it" % handler_name)
    sys.path.insert(0, os.getcwd())
    return getattr(importlib.import_module(module.replace("/", ".")), function)


try:
    handler = load()
except Exception as error:
    body = fault(error)
    kinds = {"ModuleNotFoundError": "ImportModuleError", "ImportError": "ImportModuleError",
             "SyntaxError": "UserCodeSyntaxError", "AttributeError": "HandlerNotFound"}
    if type(error).__name__ in kinds:
        body["errorType"] = "Runtime." + kinds[type(error).__name__]
    headers = {"Lambda-Runtime-Function-Error-Type": body["errorType"]}
    call("POST", "init/error", json.dumps(body).encode(), headers)
    sys.exit(1)

while True:
    headers, event, _ = call("GET", "invocation/next")
    context = Context(headers)
    os.environ["_X_AMZN_TRACE_ID"] = headers.get("Lambda-Runtime-Trace-Id", "")
    where = "invocation/" + context.aws_request_id + "/"
    try:
        result = json.dumps(handler(json.loads(event), context), ensure_ascii=False).encode()
        where += "response"
        extra = {"Content-Type": "application/json"}
    except Exception as error:
        body = fault(error)
        body["requestId"] = context.aws_request_id
        result = json.dumps(body).encode()
        extra = {"Lambda-Runtime-Function-Error-Type": body["errorType"]}
        where += "error"
    call("POST", where, result, extra)
