//! How an action of a service travels: in AWS's JSON protocols, or in its query protocol.

use crate::aws::endpoint::Endpoint;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// The action is in `X-Amz-Target`, its parameters are the body.
    Json {
        /// What stands before the action, without the dot.
        prefix: &'static str,
        /// `application/x-amz-json-1.0`
        content_type: &'static str,
    },
    /// Action and parameters are in the query, or in a form.
    Query {
        /// The service's version of its API; none: it has to be said.
        version: Option<&'static str>,
    },
}

const JSON_1_0: &str = "application/x-amz-json-1.0";
const JSON_1_1: &str = "application/x-amz-json-1.1";

/// Services that know the JSON protocols alone, by subdomain and service, as the SDKs know them.
/// SQS speaks both; its actions travel in the query, as API Gateway sends them.
const JSON: &[(&str, &str, &str)] = &[
    ("acm", "CertificateManager", JSON_1_1),
    ("api.ecr", "AmazonEC2ContainerRegistry_V20150921", JSON_1_1),
    ("api.sagemaker", "SageMaker", JSON_1_1),
    (
        "application-autoscaling",
        "AnyScaleFrontendService",
        JSON_1_1,
    ),
    ("athena", "AmazonAthena", JSON_1_1),
    (
        "cloudtrail",
        "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101",
        JSON_1_1,
    ),
    ("codebuild", "CodeBuild_20161006", JSON_1_1),
    ("codecommit", "CodeCommit_20150413", JSON_1_1),
    ("codedeploy", "CodeDeploy_20141006", JSON_1_1),
    ("codepipeline", "CodePipeline_20150709", JSON_1_1),
    ("cognito-identity", "AWSCognitoIdentityService", JSON_1_1),
    ("cognito-idp", "AWSCognitoIdentityProviderService", JSON_1_1),
    ("comprehend", "Comprehend_20171127", JSON_1_1),
    ("config", "StarlingDoveService", JSON_1_1),
    ("dynamodb", "DynamoDB_20120810", JSON_1_0),
    ("ecs", "AmazonEC2ContainerServiceV20141113", JSON_1_1),
    ("elasticmapreduce", "ElasticMapReduce", JSON_1_1),
    ("events", "AWSEvents", JSON_1_1),
    ("firehose", "Firehose_20150804", JSON_1_1),
    ("forecast", "AmazonForecast", JSON_1_1),
    ("glue", "AWSGlue", JSON_1_1),
    ("kendra", "AWSKendraFrontendService", JSON_1_1),
    ("kinesis", "Kinesis_20131202", JSON_1_1),
    ("kms", "TrentService", JSON_1_1),
    ("logs", "Logs_20140328", JSON_1_1),
    ("metering.marketplace", "AWSMPMeteringService", JSON_1_1),
    ("organizations", "AWSOrganizationsV20161128", JSON_1_1),
    ("personalize", "AmazonPersonalize", JSON_1_1),
    ("redshift-data", "RedshiftData", JSON_1_1),
    ("rekognition", "RekognitionService", JSON_1_1),
    ("route53domains", "Route53Domains_v20140515", JSON_1_1),
    ("secretsmanager", "secretsmanager", JSON_1_1),
    ("servicediscovery", "Route53AutoNaming_v20170314", JSON_1_1),
    ("ssm", "AmazonSSM", JSON_1_1),
    ("states", "AWSStepFunctions", JSON_1_0),
    ("streams.dynamodb", "DynamoDBStreams_20120810", JSON_1_0),
    ("support", "AWSSupport_20130415", JSON_1_1),
    ("swf", "SimpleWorkflowService", JSON_1_0),
    ("sync-states", "AWSStepFunctions", JSON_1_0),
    ("tagging", "ResourceGroupsTaggingAPI_20170126", JSON_1_1),
    ("textract", "Textract", JSON_1_1),
    ("transcribe", "Transcribe", JSON_1_1),
    ("translate", "AWSShineFrontendService_20170701", JSON_1_1),
    ("verifiedpermissions", "VerifiedPermissions", JSON_1_0),
    ("wafv2", "AWSWAF_20190729", JSON_1_1),
];

/// Versions of the services of the query protocol.
const QUERY: &[(&str, &str)] = &[
    ("autoscaling", "2011-01-01"),
    ("cloudformation", "2010-05-15"),
    ("ec2", "2016-11-15"),
    ("elasticache", "2015-02-02"),
    ("elasticbeanstalk", "2010-12-01"),
    ("elasticloadbalancing", "2015-12-01"),
    ("email", "2010-12-01"),
    ("iam", "2010-05-08"),
    ("monitoring", "2010-08-01"),
    ("rds", "2014-10-31"),
    ("redshift", "2012-12-01"),
    ("sns", "2010-03-31"),
    ("sqs", "2012-11-05"),
    ("sts", "2011-06-15"),
];

impl Protocol {
    pub fn of(endpoint: &Endpoint<'_>) -> Self {
        let label = endpoint.label();
        let name = match endpoint.subdomain {
            Some(subdomain) => format!("{subdomain}.{label}"),
            None => label.to_owned(),
        };
        let found = JSON.iter().find(|(own, ..)| *own == name);
        if let Some((_, prefix, content_type)) = found {
            return Self::Json {
                prefix,
                content_type,
            };
        }
        let found = QUERY.iter().find(|(own, _)| *own == name);
        Self::Query {
            version: found.map(|(_, version)| *version),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_speak_the_protocol_that_they_know() {
        let check = |subdomain, service, expected| {
            let endpoint = Endpoint {
                subdomain,
                service,
                region: "eu-west-1",
            };
            assert_eq!(Protocol::of(&endpoint), expected, "{service}");
        };
        let json = |prefix, content_type| Protocol::Json {
            prefix,
            content_type,
        };
        check(None, "dynamodb", json("DynamoDB_20120810", JSON_1_0));
        check(None, "stepfunctions", json("AWSStepFunctions", JSON_1_0));
        let streams = json("DynamoDBStreams_20120810", JSON_1_0);
        check(Some("streams"), "dynamodb", streams);
        let version = Some("2012-11-05");
        check(None, "sqs", Protocol::Query { version });
        let version = Some("2010-08-01");
        check(None, "cloudwatch", Protocol::Query { version });
        check(None, "new", Protocol::Query { version: None });
        assert!(JSON.is_sorted() && QUERY.is_sorted());
    }
}
