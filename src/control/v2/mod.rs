//! Operations on HTTP and WebSocket APIs; one file per noun.

mod api;
mod authorizer;
mod deploy;
mod domain;
mod integration;
mod link;
mod mapping;
mod noun;
mod pages;
mod parameters;
mod portal;
mod product;
mod quick;
mod response;
mod route;
mod rule;
mod schema;
mod stage;
pub mod subtype;

pub use deploy::deploy_automatically;

use crate::control::Handler;

/// The operations that are served, by AWS's names.
pub const OPERATIONS: &[&[(&str, Handler)]] = &[
    api::OPERATIONS,
    authorizer::OPERATIONS,
    deploy::OPERATIONS,
    domain::OPERATIONS,
    integration::OPERATIONS,
    link::OPERATIONS,
    mapping::OPERATIONS,
    pages::OPERATIONS,
    portal::OPERATIONS,
    product::OPERATIONS,
    response::OPERATIONS,
    route::OPERATIONS,
    rule::OPERATIONS,
    schema::OPERATIONS,
    stage::OPERATIONS,
];
