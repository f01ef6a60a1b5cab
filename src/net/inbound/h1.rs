//! Drives HTTP/1 requests over a connection: read a head, hand it over, go on or close.

use std::io::{self, IoSlice};

use crate::base::ascii;
use crate::net::inbound::close;
use crate::net::{Client, Exchange, Gone, Handler, Message, Upload};
use crate::wire::h1::head_may_be_complete;
use crate::wire::head::{Parsed, RequestHead};

/// Whether the server goes on serving; asked between two requests.
pub trait Life {
    /// From now on every answer carries `Connection: close`.
    fn is_draining(&self) -> bool;
}

/// Serves the requests of `client` until either side ends the connection.
pub async fn serve<H: Handler + Life>(client: &Client, handler: &'static H) {
    let mut message = None;
    let timeouts = &client.settings.timeouts;
    // A new connection owes its first request within the header timeout, later ones may rest.
    let mut wait_ms = timeouts.header_ms;
    loop {
        let Some(mut current) = next_head(client, handler, message.take(), wait_ms).await else {
            return;
        };
        wait_ms = timeouts.idle_ms;
        let pool = &client.pools.exchanges;
        let outcome = pool.run(|| one(client, handler, &current)).await;
        match outcome {
            Ok(Border::Clean { used, leftover }) => {
                current.buffer.consume(used);
                if let Some(leftover) = leftover {
                    current.buffer.append(leftover.unread());
                    client.core.buffers.give(leftover);
                }
            }
            Ok(Border::Close { unread }) => {
                client.pools.requests.give(client.core, current);
                if unread {
                    Box::pin(close::linger(client)).await;
                    return client.stream.close_notify();
                }
                // The last bytes may have been held back for it.
                return client.stream.shutdown_write();
            }
            Err(Gone) => return,
        }
        if current.buffer.is_empty() {
            client.pools.requests.give(client.core, current);
        } else {
            current.buffer.compact();
            message = Some(current);
        }
    }
}

/// How a connection stands behind an exchange.
enum Border {
    /// `used` bytes of the message belonged to it; what came behind its body is `leftover`.
    Clean {
        used: usize,
        leftover: Option<crate::base::Buffer>,
    },
    /// No further request may be read; `unread` when the client may still be sending.
    Close { unread: bool },
}

#[allow(clippy::manual_async_fn)] // An async fn would keep its arguments twice.
fn one<'a, H: Handler + Life>(
    client: &'a Client,
    handler: &'static H,
    message: &'a Message<RequestHead>,
) -> impl Future<Output = Result<Border, Gone>> {
    async move {
        let started_us = client.core.now_us();
        let upload = match Upload::new(message, &client.settings.limits) {
            Ok(upload) => upload,
            Err(error) => {
                // Boxed, as all that is rare here: it would make what each request remembers larger.
                Box::pin(refuse(client, handler, error.status(), error.to_string())).await?;
                return Ok(Border::Close { unread: true });
            }
        };
        client.stream.deadline.clear();
        client
            .exchange_until_ms
            .set(match client.settings.timeouts.exchange_ms {
                0 => u64::MAX,
                some => started_us / 1000 + u64::from(some),
            });
        client.pause_ms.set(client.settings.timeouts.body_ms);
        let mut exchange = Exchange {
            client,
            message,
            upload,
            started_us,
            sent_bytes: 0,
            body_bytes: 0,
            first_body_us: None,
            close: !message.head.keep_alive || handler.is_draining(),
        };
        handler.handle(&mut exchange).await?;
        client.exchange_until_ms.set(u64::MAX);
        if exchange.close || !exchange.upload.is_read() {
            return Ok(Border::Close {
                unread: !exchange.upload.is_read(),
            });
        }
        Ok(Border::Clean {
            used: message.head.length as usize + exchange.upload.held_bytes as usize,
            leftover: exchange.upload.take_leftover(),
        })
    }
}

/// Reads until a head is complete. None: the connection is over, and all has been said.
pub async fn next_head<H: Handler>(
    client: &Client,
    handler: &'static H,
    leftover: Option<Box<Message<RequestHead>>>,
    wait_ms: u32,
) -> Option<Box<Message<RequestHead>>> {
    let deadline = &client.stream.deadline;
    let mut message = match leftover {
        Some(message) => message,
        None => {
            deadline.set_idle(client.due(wait_ms));
            first_bytes(client).await?
        }
    };
    let mut seen = 0;
    let mut timed = false;
    loop {
        let Message { head, buffer } = &mut *message;
        if seen == 0 && head.parse_ordinary(buffer.unread(), &client.settings.limits) {
            return Some(message);
        }
        let is_worth_a_look = head_may_be_complete(buffer.unread(), seen)
            || too_long(client, buffer.unread().len())
            || (seen == 0 && begins_with_no_method(buffer.unread()));
        if is_worth_a_look {
            match head.parse(buffer.unread(), &client.settings.limits) {
                Ok(Parsed::Complete) => return Some(message),
                Ok(Parsed::Partial) => {}
                Err(error) => {
                    client.pools.requests.give(client.core, message);
                    let why = error.to_string();
                    Box::pin(dismiss(client, handler, error.status(), why)).await;
                    return None;
                }
            }
        }
        seen = message.buffer.unread().len();
        if !timed {
            // From the first byte on the whole head must come in time, however it trickles.
            timed = true;
            deadline.set_read(client.due(client.settings.timeouts.header_ms));
        }
        client.stream.readable().await;
        if !fill(client, &mut message).await? {
            if deadline.expired() {
                let refused = refuse(client, handler, 408, "head too slow".to_owned());
                if Box::pin(refused).await.is_ok() {
                    client.stream.close_notify();
                }
            }
            return None;
        }
    }
}

/// Waits for a request to begin. Nothing is held while a connection rests: its buffer is taken when
/// bytes are there.
async fn first_bytes(client: &Client) -> Option<Box<Message<RequestHead>>> {
    loop {
        client.stream.readable().await;
        let mut message = client.pools.requests.take(client.core);
        let read = client.stream.try_fill(&mut message.buffer);
        if let Ok(1..) = read {
            return Some(message);
        }
        client.pools.requests.give(client.core, message);
        match read {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            _ => return None,
        }
    }
}

/// Whoever speaks something else here, such as TLS, learns it at once.
fn begins_with_no_method(bytes: &[u8]) -> bool {
    let first = bytes.first();
    first.is_some_and(|byte| !ascii::is_token_byte(*byte) && !matches!(byte, b'\r' | b'\n'))
}

/// A head that could not be complete is looked at all the same once it has filled its limits.
fn too_long(client: &Client, length: usize) -> bool {
    let limits = &client.settings.limits;
    length > limits.target_bytes_max as usize || length > limits.head_bytes_max as usize
}

/// One read into the message; false at the end of the stream, None when it broke.
async fn fill(client: &Client, message: &mut Message<RequestHead>) -> Option<bool> {
    loop {
        match client.stream.try_fill(&mut message.buffer) {
            Ok(count) => return Some(count > 0),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                client.stream.readable().await;
            }
            Err(_) => return None,
        }
    }
}

/// Refuses a head that cannot be understood, and ends the connection.
async fn dismiss<H: Handler>(client: &Client, handler: &'static H, status: u16, why: String) {
    if refuse(client, handler, status, why).await.is_ok() {
        close::linger(client).await;
        client.stream.close_notify();
    }
}

async fn refuse<H: Handler>(
    client: &Client,
    handler: &'static H,
    status: u16,
    why: String,
) -> Result<(), Gone> {
    client.stream.deadline.clear();
    let answer = handler.refuse(client, status, &why);
    client.send(&[IoSlice::new(&answer)]).await
}
