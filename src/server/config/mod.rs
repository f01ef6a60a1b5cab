//! The config file: TOML in, settings and a `Snapshot` out, or everything that is wrong with it.
//!
//! `table` says once which keys exist; `read` turns a text into values along it, `resolve` turns
//! values into what the rooms want, `page` prints the example file and the manual from it.
//! Problems that `compile` finds later come back by path and find their place through `place`.

mod aws;
mod blocks;
mod check;
mod field;
mod function;
#[cfg(test)]
mod golden;
mod load;
mod log_place;
mod management;
mod memory;
#[cfg(test)]
mod memory_tests;
mod page;
mod place;
mod presence;
mod problem;
mod read;
mod resolve;
mod resource;
mod scalar;
mod settings;
mod table;
mod unit;
mod value;
mod within;

pub use load::{Config, FILE_BYTES_MAX, Loaded};
pub use memory::Memory;
pub use page::{example, manual};
pub use place::Located;
pub use presence::absent_code;
pub use problem::{Problem, Report};
pub use settings::{
    AccessLog, Aws, AwsKeys, CertificateFiles, Dns, Driver, Forwarding, Limits, Listener,
    ListenerTls, Logging, Management, ManagementKey, Settings, Timeouts, TlsVersion, Written,
    XForwarded,
};
