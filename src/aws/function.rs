//! Names of Lambda functions: plain, with a qualifier, as ARNs, as the URIs of integrations.

use crate::aws::arn::{Arn, IntegrationUri, partition_of};

/// A function and which version of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FunctionName<'a> {
    /// Empty where the text does not say.
    pub region: &'a str,
    /// Empty where the text does not say.
    pub account: &'a str,
    pub name: &'a str,
    /// A version or an alias.
    pub qualifier: Option<&'a str>,
}

impl<'a> FunctionName<'a> {
    /// The ARN without the qualifier.
    pub fn arn(&self) -> String {
        let Self {
            region,
            account,
            name,
            ..
        } = self;
        let partition = partition_of(region);
        format!("arn:{partition}:lambda:{region}:{account}:function:{name}")
    }

    /// Reads `name`, `name:qualifier`, `account:function:name`, an ARN of a function, or the URI of
    /// an integration with one. None for anything else.
    pub fn parse(text: &'a str) -> Option<Self> {
        if let Ok(uri) = IntegrationUri::parse(text) {
            return Self::parse(uri.function()?);
        }
        if text.starts_with("arn:") {
            let arn = Arn::parse(text)?;
            let resource = arn.resource.strip_prefix("function:")?;
            let plain = Self::parse(resource)?;
            return (arn.service == "lambda").then_some(Self {
                region: arn.region,
                account: arn.account,
                ..plain
            });
        }
        let (account, rest) = match text.split_once(":function:") {
            Some((account, rest)) => (account, rest),
            None => ("", text),
        };
        let (name, qualifier) = match rest.split_once(':') {
            Some((name, qualifier)) => (name, Some(qualifier)),
            None => (rest, None),
        };
        let fine = is_name(name) && qualifier.is_none_or(is_qualifier);
        fine.then_some(Self {
            region: "",
            account,
            name,
            qualifier,
        })
    }
}

/// AWS: `[a-zA-Z0-9-_]+`, at most 64 characters.
pub fn is_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !text.is_empty() && text.len() <= 64 && text.bytes().all(fits)
}

/// `$LATEST`, a version number or the name of an alias.
fn is_qualifier(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    text == "$LATEST" || (!text.is_empty() && text.len() <= 128 && text.bytes().all(fits))
}

/// Whether a function may have an environment variable of this name. AWS: `[a-zA-Z]([a-zA-Z0-9_])+`;
/// one letter does here.
pub fn is_variable_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.bytes().all(fits)
}

/// The variables that Lambda sets for every function. AWS reserves those of its keys too; here a
/// function has no others than it is given.
pub const RESERVED_VARIABLES: [&str; 14] = [
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "LAMBDA_TASK_ROOT",
    "LAMBDA_RUNTIME_DIR",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_named_in_many_ways() {
        let check = |text: &str, expected: Option<(&str, &str, &str, Option<&str>)>| {
            let name = FunctionName::parse(text);
            let parts = name.map(|name| (name.region, name.account, name.name, name.qualifier));
            assert_eq!(parts, expected, "{text}");
        };
        check("pets", Some(("", "", "pets", None)));
        check("pets:live", Some(("", "", "pets", Some("live"))));
        check("pets:$LATEST", Some(("", "", "pets", Some("$LATEST"))));
        check(
            "111122223333:function:pets",
            Some(("", "111122223333", "pets", None)),
        );
        let arn = "arn:aws:lambda:eu-west-1:111122223333:function:pets:7";
        check(arn, Some(("eu-west-1", "111122223333", "pets", Some("7"))));
        let uri = format!(
            "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/{arn}/invocations"
        );
        check(&uri, Some(("eu-west-1", "111122223333", "pets", Some("7"))));
        let uri = format!(
            "arn:aws:apigateway:eu-west-1:lambda:path/2021-11-15/functions/{arn}/response-streaming-invocations"
        );
        check(&uri, Some(("eu-west-1", "111122223333", "pets", Some("7"))));
        check("", None);
        check("a b", None);
        check("arn:aws:sqs:eu-west-1:111122223333:queue", None);
        check("arn:aws:lambda:eu-west-1:111122223333:layer:x", None);
        check("pets:", None);
    }
}
