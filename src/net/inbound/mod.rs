//! Server side: connections accepted, requests read, handlers called.

pub mod accept;
pub mod close;
pub mod h1;
