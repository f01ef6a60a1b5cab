//! TLS over rustls' unbuffered API.
