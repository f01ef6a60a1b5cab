//! New connections to upstreams: address, connect, handshake, within one budget.

use std::io;
use std::net::{IpAddr, SocketAddr};

use crate::net::outbound::{Connection, Failure, GroupState, Groups};
use crate::rt::{Core, Stream};

/// Addresses of one name that are tried before giving up.
const ADDRESSES_TRIED_MAX: usize = 3;

/// Connects to a target of the group, trying its addresses in turn.
pub async fn dial(
    core: &'static Core,
    groups: &Groups,
    group: &GroupState,
    target: usize,
    until_ms: u64,
) -> Result<Box<Connection>, Failure> {
    let settings = &group.settings.targets[target];
    let until_ms = until_ms.min(core.now_ms() + u64::from(group.settings.connect_timeout_ms));
    let mut last = Failure::Unresolved;
    for attempt in 0..ADDRESSES_TRIED_MAX {
        let Some(ip) = address(groups, group, target, attempt) else {
            break;
        };
        let address = SocketAddr::new(ip, settings.port);
        match Stream::connect(core, address, until_ms).await {
            Ok(stream) => return secure(group, target, stream, until_ms).await,
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                return Err(Failure::ConnectTimeout);
            }
            Err(error) => last = Failure::Connect(error),
        }
    }
    Err(last)
}

/// The address for this attempt; none when all have been tried or the name has none.
fn address(groups: &Groups, group: &GroupState, target: usize, attempt: usize) -> Option<IpAddr> {
    let settings = &group.settings.targets[target];
    if let Some(ip) = settings.ip {
        return (attempt == 0).then_some(ip);
    }
    let book = groups.addresses.borrow();
    let addresses = book.lookup(&settings.host)?;
    if attempt >= addresses.len() {
        return None;
    }
    let turn = &group.targets[target].address_turn;
    turn.set(turn.get().wrapping_add(1));
    addresses.get(turn.get() % addresses.len()).copied()
}

async fn secure(
    group: &GroupState,
    target: usize,
    stream: Stream,
    until_ms: u64,
) -> Result<Box<Connection>, Failure> {
    let mut connection = Box::new(Connection {
        stream,
        target: target as u32,
        idle_since_ms: 0,
        is_reused: false,
        expects_long: false,
    });
    if let Some(tls) = &group.settings.tls {
        let name = match &*tls.server_name {
            "" => &group.settings.targets[target].host,
            name => name,
        };
        connection.stream.deadline.set(until_ms);
        connection
            .stream
            .connect_tls(&tls.client, name)
            .await
            .map_err(|error| match connection.stream.deadline.expired() {
                true => Failure::ConnectTimeout,
                false => Failure::Tls(error),
            })?;
        connection.stream.deadline.clear();
    }
    Ok(connection)
}
