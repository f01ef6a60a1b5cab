//! An answer on its way from a function to whoever reads it, with back-pressure.
//!
//! ```text
//!            body of the response            pull, piece, pull, piece …
//! process ─────────────────────────▶ Window ────────────────────────────▶ Streamed
//!                                    bounded                              on a core or the
//!                                                                         control thread
//! ```
//!
//! The reader asks for each piece; meanwhile the window fills, and while it is full nothing is read
//! from the process, which so waits for a slow client as if it were connected to it. A reader that
//! leaves ends the stream; the function goes on, as in AWS, and what it still says is thrown away.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use tokio::sync::{Notify, mpsc};
use tokio::task::spawn_local;

use crate::lambda::answer::Answer;
use crate::lambda::commons::Commons;

/// The reader's end. The stream ends where it is dropped.
#[derive(Debug)]
pub struct Streamed {
    pulls: mpsc::UnboundedSender<Answer<Piece>>,
}

/// What a reader gets.
#[derive(Debug)]
pub enum Piece {
    /// More of the payload, never empty.
    Bytes(Bytes),
    /// There is no more.
    End(Ending),
}

/// How a stream ended.
#[derive(Debug, Default)]
pub struct Ending {
    /// None: the whole payload has come.
    pub fault: Option<StreamFault>,
    /// The last 4 KiB of the function's log, if wanted.
    pub log: Option<Vec<u8>>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamFault {
    /// The function failed: its error as JSON.
    #[error("{}", String::from_utf8_lossy(.0))]
    Function(Bytes),
    /// The reader's own time is up, or nothing came for too long.
    #[error("the function did not stream its answer in time")]
    TimedOut,
    #[error("the thread of the functions has ended")]
    Gone,
    /// What came from the Lambda that has the function is no stream, or not the whole.
    #[error("the stream of the function broke off: {0}")]
    Broken(String),
}

/// What of one answer is read from the process and not yet taken.
#[derive(Debug)]
pub struct Window {
    commons: Arc<Commons>,
    bytes: RefCell<BytesMut>,
    ending: RefCell<Option<Ending>>,
    /// Nobody will take any more.
    is_left: Cell<bool>,
    /// Raised when something came, or the end.
    news: Notify,
    /// Raised when something was taken, or the reader left.
    room: Notify,
}

/// Bytes that wait for the reader: the process is not read while there are as many.
const WINDOW_BYTES: usize = 256 * 1024;
/// AWS: "Your streams are subject to idle timeouts. For Regional or private endpoints, the timeout
/// is 5 minutes."
const IDLE_MAX: Duration = Duration::from_secs(300);

impl Streamed {
    /// Asks for the next piece.
    pub(super) fn pull(&self, answer: Answer<Piece>) {
        // A stream that is over drops the question, which the reader takes for the end.
        let _ = self.pulls.send(answer);
    }
}

impl Window {
    /// A new one and its reader's end, which gets nothing after `until`.
    pub fn open(commons: &Arc<Commons>, until: Instant) -> (Rc<Self>, Streamed) {
        let (pulls, asked) = mpsc::unbounded_channel();
        let window = Rc::new(Self {
            commons: Arc::clone(commons),
            bytes: RefCell::default(),
            ending: RefCell::default(),
            is_left: Cell::new(false),
            news: Notify::new(),
            room: Notify::new(),
        });
        spawn_local(Rc::clone(&window).deliver(asked, until));
        (window, Streamed { pulls })
    }

    /// Waits until there is room for more.
    pub async fn has_room(&self) {
        while !self.is_left.get() && self.bytes.borrow().len() >= WINDOW_BYTES {
            self.room.notified().await;
        }
    }

    /// More has come.
    pub fn push(&self, bytes: &[u8]) {
        if self.is_left.get() || self.ending.borrow().is_some() || bytes.is_empty() {
            return;
        }
        self.bytes.borrow_mut().extend_from_slice(bytes);
        self.commons.hold(bytes.len());
        self.news.notify_one();
    }

    /// Nothing more will come.
    pub fn end(&self, ending: Ending) {
        self.ending.borrow_mut().get_or_insert(ending);
        self.news.notify_one();
    }

    fn take(&self) -> Bytes {
        let bytes = self.bytes.borrow_mut().split().freeze();
        self.commons.let_go(bytes.len());
        bytes
    }

    /// The next piece, as soon as there is one.
    async fn piece(&self) -> Piece {
        loop {
            let bytes = self.take();
            if !bytes.is_empty() {
                self.room.notify_one();
                return Piece::Bytes(bytes);
            }
            if let Some(ending) = self.ending.borrow_mut().take() {
                return Piece::End(ending);
            }
            self.news.notified().await;
        }
    }

    /// Answers the reader until the end, or until it leaves.
    async fn deliver(
        self: Rc<Self>,
        mut asked: mpsc::UnboundedReceiver<Answer<Piece>>,
        until: Instant,
    ) {
        while let Some(answer) = asked.recv().await {
            let last = until.min(Instant::now() + IDLE_MAX);
            let piece = tokio::select! {
                biased;
                piece = tokio::time::timeout_at(last.into(), self.piece()) => piece,
                // The reader asks for one piece at a time, so this is its end.
                _ = asked.recv() => break,
            };
            let late = |_| {
                let fault = Some(StreamFault::TimedOut);
                Piece::End(Ending { fault, log: None })
            };
            let piece = piece.unwrap_or_else(late);
            let is_last = matches!(piece, Piece::End(_));
            answer.give(piece);
            if is_last {
                break;
            }
        }
        self.is_left.set(true);
        self.take();
        self.room.notify_one();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use tokio::sync::oneshot;
    use tokio::task::LocalSet;

    use super::*;

    fn run(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        LocalSet::new().block_on(&runtime, test);
    }

    async fn next(streamed: &Streamed) -> Piece {
        let (answer, piece) = oneshot::channel();
        streamed.pull(Answer::Task(answer));
        piece.await.unwrap_or_else(|_| {
            let fault = Some(StreamFault::Gone);
            Piece::End(Ending { fault, log: None })
        })
    }

    fn commons() -> Arc<Commons> {
        Arc::default()
    }

    #[test]
    fn what_is_not_taken_stops_the_writer_and_is_counted() {
        run(async {
            let commons = commons();
            let until = Instant::now() + Duration::from_secs(60);
            let (window, streamed) = Window::open(&commons, until);
            let writer = spawn_local({
                let window = Rc::clone(&window);
                async move {
                    for _ in 0..100 {
                        window.has_room().await;
                        window.push(&[b'x'; 100_000]);
                    }
                    window.end(Ending::default());
                }
            });
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert_eq!(commons.held_bytes(), 300_000, "three of a hundred");
            let mut total = 0;
            loop {
                match next(&streamed).await {
                    Piece::Bytes(bytes) => total += bytes.len(),
                    Piece::End(ending) => break assert_eq!(ending.fault, None),
                }
                assert!(commons.held_bytes() <= WINDOW_BYTES + 100_000);
            }
            writer.await.unwrap();
            assert_eq!((total, commons.held_bytes()), (10_000_000, 0));
        });
    }

    #[test]
    fn a_reader_that_leaves_frees_what_is_held_and_the_writer_goes_on() {
        run(async {
            let commons = commons();
            let until = Instant::now() + Duration::from_secs(60);
            let (window, streamed) = Window::open(&commons, until);
            window.push(&[b'x'; WINDOW_BYTES]);
            drop(streamed);
            window.has_room().await;
            window.push(b"for nobody");
            assert_eq!(commons.held_bytes(), 0);
        });
    }

    #[test]
    fn a_stream_that_takes_too_long_ends_for_its_reader() {
        run(async {
            let until = Instant::now() + Duration::from_millis(50);
            let (window, streamed) = Window::open(&commons(), until);
            window.push(b"first");
            let Piece::Bytes(first) = next(&streamed).await else {
                panic!("the first piece is there");
            };
            assert_eq!(&*first, b"first");
            let Piece::End(ending) = next(&streamed).await else {
                panic!("nothing came");
            };
            assert_eq!(ending.fault, Some(StreamFault::TimedOut));
            // There is nobody any more to ask.
            assert!(matches!(next(&streamed).await, Piece::End(_)));
        });
    }
}
