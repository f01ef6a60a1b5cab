//! Writes finished access-log lines out, on a thread of its own: a slow disk holds up neither
//! the cores nor the control thread.
//!
//! ```text
//! core 0 ── Lines ═══▶ Drain ┐
//! core 1 ── Lines ═══▶ Drain ┼─▶ writer thread ──▶ stdout | file
//! control thread ─ commands ─┘
//! ```

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::{self, Thread};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::observe::Drain;
pub use crate::server::destination::{Destination, OpenError};
use crate::server::outlet::Outlet;

/// The control thread's handle of the writer. Dropped, the writer still ends by itself once the
/// cores have let go of their ends and everything is written.
#[derive(Debug)]
pub struct Exporter {
    commands: Sender<Command>,
    writer: Thread,
    written: Written,
    ended: oneshot::Receiver<()>,
}

/// What became of the lines since the start. Clones see the same numbers.
#[derive(Clone, Debug, Default)]
pub struct Written {
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    lines: AtomicU64,
    failed: AtomicU64,
}

impl Written {
    /// Lines that reached their destination.
    pub fn lines(&self) -> u64 {
        self.counts.lines.load(Ordering::Relaxed)
    }

    /// Lines that the destination refused.
    pub fn failed(&self) -> u64 {
        self.counts.failed.load(Ordering::Relaxed)
    }

    fn add(&self, lines: u64, failed: u64) {
        self.counts.lines.fetch_add(lines, Ordering::Relaxed);
        self.counts.failed.fetch_add(failed, Ordering::Relaxed);
    }
}

/// Why the writer cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("the writer of the access log has no thread: {0}")]
    Thread(io::Error),
}

#[derive(Debug)]
enum Command {
    Add(Drain),
    Switch(Outlet),
    Reopen,
    Stop,
}

impl Exporter {
    /// Opens the destination and starts the writer.
    ///
    /// # Errors
    /// When the destination cannot be opened, or the system has no thread left.
    pub fn start(destination: &Destination) -> Result<Self, StartError> {
        let sink = Outlet::open(destination)?;
        let (commands, orders) = channel();
        let (end, ended) = oneshot::channel();
        let written = Written::default();
        let writer = Writer {
            drains: Vec::new(),
            sink,
            written: written.clone(),
            failing: false,
        };
        let thread = thread::Builder::new()
            .name("daemun-log".to_owned())
            .spawn(move || {
                writer.run(&orders);
                let _ = end.send(());
            })
            .map_err(StartError::Thread)?;
        Ok(Self {
            commands,
            writer: thread.thread().clone(),
            written,
            ended,
        })
    }

    /// Takes the writer's end of a core's queue.
    pub fn add(&self, drain: Drain) {
        self.tell(Command::Add(drain));
    }

    /// Lines from now on go there; those that are queued still go to the place before.
    ///
    /// # Errors
    /// When the new destination cannot be opened; then nothing changes.
    pub fn set_destination(&self, destination: &Destination) -> Result<(), OpenError> {
        self.tell(Command::Switch(Outlet::open(destination)?));
        Ok(())
    }

    /// Opens the file again by its path, as logrotate asks. A failure is logged, and the old file
    /// stays in use.
    pub fn reopen(&self) {
        self.tell(Command::Reopen);
    }

    /// What became of the lines.
    pub fn written(&self) -> Written {
        self.written.clone()
    }

    /// Waits until the cores have let go of their ends and the last line is written; gives up
    /// after five seconds, as when the reader of standard output no longer takes anything.
    pub async fn finish(self) {
        if !self.finish_within(FINISH_LIMIT).await {
            tracing::warn!("the last lines of the access log could not be written in time");
        }
    }

    async fn finish_within(self, limit: Duration) -> bool {
        self.tell(Command::Stop);
        matches!(timeout(limit, self.ended).await, Ok(Ok(())))
    }

    /// The writer lives as long as this handle, unless it panicked; then lines pile up and are
    /// counted as dropped.
    fn tell(&self, command: Command) {
        let _ = self.commands.send(command);
        self.writer.unpark();
    }
}

/// Between two looks: short while lines come, growing while they do not.
const PAUSE_MIN: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_millis(50);
/// After so many looks in vain the writer waits to be woken.
const LOOKS_IN_VAIN: u32 = 12;
/// Yet no longer than this: nobody tells that a core has let go of its end.
const PAUSE_ASLEEP: Duration = Duration::from_secs(1);
/// What the last lines are given to be written.
const FINISH_LIMIT: Duration = Duration::from_secs(5);
/// So many batches are taken of one queue before the others and the commands have their turn.
const BATCHES_MAX: usize = 16;

struct Writer {
    drains: Vec<Drain>,
    sink: Outlet,
    written: Written,
    /// The last batch was refused, and the operator knows.
    failing: bool,
}

impl Writer {
    fn run(mut self, orders: &Receiver<Command>) {
        let (mut pause, mut in_vain) = (PAUSE_MIN, 0);
        let mut stopping = false;
        loop {
            let batches = self.write_waiting();
            stopping |= self.obey_all(orders);
            if stopping && self.drains.is_empty() {
                return;
            }
            (pause, in_vain) = match batches {
                0 => (PAUSE_MAX.min(pause * 2), in_vain + 1),
                _ => (PAUSE_MIN, 0),
            };
            // After a stop the cores are about to end, so it is not worth sleeping long.
            if stopping {
                thread::sleep(PAUSE_MIN);
            } else if in_vain >= LOOKS_IN_VAIN {
                if self.drains.iter().all(Drain::await_next) {
                    thread::park_timeout(PAUSE_ASLEEP);
                }
            } else if batches < BATCHES_MAX {
                thread::park_timeout(pause);
            }
        }
    }

    /// True when the writer is to stop, or nobody is left to say so.
    fn obey_all(&mut self, orders: &Receiver<Command>) -> bool {
        loop {
            match orders.try_recv() {
                Ok(Command::Stop) | Err(TryRecvError::Disconnected) => return true,
                Ok(command) => self.obey(command),
                Err(TryRecvError::Empty) => return false,
            }
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Add(drain) => self.drains.push(drain),
            Command::Switch(sink) => {
                while self.write_waiting() >= BATCHES_MAX {}
                self.sink = sink;
                self.failing = false;
            }
            Command::Reopen => {
                if let Err(error) = self.sink.reopen() {
                    tracing::error!(%error, "the access log stays in its old file");
                }
            }
            Command::Stop => {}
        }
    }

    /// One round over the queues; the most batches that one of them gave.
    fn write_waiting(&mut self) -> usize {
        let mut most = 0;
        let mut drains = std::mem::take(&mut self.drains);
        for drain in &mut drains {
            let mut taken = 0;
            while taken < BATCHES_MAX
                && let Some(batch) = drain.take()
            {
                self.write(&batch.bytes, batch.lines);
                drain.give_back(batch);
                taken += 1;
            }
            most = most.max(taken);
        }
        drains.retain(|drain| !drain.finished());
        self.drains = drains;
        most
    }

    fn write(&mut self, bytes: &[u8], lines: u64) {
        if self.sink.is_off() {
            return;
        }
        let outcome = self.sink.write(bytes, lines);
        self.written.add(outcome.lines, lines - outcome.lines);
        match (&outcome.fault, self.failing) {
            (Some(error), false) => {
                tracing::error!(%error, "the access log cannot be written; its lines are lost");
            }
            (None, true) => {
                let failed = self.written.failed();
                tracing::info!(failed, "the access log is written again");
            }
            _ => {}
        }
        self.failing = outcome.fault.is_some();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::observe::{Lines, lines};

    const LIMIT: Duration = Duration::from_secs(20);

    fn file(path: &Path) -> Destination {
        Destination::File(path.to_owned())
    }

    fn write(core: &mut Lines, text: &str) {
        core.begin().extend_from_slice(text.as_bytes());
        core.commit();
        core.flush();
    }

    /// A folder with an exporter that writes into `a` in it, and one core.
    fn exporter() -> (tempfile::TempDir, PathBuf, Exporter, Lines) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let exporter = Exporter::start(&file(&path)).unwrap();
        let (core, drain) = lines(64);
        exporter.add(drain);
        (folder, path, exporter, core)
    }

    /// Waits until so many lines were written or failed.
    fn settle(exporter: &Exporter, total: u64) {
        let counts = exporter.written();
        for _ in 0..10_000 {
            if counts.lines() + counts.failed() >= total {
                return;
            }
            thread::sleep(Duration::from_millis(2));
        }
        panic!("still {counts:?} of {total}");
    }

    async fn finish(exporter: Exporter) -> (u64, u64) {
        let counts = exporter.written();
        assert!(exporter.finish_within(LIMIT).await);
        (counts.lines(), counts.failed())
    }

    #[tokio::test]
    async fn a_clean_stop_writes_the_last_line_of_every_core() {
        let (_folder, path, exporter, core) = exporter();
        let mut cores = vec![core];
        for _ in 0..3 {
            let (core, drain) = lines(1_024);
            exporter.add(drain);
            cores.push(core);
        }
        let cores: Vec<_> = cores
            .into_iter()
            .map(|mut core| {
                thread::spawn(move || {
                    for number in 0..1_000 {
                        core.begin()
                            .extend_from_slice(format!("{number}").as_bytes());
                        core.commit();
                    }
                })
            })
            .collect();
        assert_eq!(finish(exporter).await, (4_000, 0));
        cores.into_iter().for_each(|core| core.join().unwrap());
        assert_eq!(fs::read_to_string(path).unwrap().lines().count(), 4_000);
    }

    #[tokio::test]
    async fn rotation_goes_on_in_a_new_file_and_loses_nothing() {
        let (folder, path, exporter, mut core) = exporter();
        write(&mut core, "before");
        settle(&exporter, 1);
        let moved = folder.path().join("a.1");
        fs::rename(&path, &moved).unwrap();
        write(&mut core, "moved");
        settle(&exporter, 2);
        exporter.reopen();
        while !path.exists() {
            thread::sleep(Duration::from_millis(2));
        }
        write(&mut core, "after");
        drop(core);
        assert_eq!(finish(exporter).await, (3, 0));
        assert_eq!(fs::read_to_string(moved).unwrap(), "before\nmoved\n");
        assert_eq!(fs::read_to_string(path).unwrap(), "after\n");
    }

    #[tokio::test]
    async fn a_reopening_that_fails_keeps_the_old_file() {
        let (folder, path, exporter, mut core) = exporter();
        let kept = tempfile::tempdir().unwrap().path().join("kept");
        fs::create_dir(kept.parent().unwrap()).unwrap();
        write(&mut core, "before");
        settle(&exporter, 1);
        fs::rename(&path, &kept).unwrap();
        drop(folder);
        exporter.reopen();
        write(&mut core, "after");
        drop(core);
        assert_eq!(finish(exporter).await, (2, 0));
        assert_eq!(fs::read_to_string(&kept).unwrap(), "before\nafter\n");
        fs::remove_dir_all(kept.parent().unwrap()).unwrap();
    }

    #[tokio::test]
    async fn a_full_disk_is_counted_and_survived() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let exporter = Exporter::start(&file(Path::new("/dev/full"))).unwrap();
        let (mut core, drain) = lines(64);
        exporter.add(drain);
        write(&mut core, "lost");
        write(&mut core, "lost too");
        settle(&exporter, 2);
        assert_eq!(exporter.written().failed(), 2);
        exporter.set_destination(&file(&path)).unwrap();
        let mut asked = 2;
        while exporter.written().lines() == 0 {
            write(&mut core, "kept");
            asked += 1;
            thread::sleep(Duration::from_millis(20));
        }
        drop(core);
        let (written, failed) = finish(exporter).await;
        assert_eq!(written + failed, asked);
        let text = fs::read_to_string(path).unwrap();
        assert_eq!(text.lines().count() as u64, written);
        assert!(text.starts_with("kept\n"), "{text}");
    }

    #[tokio::test]
    async fn a_switch_finishes_the_old_file_first() {
        let (folder, path, exporter, mut core) = exporter();
        let next = folder.path().join("b");
        settle(&exporter, 0);
        write(&mut core, "old");
        exporter.set_destination(&file(&next)).unwrap();
        // The switch is done when its first line is there.
        let mut asked = 0;
        while fs::read_to_string(&next).unwrap().is_empty() {
            write(&mut core, "new");
            asked += 1;
            thread::sleep(Duration::from_millis(20));
        }
        drop(core);
        assert_eq!(finish(exporter).await, (asked + 1, 0));
        assert!(fs::read_to_string(&path).unwrap().starts_with("old\n"));
    }

    #[tokio::test]
    async fn a_log_that_is_off_takes_lines_and_forgets_them() {
        let (_folder, path, exporter, mut core) = exporter();
        exporter.set_destination(&Destination::Nowhere).unwrap();
        exporter.set_destination(&file(&path)).unwrap();
        write(&mut core, "on again");
        drop(core);
        let (written, failed) = finish(exporter).await;
        assert!(written <= 1 && failed == 0);
    }

    #[tokio::test]
    async fn a_core_that_does_not_end_is_not_waited_for_for_ever() {
        let (_folder, _path, exporter, core) = exporter();
        assert!(!exporter.finish_within(Duration::from_millis(30)).await);
        drop(core);
    }
}
