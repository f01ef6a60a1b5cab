//! Where lines of logs go: nowhere, standard output, or a file that may be rotated.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

/// A destination by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Lines vanish.
    Nowhere,
    Stdout,
    /// Appended to. A missing file is created with mode 0640, a missing folder is an error.
    File(PathBuf),
    /// Execution logs: a file for each stage, whose path has `{api}` and `{stage}` in it.
    Stages(PathBuf),
}

/// An open destination. Each batch goes out by one call of the kernel, so that several processes
/// may append to one file.
#[derive(Debug)]
pub struct Sink {
    /// None: lines vanish.
    file: Option<File>,
    /// What to open anew when logs are rotated.
    path: Option<PathBuf>,
    /// The last thing written is a part of a line.
    torn: bool,
    patience: Duration,
}

/// How long to wait for the reader of a pipe that is full and will not block.
const PATIENCE: Duration = Duration::from_secs(2);
const PATIENCE_STEP: Duration = Duration::from_millis(5);
/// Readable by the group, so that a log shipper need not be root.
const MODE: u32 = 0o640;

/// Why a destination cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the log {} cannot be opened: the folder {} does not exist", .file.display(), .folder.display())]
    NoFolder { file: PathBuf, folder: PathBuf },
    #[error("the log {} cannot be opened: {source}", .file.display())]
    File { file: PathBuf, source: io::Error },
    #[error("standard output cannot be used for the log: {0}")]
    Stdout(io::Error),
}

/// What became of a batch.
#[derive(Debug)]
pub struct Outcome {
    /// Lines that went out whole.
    pub lines: u64,
    /// Why the rest did not.
    pub fault: Option<io::Error>,
}

impl Sink {
    /// Opens what is named.
    ///
    /// # Errors
    /// Says which file cannot be opened, and why.
    pub fn open(destination: &Destination) -> Result<Self, OpenError> {
        match destination {
            Destination::Nowhere => Ok(Self::over(None, None)),
            Destination::Stdout => {
                let copy = io::stdout().as_fd().try_clone_to_owned();
                let file = File::from(copy.map_err(OpenError::Stdout)?);
                Ok(Self::over(Some(file), None))
            }
            Destination::File(path) | Destination::Stages(path) => {
                let file = open_file(path)?;
                Ok(Self::over(Some(file), Some(path.clone())))
            }
        }
    }

    fn over(file: Option<File>, path: Option<PathBuf>) -> Self {
        Self {
            file,
            path,
            torn: false,
            patience: PATIENCE,
        }
    }

    /// True when lines vanish.
    pub fn is_off(&self) -> bool {
        self.file.is_none()
    }

    /// Opens a file by its path again, after logrotate has moved the old one away. When that
    /// fails, the old one stays in use.
    pub fn reopen(&mut self) -> Result<(), OpenError> {
        if let Some(path) = &self.path {
            self.file = Some(open_file(path)?);
            self.torn = false;
        }
        Ok(())
    }

    /// Writes a batch of `lines` whole lines. What fails is lost, but for the lines that went out
    /// before; the next batch begins on a line of its own.
    pub fn write(&mut self, batch: &[u8], lines: u64) -> Outcome {
        let Some(file) = &mut self.file else {
            return Outcome { lines, fault: None };
        };
        if self.torn {
            let (_, fault) = put(file, b"\n", self.patience);
            if fault.is_some() {
                return Outcome { lines: 0, fault };
            }
            self.torn = false;
        }
        let (done, fault) = put(file, batch, self.patience);
        if fault.is_none() {
            return Outcome { lines, fault };
        }
        self.torn = !matches!(batch[..done].last(), None | Some(b'\n'));
        let whole = memchr::memchr_iter(b'\n', &batch[..done]).count();
        Outcome {
            lines: lines.min(whole as u64),
            fault,
        }
    }
}

fn open_file(path: &Path) -> Result<File, OpenError> {
    let opened = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(MODE)
        // A named pipe without a reader is an error, not a wait.
        .custom_flags(libc::O_NONBLOCK)
        .open(path);
    opened.map_err(|source| match path.parent() {
        Some(folder) if source.kind() == ErrorKind::NotFound && !folder.exists() => {
            OpenError::NoFolder {
                file: path.to_owned(),
                folder: folder.to_owned(),
            }
        }
        _ => OpenError::File {
            file: path.to_owned(),
            source,
        },
    })
}

/// How many bytes went out, and why not all of them.
fn put(file: &mut File, bytes: &[u8], patience: Duration) -> (usize, Option<io::Error>) {
    let (mut done, mut waited) = (0, Duration::ZERO);
    while done < bytes.len() {
        match file.write(&bytes[done..]) {
            Ok(0) => return (done, Some(ErrorKind::WriteZero.into())),
            Ok(count) => (done, waited) = (done + count, Duration::ZERO),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock && waited < patience => {
                sleep(PATIENCE_STEP);
                waited += PATIENCE_STEP;
            }
            Err(error) => return (done, Some(error)),
        }
    }
    (done, None)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use std::fs;
    use std::io::Read;
    use std::os::fd::OwnedFd;
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_file_is_created_for_owner_and_group_and_appended_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        for text in ["one\n", "two\n"] {
            let mut sink = Sink::open(&Destination::File(path.clone())).unwrap();
            assert_eq!(sink.write(text.as_bytes(), 1).lines, 1);
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\n");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777 & !0o640, 0, "{mode:o}");
    }

    #[test]
    fn what_cannot_be_opened_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let check = |path: &str, expected: &str| {
            let place = Destination::File(folder.path().join(path));
            let error = Sink::open(&place).unwrap_err().to_string();
            assert!(error.contains(path) && error.contains(expected), "{error}");
        };
        check("missing/access.log", "missing does not exist");
        check(".", "Is a directory");
    }

    #[test]
    fn lines_vanish_when_the_log_is_off() {
        let mut sink = Sink::open(&Destination::Nowhere).unwrap();
        assert!(sink.is_off());
        assert!(sink.write(b"one\n", 1).fault.is_none());
        sink.reopen().unwrap();
    }

    #[test]
    fn a_torn_line_is_counted_as_lost_and_ended_before_the_next() {
        let (mut reader, writer) = UnixStream::pair().unwrap();
        writer.set_nonblocking(true).unwrap();
        let file = File::from(OwnedFd::from(writer));
        let mut sink = Sink {
            patience: Duration::ZERO,
            ..Sink::over(Some(file), None)
        };
        let batch = b"0123456789\n".repeat(1 << 17);
        let written = sink.write(&batch, 1 << 17);
        assert_eq!(written.fault.unwrap().kind(), ErrorKind::WouldBlock);
        let mut first = vec![0; batch.len()];
        let length = reader.read(&mut first).unwrap();
        // The kernel may hand a stream over in several pieces.
        reader.set_nonblocking(true).unwrap();
        let mut rest = Vec::new();
        let _ = reader.read_to_end(&mut rest);
        let length = length + rest.len();
        assert_eq!(written.lines, (length / 11) as u64);
        assert_eq!(sink.torn, length % 11 != 0);
        sink.torn = true;
        assert_eq!(sink.write(b"next\n", 1).lines, 1);
        let mut text = String::new();
        let _ = reader.read_to_string(&mut text);
        assert_eq!(text, "\nnext\n");
    }
}
