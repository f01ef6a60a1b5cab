//! Exchanges: one request and its response, whatever the protocol.
