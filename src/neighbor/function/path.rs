//! Which operation of Lambda's API a request is.

use crate::aws::arn::partition_of;
use crate::aws::function::FunctionName;
use crate::base::ascii;
use crate::control::{Error, Outcome, Request, Scope};
use crate::neighbor::function::invalid;

macro_rules! operations {
    ($($name:ident $method:literal $path:literal $reads:literal;)*) => {
        /// The operations that are served.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Operation { $($name,)* }

        impl Operation {
            fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// Whether it only shows a function.
            pub fn is_read(self) -> bool {
                match self { $(Self::$name => $reads,)* }
            }
        }

        /// Method, path behind the version, and operation; `*` stands for a name.
        const ROWS: &[(&str, &str, Operation)] = &[$(($method, $path, Operation::$name),)*];
    };
}

operations! {
    ListFunctions "GET" "functions" false;
    CreateFunction "POST" "functions" false;
    GetFunction "GET" "functions/*" true;
    DeleteFunction "DELETE" "functions/*" false;
    GetFunctionConfiguration "GET" "functions/*/configuration" true;
    UpdateFunctionConfiguration "PUT" "functions/*/configuration" false;
    UpdateFunctionCode "PUT" "functions/*/code" false;
    PublishVersion "POST" "functions/*/versions" false;
    ListVersionsByFunction "GET" "functions/*/versions" true;
    CreateAlias "POST" "functions/*/aliases" false;
    ListAliases "GET" "functions/*/aliases" true;
    GetAlias "GET" "functions/*/aliases/*" true;
    UpdateAlias "PUT" "functions/*/aliases/*" false;
    DeleteAlias "DELETE" "functions/*/aliases/*" false;
    AddPermission "POST" "functions/*/policy" false;
    GetPolicy "GET" "functions/*/policy" true;
    RemovePermission "DELETE" "functions/*/policy/*" false;
    Invoke "POST" "functions/*/invocations" false;
    InvokeWithResponseStream "POST" "functions/*/response-streaming-invocations" false;
    GetFunctionConcurrency "GET" "functions/*/concurrency" true;
    PutFunctionConcurrency "PUT" "functions/*/concurrency" false;
    DeleteFunctionConcurrency "DELETE" "functions/*/concurrency" false;
    GetFunctionCodeSigningConfig "GET" "functions/*/code-signing-config" true;
    ListTags "GET" "tags/*" true;
    TagResource "POST" "tags/*" false;
    UntagResource "DELETE" "tags/*" false;
    GetAccountSettings "GET" "account-settings" false;
}

/// A request, understood.
#[derive(Debug)]
pub struct Call {
    pub operation: Operation,
    /// Empty where the path has none.
    pub name: String,
    pub qualifier: Option<String>,
    /// The ARN of the function, without a qualifier.
    pub resource: String,
    /// What stands behind the third slash: an alias or a statement.
    third: String,
    query: Vec<(String, String)>,
}

impl Call {
    /// # Errors
    /// `UnknownOperationException`, or a name that is none.
    pub fn of(request: &Request, scope: &Scope) -> Outcome<Self> {
        let path = request.path.trim_matches('/');
        // Each operation carries the date of the API's version that it came with.
        let (_version, rest) = path.split_once('/').unwrap_or((path, ""));
        let parts: Vec<String> = rest.split('/').map(|part| decoded(part, false)).collect();
        let fits = |pattern: &str| {
            let wanted: Vec<&str> = pattern.split('/').collect();
            let mut pairs = wanted.iter().zip(&parts);
            wanted.len() == parts.len() && pairs.all(|(own, part)| *own == "*" || own == part)
        };
        let found = ROWS
            .iter()
            .find(|(method, pattern, _)| *method == request.method && fits(pattern));
        let Some((_, _, operation)) = found else {
            return Err(Error {
                status: 404,
                code: "UnknownOperationException",
                message: format!(
                    "{} {} is not served by this version",
                    request.method, request.path
                ),
            });
        };
        let pairs = request.query.split('&').filter(|pair| !pair.is_empty());
        let query: Vec<(String, String)> = pairs
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                (decoded(name, true), decoded(value, true))
            })
            .collect();
        let mut call = Self {
            operation: *operation,
            name: String::new(),
            qualifier: None,
            resource: "*".to_owned(),
            third: parts.get(3).cloned().unwrap_or_default(),
            query,
        };
        if let Some(text) = parts.get(1) {
            call.take_name(text, scope)?;
        }
        if let Some(qualifier) = call.query("Qualifier") {
            call.qualifier = Some(qualifier.to_owned());
        }
        Ok(call)
    }

    fn take_name(&mut self, text: &str, scope: &Scope) -> Outcome<()> {
        let name = FunctionName::parse(text)
            .ok_or_else(|| invalid(format!("'{text}' is not the name of a function")))?;
        if !["", &scope.region].contains(&name.region) {
            let (theirs, ours) = (name.region, &scope.region);
            return Err(Error {
                status: 404,
                code: "ResourceNotFoundException",
                message: format!(
                    "Functions from '{theirs}' are not reachable in this region ('{ours}')"
                ),
            });
        }
        if !["", &scope.account].contains(&name.account) {
            let (theirs, ours) = (name.account, &scope.account);
            return Err(Error {
                status: 403,
                code: "AccessDeniedException",
                message: format!(
                    "The function belongs to the account {theirs}, and the request to {ours}"
                ),
            });
        }
        self.name = name.name.to_owned();
        self.qualifier = name.qualifier.map(str::to_owned);
        self.resource = arn_of(scope, name.name);
        Ok(())
    }

    pub fn third(&self) -> &str {
        &self.third
    }

    pub fn query(&self, name: &str) -> Option<&str> {
        let mut found = self.query.iter();
        let found = found.find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_str())
    }

    pub fn queries<'q>(&'q self, name: &'q str) -> impl Iterator<Item = &'q str> {
        let found = self.query.iter().filter(move |(other, _)| other == name);
        found.map(|(_, value)| value.as_str())
    }

    pub fn number(&self, name: &str) -> Option<usize> {
        self.query(name)?.parse().ok()
    }
}

impl Operation {
    /// What an identity policy has to allow for it. Both ways of invoking are one action of AWS's.
    pub fn action(self) -> String {
        let name = match self {
            Self::Invoke | Self::InvokeWithResponseStream => "InvokeFunction",
            other => other.name(),
        };
        format!("lambda:{name}")
    }
}

/// The ARN of a function, without a qualifier.
pub fn arn_of(scope: &Scope, name: &str) -> String {
    let Scope { account, region } = scope;
    let partition = partition_of(region);
    format!("arn:{partition}:lambda:{region}:{account}:function:{name}")
}

fn decoded(text: &str, is_form: bool) -> String {
    let text = match is_form {
        true => text.replace('+', " "),
        false => text.to_owned(),
    };
    let mut out = Vec::with_capacity(text.len());
    ascii::percent_decode(&mut out, text.as_bytes());
    String::from_utf8_lossy(&out).into_owned()
}
