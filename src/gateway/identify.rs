//! What a request of an HTTP or REST API is called: its ids and its trace.

use crate::base::Uuid;
use crate::gateway::{Call, Worker};
use crate::net::Exchange;
use crate::observe::Trace;
use crate::plan::stage::StageKind;
use crate::wire::head::Name;

/// Gives the call its names by the rules of `kind`. A client may go on with a trace of its own,
/// and choose the id of its request to a REST API.
pub fn request(worker: &Worker, call: &mut Call<'_>, exchange: &Exchange<'_>, kind: StageKind) {
    let (head, bytes) = (exchange.head(), exchange.bytes());
    call.kind = kind;
    trace(worker, call, exchange);
    let mut ids = worker.ids.borrow_mut();
    if kind == StageKind::Rest {
        let chosen = head.field(bytes, Name::XAmznRequestId);
        let own = chosen.and_then(Uuid::parse);
        call.is_id_replaced = chosen.is_some() && own.is_none();
        call.uuid = Some(own.unwrap_or_else(|| ids.uuid()));
    }
}

/// The trace that the client's header names, or a new one.
pub fn trace(worker: &Worker, call: &mut Call<'_>, exchange: &Exchange<'_>) {
    let header = exchange.head().field(exchange.bytes(), Name::XAmznTraceId);
    call.epoch_ms = worker.epoch_ms();
    let epoch_s = call.epoch_ms / 1000;
    let words = worker.ids.borrow_mut().words();
    call.trace = Some(Trace::continued(header, epoch_s, words));
}
