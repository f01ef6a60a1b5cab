//! Operations on REST APIs; one file per noun.

mod account;
mod api;
mod authorizer;
mod freeze;
mod integration;
mod key;
mod method;
mod noun;
mod plan;
mod reply;
mod resource;
mod response;
mod schema;
mod stage;
mod validator;

use crate::control::Handler;

/// The operations that are served, by AWS's names.
pub const OPERATIONS: &[&[(&str, Handler)]] = &[
    account::OPERATIONS,
    api::OPERATIONS,
    authorizer::OPERATIONS,
    integration::OPERATIONS,
    key::OPERATIONS,
    method::OPERATIONS,
    plan::OPERATIONS,
    reply::OPERATIONS,
    resource::OPERATIONS,
    response::OPERATIONS,
    schema::OPERATIONS,
    stage::OPERATIONS,
    validator::OPERATIONS,
];
