//! The ten subtypes that AWS has, with their parameters.

use crate::aws::subtype::Kind::{Attributes, Bytes, Integer, Text, Texts, Time};
use crate::aws::subtype::{Kind, Parameter, Protocol, Subtype};

pub const SUBTYPES: &[Subtype] = &[
    Subtype {
        name: "EventBridge-PutEvents",
        service: "events",
        protocol: Protocol::Json {
            target: "AWSEvents.PutEvents",
            version: "1.1",
            list: Some("Entries"),
        },
        parameters: &[
            required("Detail", "Detail", Text),
            required("DetailType", "DetailType", Text),
            required("Source", "Source", Text),
            optional("Time", "Time", Time),
            optional("EventBusName", "EventBusName", Text),
            optional("Resources", "Resources", Texts),
            optional("TraceHeader", "TraceHeader", Text),
        ],
    },
    Subtype {
        name: "SQS-SendMessage",
        service: "sqs",
        protocol: sqs("SendMessage"),
        parameters: &[
            required("QueueUrl", "QueueUrl", Text),
            required("MessageBody", "MessageBody", Text),
            optional("DelaySeconds", "DelaySeconds", Integer),
            optional("MessageAttributes", "MessageAttribute", Attributes),
            optional("MessageDeduplicationId", "MessageDeduplicationId", Text),
            optional("MessageGroupId", "MessageGroupId", Text),
            optional(
                "MessageSystemAttributes",
                "MessageSystemAttribute",
                Attributes,
            ),
        ],
    },
    Subtype {
        name: "SQS-ReceiveMessage",
        service: "sqs",
        protocol: sqs("ReceiveMessage"),
        parameters: &[
            required("QueueUrl", "QueueUrl", Text),
            optional("AttributeNames", "AttributeName", Texts),
            optional("MaxNumberOfMessages", "MaxNumberOfMessages", Integer),
            optional("MessageAttributeNames", "MessageAttributeName", Texts),
            optional("ReceiveRequestAttemptId", "ReceiveRequestAttemptId", Text),
            optional("VisibilityTimeout", "VisibilityTimeout", Integer),
            optional("WaitTimeSeconds", "WaitTimeSeconds", Integer),
        ],
    },
    Subtype {
        name: "SQS-DeleteMessage",
        service: "sqs",
        protocol: sqs("DeleteMessage"),
        parameters: &[
            required("ReceiptHandle", "ReceiptHandle", Text),
            required("QueueUrl", "QueueUrl", Text),
        ],
    },
    Subtype {
        name: "SQS-PurgeQueue",
        service: "sqs",
        protocol: sqs("PurgeQueue"),
        parameters: &[required("QueueUrl", "QueueUrl", Text)],
    },
    Subtype {
        name: "AppConfig-GetConfiguration",
        service: "appconfig",
        protocol: Protocol::Path(
            "/applications/{Application}/environments/{Environment}/configurations/{Configuration}",
        ),
        parameters: &[
            required("Application", "Application", Text),
            required("Environment", "Environment", Text),
            required("Configuration", "Configuration", Text),
            required("ClientId", "client_id", Text),
            optional(
                "ClientConfigurationVersion",
                "client_configuration_version",
                Text,
            ),
        ],
    },
    Subtype {
        name: "Kinesis-PutRecord",
        service: "kinesis",
        protocol: Protocol::Json {
            target: "Kinesis_20131202.PutRecord",
            version: "1.1",
            list: None,
        },
        parameters: &[
            required("StreamName", "StreamName", Text),
            required("Data", "Data", Bytes),
            required("PartitionKey", "PartitionKey", Text),
            optional(
                "SequenceNumberForOrdering",
                "SequenceNumberForOrdering",
                Text,
            ),
            optional("ExplicitHashKey", "ExplicitHashKey", Text),
        ],
    },
    Subtype {
        name: "StepFunctions-StartExecution",
        service: "states",
        protocol: states("AWSStepFunctions.StartExecution"),
        parameters: &[
            required("StateMachineArn", "stateMachineArn", Text),
            optional("Name", "name", Text),
            optional("Input", "input", Text),
        ],
    },
    Subtype {
        name: "StepFunctions-StartSyncExecution",
        service: "sync-states",
        protocol: states("AWSStepFunctions.StartSyncExecution"),
        parameters: &[
            required("StateMachineArn", "stateMachineArn", Text),
            optional("Name", "name", Text),
            optional("Input", "input", Text),
            optional("TraceHeader", "traceHeader", Text),
        ],
    },
    Subtype {
        name: "StepFunctions-StopExecution",
        service: "states",
        protocol: states("AWSStepFunctions.StopExecution"),
        parameters: &[
            required("ExecutionArn", "executionArn", Text),
            optional("Cause", "cause", Text),
            optional("Error", "error", Text),
        ],
    },
];

const fn sqs(action: &'static str) -> Protocol {
    Protocol::Query {
        action,
        version: "2012-11-05",
    }
}

const fn states(target: &'static str) -> Protocol {
    Protocol::Json {
        target,
        version: "1.0",
        list: None,
    }
}

const fn required(name: &'static str, member: &'static str, kind: Kind) -> Parameter {
    Parameter {
        name,
        member,
        kind,
        is_required: true,
    }
}

const fn optional(name: &'static str, member: &'static str, kind: Kind) -> Parameter {
    Parameter {
        name,
        member,
        kind,
        is_required: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_only_parameters_of_its_own() {
        for subtype in SUBTYPES {
            let Protocol::Path(path) = subtype.protocol else {
                continue;
            };
            for name in path
                .split('{')
                .skip(1)
                .filter_map(|rest| rest.split_once('}'))
            {
                let found = subtype.parameters.iter();
                let mut found = found.filter(|parameter| parameter.member == name.0);
                assert!(found.next().is_some_and(|parameter| parameter.is_required));
            }
        }
    }

    #[test]
    fn names_are_there_once() {
        let mut names: Vec<&str> = SUBTYPES.iter().map(|subtype| subtype.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 10);
        for subtype in SUBTYPES {
            let mut names: Vec<&str> = subtype.parameters.iter().map(|own| own.name).collect();
            names.sort_unstable();
            let before = names.len();
            names.dedup();
            assert_eq!(names.len(), before, "{}", subtype.name);
        }
    }
}
