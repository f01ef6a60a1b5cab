//! What REST APIs do to a request on its way to the integration, and to the answer on its way back.

pub mod binary;
pub mod body;
pub mod proxy;
pub mod request;
pub mod response;
pub mod template;
