//! Just enough of the services that AWS's tools ask on the way: here Lambda's own API.

pub mod function;
