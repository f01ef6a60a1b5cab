//! TLS as a value: `Session` turns records into plaintext and back over rustls' unbuffered API.
//!
//! Nothing outside this folder knows which library speaks TLS. A session owns no socket and no
//! task; each call gets the socket and the core's `Scratch` and does as much as it can at once.

mod accept;
mod backlog;
mod certificate;
mod connect;
mod der;
mod error;
mod generate;
mod given;
mod machine;
mod provider;
mod session;
mod terms;
mod trust;

pub use accept::{Server, Version};
pub use certificate::{CertificateFiles, Certificates, Reload, Validity};
pub use connect::{Client, Trust};
pub use error::Error;
pub use generate::{Generated, generate};
pub use given::{Facts, GivenCertificate, inspect};
pub use session::{Progress, Scratch, Session, Socket};
pub use terms::Terms;
pub use trust::{ClientCertificate, inspect_truststore, read_truststore};
