//! HTTP/1 messages as the test sees them: read whole, kept raw.

use std::io::{self, Read};

/// A request or a response with its body decoded.
#[derive(Clone, Debug, Default)]
pub struct Message {
    /// The head as received, without its blank line.
    pub head: String,
    pub body: Vec<u8>,
    /// Trailer lines as received.
    pub trailers: String,
}

impl Message {
    /// The request or status line.
    pub fn start(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    /// The status of a response.
    pub fn status(&self) -> u16 {
        let code = self.start().split(' ').nth(1).unwrap_or_default();
        code.parse().expect("a status line")
    }

    /// The target of a request.
    pub fn target(&self) -> &str {
        self.start().split(' ').nth(1).unwrap_or_default()
    }

    /// Values of all headers with this name, in order.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let lines = self.head.split("\r\n").skip(1);
        lines
            .filter_map(|line| line.split_once(':'))
            .filter(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
            .collect()
    }

    /// The value of the one header with this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let all = self.all(name);
        assert!(all.len() < 2, "{name} is there twice:\n{}", self.head);
        all.first().copied()
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a body of text")
    }

    pub fn is_chunked(&self) -> bool {
        self.header("transfer-encoding") == Some("chunked")
    }

    fn content_length(&self) -> Option<usize> {
        let value = self.header("content-length")?;
        Some(value.parse().expect("a Content-Length"))
    }
}

/// Reads messages from a stream; what came too early waits.
#[derive(Debug)]
pub struct Reader<S> {
    pub stream: S,
    pub unread: Vec<u8>,
}

impl<S: Read> Reader<S> {
    pub fn new(stream: S) -> Self {
        Self {
            stream,
            unread: Vec::new(),
        }
    }

    /// Up to 64 KiB more; false at the end of the stream.
    pub fn fill(&mut self) -> io::Result<bool> {
        let mut piece = [0; 65_536];
        let count = self.stream.read(&mut piece)?;
        self.unread.extend_from_slice(&piece[..count]);
        Ok(count > 0)
    }

    /// A head without body; none at the end of the stream.
    pub fn head(&mut self) -> io::Result<Option<Message>> {
        let Some(end) = self.position(b"\r\n\r\n")? else {
            return match self.unread.is_empty() {
                true => Ok(None),
                false => Err(io::ErrorKind::UnexpectedEof.into()),
            };
        };
        let head = String::from_utf8_lossy(&self.take(end)).into_owned();
        self.take(4);
        Ok(Some(Message {
            head,
            ..Message::default()
        }))
    }

    /// The body that follows the head of `message`.
    pub fn body(&mut self, message: &mut Message) -> io::Result<()> {
        if message.is_chunked() {
            return self.chunks(message);
        }
        match message.content_length() {
            Some(length) => message.body = self.exactly(length)?,
            None if message.start().starts_with("HTTP/") => {
                while self.fill()? {}
                message.body = std::mem::take(&mut self.unread);
            }
            None => {}
        }
        Ok(())
    }

    fn chunks(&mut self, message: &mut Message) -> io::Result<()> {
        loop {
            let size = self.chunk_size()?;
            if size == 0 {
                break;
            }
            message.body.extend(self.exactly(size)?);
            assert_eq!(self.exactly(2)?, b"\r\n", "the end of a chunk");
        }
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(());
            }
            message.trailers += &format!("{line}\r\n");
        }
    }

    /// The line in front of a chunk, as a number.
    pub fn chunk_size(&mut self) -> io::Result<usize> {
        let line = self.line()?;
        let digits = line.split(';').next().unwrap_or_default().trim();
        Ok(usize::from_str_radix(digits, 16).expect("a chunk size"))
    }

    pub fn line(&mut self) -> io::Result<String> {
        let end = self.position(b"\r\n")?;
        let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
        let line = String::from_utf8_lossy(&self.take(end)).into_owned();
        self.take(2);
        Ok(line)
    }

    pub fn exactly(&mut self, bytes: usize) -> io::Result<Vec<u8>> {
        while self.unread.len() < bytes {
            if !self.fill()? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(self.take(bytes))
    }

    pub fn take(&mut self, bytes: usize) -> Vec<u8> {
        let rest = self.unread.split_off(bytes);
        std::mem::replace(&mut self.unread, rest)
    }

    /// Where `mark` begins in what is unread, reading on until it comes.
    fn position(&mut self, mark: &[u8]) -> io::Result<Option<usize>> {
        loop {
            let found = self
                .unread
                .windows(mark.len())
                .position(|part| part == mark);
            if found.is_some() || !self.fill()? {
                return Ok(found);
            }
        }
    }
}
