//! Integrations with Lambda functions to targets.

use std::sync::Arc;

use crate::aws::arn::partition_of;
use crate::aws::endpoint::Endpoint;
use crate::aws::function::FunctionName;
use crate::base::json;
use crate::compile::group::Groups;
use crate::compile::problem::{Fault, Place, Problems};
use crate::compile::target::{Made, Needs};
use crate::compile::{mapping, service};
use crate::model::v2::{Api, EventFormat, FunctionCall, Reach, RouteKey, Stage};
use crate::plan::function::{EventFacts, Format, SourceArn};
use crate::plan::{FunctionTarget, Service, Target};

/// The target of a route in one stage; none if there can be no such function, which is then said.
pub(in crate::compile) fn target(
    call: &FunctionCall,
    api: &Api,
    key: &RouteKey,
    stage: &Stage,
    groups: &mut Groups<'_>,
    place: &Place<'_>,
    problems: &mut Problems,
) -> Option<Made> {
    let text = with_variables(&call.function, stage);
    let named = FunctionName::parse(&text);
    // A stage that lacks the variable has no function there, as in AWS: its calls fail.
    let is_open = call.function.contains("${");
    if named.is_none() && !is_open {
        let fault = Fault::new(format!("`{text}` is not the name of a function"));
        let hint = "write a name, `name:alias`, or the ARN of a Lambda function";
        problems.push(&place.then("function"), fault.hint(hint));
        return None;
    }
    let variables = (!stage.variables.is_empty()).then(|| json::line(&stage.variables));
    let route_key = key.to_string();
    let resource_path = match call.format {
        EventFormat::Rest => call.resource_path.as_str(),
        EventFormat::Http1 => path_of(&route_key),
        EventFormat::Http2 => &route_key,
    };
    let facts = EventFacts {
        account_id: call.account_id.as_str().into(),
        api_id: api.id.as_str().into(),
        stage: stage.name.as_str().into(),
        deployment_id: call.deployment_id.as_str().into(),
        resource_id: call.resource_id.as_str().into(),
        resource_path: resource_path.into(),
        route_key: route_key.as_str().into(),
        stage_variables: variables.map(Into::into),
        has_own_host: api.reach == Reach::Hosts,
    };
    let changes = match call.mappings.is_empty() {
        true => None,
        false => Some(mapping::changes(&call.mappings, stage, place, problems)?),
    };
    let types = call.binary_types.iter();
    let types = types.map(|media| media.to_ascii_lowercase().into());
    let remote = match named.filter(|_| groups.aws.remote_functions) {
        None => None,
        Some(named) => match remote(call, &named, stage, groups) {
            Ok(remote) => Some(remote),
            Err(fault) => {
                problems.push(&place.then("function"), fault);
                return None;
            }
        },
    };
    let (remote, needs) = remote.unzip();
    Some(Made {
        needs,
        rest: None,
        target: Target::Function(Arc::new(FunctionTarget {
            arn: named.map(|named| named.arn()).unwrap_or_default().into(),
            qualifier: named.and_then(|named| named.qualifier.map(Into::into)),
            format: match call.format {
                EventFormat::Rest => Format::Rest,
                EventFormat::Http1 => Format::Http1,
                EventFormat::Http2 => Format::Http2,
            },
            timeout_ms: call.timeout_ms,
            source: source(call, api, &route_key, stage),
            as_caller: service::is_caller(&with_variables(&call.credentials, stage)),
            facts,
            binary_types: types.collect(),
            streams: call.streams,
            remote: remote.map(Box::new),
            changes: changes.map(Box::new),
        })),
    })
}

/// Who runs a function that this machine does not have.
fn remote(
    call: &FunctionCall,
    named: &FunctionName<'_>,
    stage: &Stage,
    groups: &mut Groups<'_>,
) -> Result<(Service, Needs), Fault> {
    let region = groups.aws.region.clone();
    let endpoint = Endpoint {
        subdomain: None,
        service: "lambda",
        region: match named.region {
            "" => &region,
            region => region,
        },
    };
    let credentials = with_variables(&call.credentials, stage);
    service::service(&endpoint, &credentials, groups)
}

/// As whom the API calls, where the policy of the function is asked.
fn source(call: &FunctionCall, api: &Api, route_key: &str, stage: &Stage) -> Option<SourceArn> {
    let region = stage.asks_policies_in.as_deref()?;
    if !call.credentials.is_empty() {
        return None;
    }
    let partition = partition_of(region);
    let (account, api, stage) = (&call.account_id, &api.id, &stage.name);
    let before = format!("arn:{partition}:execute-api:{region}:{account}:{api}/{stage}/");
    Some(match route_key.split_once(' ') {
        Some((_, path)) => SourceArn {
            before: before.into(),
            path: Some(path.into()),
        },
        None => SourceArn {
            before: (before + route_key).into(),
            path: None,
        },
    })
}

/// `GET /pets` has the path `/pets`; `$default` is its own.
fn path_of(route_key: &str) -> &str {
    route_key
        .split_once(' ')
        .map_or(route_key, |(_, path)| path)
}

/// Unknown variables stand for nothing.
pub(in crate::compile) fn with_variables(text: &str, stage: &Stage) -> String {
    const START: &str = "${stageVariables.";
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, behind)) = rest.split_once(START) {
        out.push_str(before);
        let (name, after) = behind.split_once('}').unwrap_or((behind, ""));
        out.push_str(stage.variables.get(name).map_or("", String::as_str));
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use crate::compile::tests::{api, first, route, snapshot, stage};
    use crate::compile::{Ledger, compile};
    use crate::model::v2::{EventFormat, FunctionCall, Integration};
    use crate::plan::Target;

    fn function(name: &str) -> Integration {
        Integration::Function(Box::new(FunctionCall {
            function: name.to_owned(),
            format: EventFormat::Http2,
            timeout_ms: 1_000,
            account_id: "111122223333".to_owned(),
            ..FunctionCall::default()
        }))
    }

    #[test]
    fn a_stage_variable_chooses_the_function_or_none() {
        let check = |text: &str, expected: (&str, Option<&str>)| {
            let mut pets = api("pets", vec![route("GET /", function(text))]);
            pets.stages = vec![stage("$default")];
            let variable = ("alias".to_owned(), "live".to_owned());
            pets.stages[0].variables = [variable].into();
            let (plan, _) = first(&snapshot(Vec::new(), vec![pets]));
            let Target::Function(target) = &plan.stages[0].routes[0].target else {
                panic!();
            };
            assert_eq!((&*target.arn, target.qualifier.as_deref()), expected);
            let variables = target.facts.stage_variables.as_deref();
            assert_eq!(variables, Some(r#"{"alias":"live"}"#));
        };
        let pets = "arn:aws:lambda:eu-west-1:1:function:pets";
        check(pets, (pets, None));
        check(
            &format!("{pets}:${{stageVariables.alias}}"),
            (pets, Some("live")),
        );
        check(
            "arn:aws:lambda:eu-west-1:1:function:f:${stageVariables.alias}",
            ("arn:aws:lambda:eu-west-1:1:function:f", Some("live")),
        );
        check(&format!("{pets}:${{stageVariables.unknown}}"), ("", None));
    }

    #[test]
    fn a_policy_is_asked_where_the_stage_says_so_and_no_role_calls() {
        let check = |key: &str, region: Option<&str>, has_role, expected: Option<&str>| {
            let Integration::Function(mut call) = function("pets") else {
                panic!();
            };
            if has_role {
                call.credentials = "arn:aws:iam::111122223333:role/invoker".to_owned();
            }
            let mut pets = api("pets", vec![route(key, Integration::Function(call))]);
            pets.stages = vec![stage("live")];
            pets.stages[0].asks_policies_in = region.map(str::to_owned);
            let (plan, _) = first(&snapshot(Vec::new(), vec![pets]));
            let Target::Function(target) = &plan.stages[0].routes[0].target else {
                panic!();
            };
            let source = target.source.as_ref().map(|source| source.with("PUT"));
            assert_eq!(source.as_deref(), expected);
        };
        let start = "arn:aws:execute-api:eu-west-1:111122223333:pets/live";
        let region = Some("eu-west-1");
        let pet = format!("{start}/PUT/pets/{{id}}");
        check("ANY /pets/{id}", region, false, Some(&pet));
        let default = format!("{start}/$default");
        check("$default", region, false, Some(&default));
        check("GET /", region, true, None);
        check("GET /", None, false, None);
    }

    #[test]
    fn what_is_no_name_of_a_function_is_a_problem() {
        let pets = api("pets", vec![route("GET /", function("no such/name"))]);
        let problems = compile(&snapshot(Vec::new(), vec![pets]), &Ledger::default()).unwrap_err();
        assert!(
            problems[0]
                .to_string()
                .contains("not the name of a function")
        );
    }
}
