//! Bytes to messages and back, without sockets, clocks or tasks.
