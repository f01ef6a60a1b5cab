//! Operations on REST APIs; one file per noun.

mod account;
mod api;
mod authorizer;
mod canary;
mod certificate;
mod clone;
mod csv;
mod deployment;
mod documentation;
mod domain;
mod freeze;
mod integration;
mod key;
mod key_import;
mod link;
mod mapping;
mod method;
mod noun;
mod plan;
mod plan_stage;
mod reply;
mod resource;
mod response;
mod schema;
mod setting;
pub(in crate::control) mod stage;
mod template;
pub mod test_invoke;
mod usage;
mod validator;

pub use mapping::is_path_byte;

use crate::control::Handler;

/// The operations that are served, by AWS's names.
pub const OPERATIONS: &[&[(&str, Handler)]] = &[
    account::OPERATIONS,
    api::OPERATIONS,
    authorizer::OPERATIONS,
    certificate::OPERATIONS,
    deployment::OPERATIONS,
    documentation::OPERATIONS,
    domain::OPERATIONS,
    integration::OPERATIONS,
    key::OPERATIONS,
    link::OPERATIONS,
    mapping::OPERATIONS,
    method::OPERATIONS,
    plan::OPERATIONS,
    reply::OPERATIONS,
    resource::OPERATIONS,
    response::OPERATIONS,
    schema::OPERATIONS,
    stage::OPERATIONS,
    test_invoke::OPERATIONS,
    usage::OPERATIONS,
    validator::OPERATIONS,
];
