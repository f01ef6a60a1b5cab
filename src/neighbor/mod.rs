//! Just enough of the services that AWS's tools ask on the way: here Lambda's own API, and of STS who
//! one is.

pub mod function;
pub mod sts;
