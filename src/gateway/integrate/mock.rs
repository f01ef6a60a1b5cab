//! MOCK: a fixed answer, no upstream.

use crate::gateway::{Call, Stop, Worker, respond};
use crate::net::Exchange;
use crate::plan::MockTarget;

pub async fn run(
    worker: &'static Worker,
    call: &mut Call<'_>,
    exchange: &mut Exchange<'_>,
    target: &MockTarget,
) -> Result<(), Stop> {
    call.status = target.status;
    respond::fixed(worker, call, exchange, &target.headers, &target.body).await?;
    Ok(())
}
