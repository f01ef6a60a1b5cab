//! One line for each finished call, in the format of its stage.

use crate::gateway::variable::Facts;
use crate::gateway::{Call, Worker};
use crate::lang::logline::Format;
use crate::net::Exchange;

/// Writes the line, if there is somewhere to write it to.
pub fn write(
    worker: &Worker,
    format: &Format,
    call: &Call<'_>,
    exchange: &Exchange<'_>,
    latency_us: u64,
) {
    let mut logs = worker.logs.borrow_mut();
    let Some(lines) = logs.access.as_mut() else {
        return;
    };
    let facts = Facts {
        worker,
        call,
        exchange,
        latency_us,
    };
    format.render(lines.begin(), &mut |variable, out| {
        facts.write(variable, out);
    });
    lines.commit();
}
