//! First-class integrations to targets.

use std::sync::Arc;

use crate::aws::endpoint::Endpoint;
use crate::aws::subtype::Subtype;
use crate::compile::group::Groups;
use crate::compile::problem::{Fault, Place, Problems};
use crate::compile::target::Made;
use crate::compile::{mapping, service};
use crate::lang::mapping::{Expression, Side};
use crate::model::v2::{Stage, SubtypeCall};
use crate::plan::mapped::takes_from_body;
use crate::plan::subtype::Given;
use crate::plan::{SubtypeTarget, Target};

/// The target of a route in one stage; none if something is wrong, which is then said.
pub(in crate::compile) fn target(
    call: &SubtypeCall,
    stage: &Stage,
    groups: &mut Groups<'_>,
    place: &Place<'_>,
    problems: &mut Problems,
) -> Option<Made> {
    let Some(subtype) = Subtype::named(&call.subtype) else {
        let fault = Fault::new(format!("there is no subtype `{}`", call.subtype));
        problems.push(&place.then("subtype"), fault);
        return None;
    };
    let here = place.then("request_parameters");
    let given = call.parameters.iter();
    let given = given.map(|(name, text)| given_of(subtype, name, text, stage));
    let given = given.collect::<Result<Box<[Given]>, Fault>>();
    let given = given.map_err(|fault| problems.push(&here, fault)).ok();
    let replies = mapping::replies(&call.responses, stage, place, problems);
    let endpoint = Endpoint {
        subdomain: None,
        service: subtype.service,
        region: &call.region,
    };
    let service = service::service(&endpoint, &call.credentials, groups);
    let service = service.map_err(|fault| problems.push(&place.then("credentials"), fault));
    let (service, needs) = service.ok()?;
    let parameters = given?;
    let needs_body = parameters.iter().any(|given| takes_from_body(&given.value));
    Some(Made {
        target: Target::Subtype(Arc::new(SubtypeTarget {
            subtype,
            service,
            needs_body,
            parameters,
            timeout_ms: call.timeout_ms,
            replies: replies?,
        })),
        needs: Some(needs),
        rest: None,
    })
}

fn given_of(subtype: &Subtype, name: &str, text: &str, stage: &Stage) -> Result<Given, Fault> {
    let unknown = || Fault::new(format!("{} has no parameter `{name}`", subtype.name));
    let parameter = subtype.parameter(name).ok_or_else(unknown)?;
    let value = Expression::parse(text, Side::Request).map_err(Fault::new)?;
    let variable = |name: &str| stage.variables.get(name).map(String::as_str);
    Ok(Given {
        parameter,
        written: text.into(),
        value: value.settled(variable),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use crate::compile::tests::{api, first, route, snapshot, stage};
    use crate::compile::{Ledger, compile};
    use crate::lang::mapping::Piece;
    use crate::model::v2::{Integration, SubtypeCall};
    use crate::plan::Target;
    use crate::plan::service::Credentials;

    const ROLE: &str = "arn:aws:iam::111122223333:role/r";

    fn call(parameters: &[(&str, &str)]) -> Integration {
        let parameters = parameters.iter();
        let own = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        Integration::Subtype(Box::new(SubtypeCall {
            subtype: "StepFunctions-StartSyncExecution".to_owned(),
            parameters: parameters.map(own).collect(),
            region: "eu-west-3".to_owned(),
            credentials: ROLE.to_owned(),
            timeout_ms: 1_000,
            ..SubtypeCall::default()
        }))
    }

    #[test]
    fn an_action_goes_to_the_host_of_its_service_with_the_stages_variables() {
        let parameters = [
            ("StateMachineArn", "${stageVariables.arn}"),
            ("Input", "$request.body"),
        ];
        let mut pets = api("pets", vec![route("POST /", call(&parameters))]);
        pets.stages = vec![stage("live")];
        pets.stages[0].variables = [("arn".to_owned(), "arn:x".to_owned())].into();
        let (plan, _) = first(&snapshot(Vec::new(), vec![pets]));
        let Target::Subtype(target) = &plan.stages[0].routes[0].target else {
            panic!();
        };
        let service = &target.service;
        assert_eq!(&*service.host, "sync-states.eu-west-3.amazonaws.com");
        assert_eq!((&*service.name, &*service.region), ("states", "eu-west-3"));
        assert_eq!(service.credentials, Credentials::Role(ROLE.into()));
        assert!(target.needs_body && target.reply(200).is_none());
        let first = &target.parameters[0];
        assert_eq!(first.parameter.member, "stateMachineArn");
        assert_eq!(*first.value.pieces, [Piece::Literal("arn:x".into())]);
    }

    #[test]
    fn what_the_action_does_not_have_is_a_problem() {
        for parameters in [("input", "x"), ("Input", "$request.nothing")] {
            let pets = api("pets", vec![route("POST /", call(&[parameters]))]);
            let asked = snapshot(Vec::new(), vec![pets]);
            let problems = compile(&asked, &Ledger::default()).unwrap_err();
            let text = problems[0].to_string();
            assert!(
                text.contains("input") || text.contains("$request.nothing"),
                "{text}"
            );
        }
    }
}
