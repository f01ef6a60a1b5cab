"""Handlers that the tests call with the runtime client of AWS and with the gateway's own."""
import os


def echo(event, context):
    return event


def answer(event, context):
    print("handling", context.aws_request_id)
    body = "%s %s %s" % (event["requestContext"]["http"]["method"], event["rawPath"],
                         context.function_name)
    return {"statusCode": 201, "headers": {"x-made-by": "python"}, "body": body,
            "cookies": ["a=1", "b=2"]}


def fail(event, context):
    raise ValueError("no such luck")


def remaining(event, context):
    return {"ms": context.get_remaining_time_in_millis(), "arn": context.invoked_function_arn,
            "memory": context.memory_limit_in_mb, "trace": os.environ.get("_X_AMZN_TRACE_ID")}
