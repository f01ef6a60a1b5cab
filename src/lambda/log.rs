//! What is logged of a function: START, END and REPORT lines, and the function's own output.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use crate::observe::Lines;
use crate::rt::sys;

/// Where the lines of all functions go; none: nowhere.
#[derive(Debug, Default)]
pub struct Log {
    lines: RefCell<Option<Lines>>,
}

impl Log {
    pub fn set(&self, lines: Option<Lines>) {
        *self.lines.borrow_mut() = lines;
    }

    /// Lines of a function, each with its end.
    pub fn write(&self, function: &str, text: &[u8]) {
        if let Some(lines) = self.lines.borrow_mut().as_mut() {
            for line in text.split_inclusive(|byte| *byte == b'\n') {
                let line = line.strip_suffix(b"\n").unwrap_or(line);
                let out = lines.begin();
                for part in [b"[", function.as_bytes(), b"] ", line] {
                    out.extend_from_slice(part);
                }
                lines.commit();
            }
        }
    }

    /// Ships what is finished.
    pub fn flush(&self) {
        if let Some(lines) = self.lines.borrow_mut().as_mut() {
            lines.flush();
        }
    }
}

/// The log of one worker: what is not finished yet, what is to be logged, and the end of the
/// invocation's log.
#[derive(Debug, Default)]
pub struct Story {
    partial: Vec<u8>,
    tail: VecDeque<u8>,
    /// Lines that wait for the thread of the functions, which has the log.
    waiting: Vec<u8>,
    /// What the process writes to: whoever ends an invocation reads it first.
    pub output: Option<OwnedFd>,
}

/// AWS: "The last 4 KB of the execution log".
const TAIL_BYTES: usize = 4_096;
/// A longer line is cut; CloudWatch takes events of 256 KB.
const LINE_BYTES_MAX: usize = 256 * 1024;
/// They are fetched some ten times a second: more is lost, as when the log's disk is too slow.
const WAITING_BYTES_MAX: usize = 8 << 20;
/// Output that is read in a row before others have a turn.
const OUTPUT_ROUNDS_MAX: usize = 16;

impl Story {
    /// A new invocation begins; what came before it is not in its tail.
    pub fn begin(&mut self) {
        self.tail.clear();
    }

    /// Reads what the function has written. `is_read`: somebody reads the log.
    pub fn read_output(&mut self, is_read: bool) {
        let Some(output) = self.output.take() else {
            return;
        };
        self.read_from(is_read, |into| sys::read(output.as_raw_fd(), into));
        self.output = Some(output);
    }

    /// Reads from what does not block; false when there will be no more.
    pub fn read_from(
        &mut self,
        is_read: bool,
        mut read: impl FnMut(&mut [u8]) -> io::Result<usize>,
    ) -> bool {
        let mut bytes = [0; 16 * 1024];
        for _ in 0..OUTPUT_ROUNDS_MAX {
            match read(&mut bytes) {
                Ok(0) => return false,
                Ok(count) => self.output(is_read, &bytes[..count]),
                Err(_) => return true,
            }
        }
        true
    }

    /// Output as it came: lines go on, a part of one waits.
    fn output(&mut self, is_read: bool, mut bytes: &[u8]) {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            self.partial.extend_from_slice(&bytes[..end]);
            self.finish_line(is_read);
            bytes = &bytes[end + 1..];
        }
        self.partial.extend_from_slice(bytes);
        if self.partial.len() >= LINE_BYTES_MAX {
            self.finish_line(is_read);
        }
    }

    /// A line of ours, behind whatever the function left open.
    pub fn line(&mut self, is_read: bool, line: &str) {
        if !self.partial.is_empty() {
            self.finish_line(is_read);
        }
        self.keep(line.as_bytes());
        self.log(is_read, line.as_bytes());
    }

    fn finish_line(&mut self, is_read: bool) {
        let line = std::mem::take(&mut self.partial);
        self.keep(&line);
        self.log(is_read, &line);
        self.partial = line;
        self.partial.clear();
    }

    fn log(&mut self, is_read: bool, line: &[u8]) {
        if is_read && self.waiting.len() + line.len() <= WAITING_BYTES_MAX {
            self.waiting.extend_from_slice(line);
            self.waiting.push(b'\n');
        }
    }

    /// The lines that wait for the log, each with its end.
    pub fn take_waiting(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.waiting)
    }

    fn keep(&mut self, line: &[u8]) {
        let end = &line[line.len().saturating_sub(TAIL_BYTES)..];
        self.tail.extend(end);
        self.tail.push_back(b'\n');
        let excess = self.tail.len().saturating_sub(TAIL_BYTES);
        self.tail.drain(..excess);
    }

    /// The last 4 KiB of this invocation's log.
    pub fn tail(&self) -> Vec<u8> {
        self.tail.iter().copied().collect()
    }
}

/// The line that ends the log of an invocation, with tabs as Lambda writes it.
pub fn report(
    request_id: &str,
    took: Duration,
    memory_mib: u32,
    used_mib: u64,
    init: Option<Duration>,
) -> String {
    let ms = |took: Duration| took.as_secs_f64() * 1_000.0;
    let duration_ms = ms(took);
    let mut line = format!(
        "REPORT RequestId: {request_id}\tDuration: {duration_ms:.2} ms\tBilled Duration: {:.0} ms\t\
         Memory Size: {memory_mib} MB\tMax Memory Used: {used_mib} MB\t",
        duration_ms.ceil()
    );
    if let Some(init) = init {
        line.push_str(&format!("Init Duration: {:.2} ms\t", ms(init)));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::lines;

    #[test]
    fn lines_are_whole_and_the_tail_is_the_end_of_one_invocation() {
        let log = Log::default();
        let (ours, mut drain) = lines(4);
        log.set(Some(ours));
        let mut story = Story::default();
        story.output(true, b"starting\n");
        story.output(false, b"for nobody\n");
        story.begin();
        story.line(true, "START");
        story.output(true, b"one\ntw");
        story.output(true, b"o\nleft open");
        story.line(true, "END");
        log.write("f", &story.take_waiting());
        log.write("f", &story.take_waiting());
        log.flush();
        let batch = drain.take().map(|batch| batch.bytes).unwrap_or_default();
        let expected = "[f] starting\n[f] START\n[f] one\n[f] two\n[f] left open\n[f] END\n";
        assert_eq!(String::from_utf8_lossy(&batch), expected);
        assert_eq!(story.tail(), b"START\none\ntwo\nleft open\nEND\n");
        story.output(true, &[b'x'; 10_000]);
        story.line(true, "END");
        assert_eq!(story.tail().len(), TAIL_BYTES);
        assert!(story.tail().ends_with(b"xx\nEND\n"));
    }

    #[test]
    fn a_report_reads_as_that_of_lambda() {
        let took = Duration::from_micros(12_345);
        assert_eq!(
            report("id", took, 128, 37, Some(Duration::from_millis(150))),
            "REPORT RequestId: id\tDuration: 12.35 ms\tBilled Duration: 13 ms\tMemory Size: 128 MB\t\
             Max Memory Used: 37 MB\tInit Duration: 150.00 ms\t"
        );
    }
}
