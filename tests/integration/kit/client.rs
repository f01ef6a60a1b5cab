//! A tiny HTTP/1 client over one raw connection.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use crate::kit::{Message, PATIENCE, Reader};

#[derive(Debug)]
pub struct Client {
    reader: Reader<TcpStream>,
}

impl Client {
    pub fn connect(address: SocketAddr) -> Self {
        Self::try_connect(address).expect("a connection to the gateway")
    }

    pub fn try_connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            reader: Reader::new(stream),
        })
    }

    pub fn stream(&self) -> &TcpStream {
        &self.reader.stream
    }

    pub fn reader(&mut self) -> &mut Reader<TcpStream> {
        &mut self.reader
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).expect("room for the request");
    }

    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.reader.stream.write_all(bytes.as_ref())
    }

    /// Says that no more will be sent.
    pub fn finish_sending(&self) {
        self.stream()
            .shutdown(Shutdown::Write)
            .expect("an open connection");
    }

    /// The next response, interim ones left out.
    pub fn response(&mut self) -> Message {
        self.try_response().expect("a whole response")
    }

    pub fn try_response(&mut self) -> io::Result<Message> {
        let mut message = self.try_head()?;
        while (100..200).contains(&message.status()) {
            message = self.try_head()?;
        }
        if !matches!(message.status(), 204 | 304) {
            self.reader.body(&mut message)?;
        }
        Ok(message)
    }

    /// The next head; its body, if any, stays unread.
    pub fn head(&mut self) -> Message {
        self.try_head().expect("a response head")
    }

    fn try_head(&mut self) -> io::Result<Message> {
        self.reader
            .head()?
            .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    pub fn request(&mut self, bytes: impl AsRef<[u8]>) -> Message {
        self.send(bytes);
        self.response()
    }

    pub fn get(&mut self, target: &str) -> Message {
        self.request(get(target))
    }

    pub fn try_get(&mut self, target: &str) -> io::Result<Message> {
        self.try_send(get(target))?;
        self.try_response()
    }

    /// All bytes until the connection ends, by a reset too.
    pub fn rest(&mut self) -> Vec<u8> {
        let mut rest = std::mem::take(&mut self.reader.unread);
        match self.reader.stream.read_to_end(&mut rest) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
            result => {
                result.expect("the end of the connection");
            }
        }
        rest
    }

    /// The gateway ends the connection and says nothing more.
    pub fn expect_end(&mut self) {
        let rest = self.rest();
        assert!(
            rest.is_empty(),
            "more came: {}",
            String::from_utf8_lossy(&rest)
        );
    }
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: gateway.test\r\n\r\n")
}
