//! What the gateway says about itself, on standard error: calm lines for people.

use std::fmt;
use std::io;

use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, fmt as lines};

use crate::base::clock::Clock;
use crate::base::date::{DateCache, Style};

/// Changes the level while the process runs.
#[derive(Clone, Debug)]
pub struct Diagnostics {
    filter: reload::Handle<Targets, Registry>,
}

/// Begins to write to standard error what is at least as grave as `level`: `error`, `warn`,
/// `info`, `debug` or `trace`; anything else counts as `info`. Colours only on a terminal.
///
/// The first call in a process wins. A later one changes nothing that is written.
pub fn start(level: &str) -> Diagnostics {
    let (filter, handle) = reload::Layer::new(targets(level));
    let colours = anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never;
    let writer = lines::layer()
        .with_ansi(colours)
        .with_writer(io::stderr)
        .event_format(Line);
    let subscriber = tracing_subscriber::registry().with(filter).with(writer);
    // Only another subscriber makes this fail, and then that one is in charge.
    let _ = subscriber.try_init();
    Diagnostics { filter: handle }
}

impl Diagnostics {
    /// From now on the level is this one; see [`start`].
    pub fn set_level(&self, level: &str) {
        // It fails when the subscriber is gone; then nobody listens.
        let _ = self.filter.reload(targets(level));
    }
}

/// Libraries tell us about every packet at `debug`: they are heard in full at `trace` only.
fn targets(level: &str) -> Targets {
    let ours = match level {
        "error" => LevelFilter::ERROR,
        "warn" => LevelFilter::WARN,
        "debug" => LevelFilter::DEBUG,
        "trace" => LevelFilter::TRACE,
        _ => LevelFilter::INFO,
    };
    let theirs = match ours {
        LevelFilter::TRACE => LevelFilter::TRACE,
        quieter => quieter.min(LevelFilter::WARN),
    };
    Targets::new()
        .with_default(theirs)
        .with_target(env!("CARGO_PKG_NAME"), ours)
}

/// `2026-11-22T12:00:00.123Z info  reloaded version=2 routes=12`
struct Line;

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let now = Clock::real().epoch_ms();
        let mut date = DateCache::new(Style::Iso8601);
        let second = String::from_utf8_lossy(date.at(now));
        let second = second.trim_end_matches('Z');
        let (colour, name) = manner(*event.metadata().level());
        let (dim, colour, plain) = match writer.has_ansi_escapes() {
            true => ("\x1b[2m", colour, "\x1b[0m"),
            false => ("", "", ""),
        };
        write!(writer, "{dim}{second}.{:03}Z{plain} ", now % 1_000)?;
        write!(writer, "{colour}{name:5}{plain} ")?;
        context.format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}

fn manner(level: Level) -> (&'static str, &'static str) {
    match level {
        Level::ERROR => ("\x1b[31m", "error"),
        Level::WARN => ("\x1b[33m", "warn"),
        Level::INFO => ("\x1b[32m", "info"),
        Level::DEBUG => ("\x1b[34m", "debug"),
        Level::TRACE => ("\x1b[35m", "trace"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is written while `speak` runs, and what changed the level meanwhile.
    fn written(level: &str, speak: impl FnOnce(&Diagnostics)) -> String {
        let page = Page::default();
        let (filter, handle) = reload::Layer::new(targets(level));
        let pen = page.clone();
        let writer = lines::layer()
            .with_ansi(false)
            .with_writer(move || pen.clone())
            .event_format(Line);
        let subscriber = tracing_subscriber::registry().with(filter).with(writer);
        let diagnostics = Diagnostics { filter: handle };
        tracing::subscriber::with_default(subscriber, || speak(&diagnostics));
        let bytes = page.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_line_has_time_level_message_and_fields() {
        let line = written("info", |_| {
            tracing::warn!(routes = 12, name = "pets", "reloaded");
        });
        let (time, rest) = line.split_once(' ').unwrap();
        assert_eq!(time.len(), "2026-11-22T12:00:00.123Z".len());
        assert!(time.ends_with('Z') && time.starts_with("20"), "{time}");
        assert_eq!(rest, "warn  reloaded routes=12 name=\"pets\"\n");
    }

    #[test]
    fn the_level_decides_who_is_heard_and_may_change() {
        let said = written("info", |diagnostics| {
            tracing::debug!("one");
            tracing::info!(target: "hyper::proto", "two");
            tracing::warn!(target: "hyper::proto", "three");
            diagnostics.set_level("debug");
            tracing::debug!("four");
            tracing::debug!(target: "hyper::proto", "five");
            diagnostics.set_level("error");
            tracing::warn!("six");
            tracing::warn!(target: "hyper::proto", "seven");
            tracing::error!("eight");
        });
        let words: Vec<&str> = said
            .lines()
            .filter_map(|line| line.split(' ').next_back())
            .collect();
        assert_eq!(words, ["three", "four", "eight"]);
    }

    #[test]
    fn a_line_break_in_a_field_stays_in_its_line() {
        let line = written("info", |_| tracing::info!(reason = "a\nb", "refused"));
        assert_eq!(line.lines().count(), 1, "{line}");
    }
}
