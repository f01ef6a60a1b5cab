//! Parameter mapping of HTTP APIs to what the gateway runs.

use crate::compile::problem::{Fault, Place, Problems};
use crate::lang::mapping::{Mapping, Side, parse_all};
use crate::model::v2::{Mappings, Stage};
use crate::plan::mapped::needs_body;
use crate::plan::{Changes, ReplyMapping};

/// All that is changed, for one stage. None if something is wrong, which is then said.
pub(in crate::compile) fn changes(
    written: &Mappings,
    stage: &Stage,
    place: &Place<'_>,
    problems: &mut Problems,
) -> Option<Changes> {
    let here = place.then("request_parameters");
    let request = table(&written.request, Side::Request, stage);
    let request = request.map_err(|message| problems.push(&here, Fault::new(message)));
    let replies = replies(&written.responses, stage, place, problems);
    let request = request.ok()?;
    Some(Changes {
        needs_body: needs_body(&request),
        request,
        replies: replies?,
    })
}

/// What is changed of answers. None if something is wrong, which is then said.
pub(in crate::compile) fn replies(
    written: &[(u16, Vec<(String, String)>)],
    stage: &Stage,
    place: &Place<'_>,
    problems: &mut Problems,
) -> Option<Box<[ReplyMapping]>> {
    let here = place.then("response_parameters");
    let replies = written.iter().map(|(status, written)| {
        let mappings = table(written, Side::Response, stage)?;
        Ok(ReplyMapping {
            status: *status,
            needs_body: needs_body(&mappings),
            mappings,
        })
    });
    let replies = replies.collect::<Result<Box<[ReplyMapping]>, String>>();
    let replies = replies.map_err(|message| problems.push(&here, Fault::new(message)));
    replies.ok()
}

fn table(
    written: &[(String, String)],
    side: Side,
    stage: &Stage,
) -> Result<Box<[Mapping]>, String> {
    let pairs = written.iter();
    let pairs = pairs.map(|(target, value)| (target.as_str(), value.as_str()));
    let mut mappings = parse_all(pairs, side)?;
    for mapping in &mut mappings {
        let variable = |name: &str| stage.variables.get(name).map(String::as_str);
        mapping.value = mapping.value.settled(variable);
    }
    Ok(mappings.into())
}
