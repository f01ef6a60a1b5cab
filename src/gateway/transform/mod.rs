//! What REST APIs do to a request on its way to the integration, and to the answer on its way back.

pub mod request;
pub mod response;
