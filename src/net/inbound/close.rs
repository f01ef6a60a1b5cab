//! Graceful ends of a connection.

use crate::net::Client;

/// How much of an unwanted body is read and thrown away, so that the client gets to see the
/// answer: closing with unread bytes would reset the connection (RFC 9112 section 9.6).
const LINGER_BYTES_MAX: usize = 1024 * 1024;
const LINGER_MS: u32 = 2_000;

/// Says that no more will be written and reads on for a while.
pub async fn linger(client: &Client) {
    client.stream.shutdown_write();
    client.stream.deadline.set(client.due(LINGER_MS));
    let mut thrown = 0;
    while thrown < LINGER_BYTES_MAX {
        client.stream.readable().await;
        let mut scratch = client.core.body.borrow_mut();
        match client.stream.try_read(&mut scratch) {
            Ok(0) => return,
            Ok(count) => thrown += count,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}
