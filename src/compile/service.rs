//! Services of AWS to where they answer: AWS itself, or an endpoint of the config.

use crate::aws::Arn;
use crate::aws::endpoint::Endpoint;
use crate::compile::group::Groups;
use crate::compile::problem::Fault;
use crate::compile::target::Needs;
use crate::compile::uri;
use crate::model::v2::{RouteKey, Stage};
use crate::plan::Piece;
use crate::plan::service::{Credentials, Service};

/// The service, and the group that it needs. `credentials` is what an integration says of them:
/// empty for those of the gateway, the ARN of a role, or `arn:aws:iam::*:user/*`.
///
/// # Errors
/// No such service can be asked, or no such credentials can be had.
pub(in crate::compile) fn service(
    endpoint: &Endpoint<'_>,
    credentials: &str,
    groups: &mut Groups<'_>,
) -> Result<(Service, Needs), Fault> {
    let credentials = read_credentials(credentials)?;
    let own = format!("https://{}", endpoint.host());
    let names = [endpoint.service, endpoint.label(), endpoint.signing_name()];
    let given = groups.aws.endpoint_of(names);
    let url = given.unwrap_or(&own);
    let key = RouteKey::Default;
    let read = uri::read(url, &key, &Stage::default());
    let read = read.map_err(|faults| {
        let mut messages = faults.into_iter().map(|fault| fault.message);
        let why = messages.next().unwrap_or_default();
        Fault::new(format!("Invalid endpoint address: {url}: {why}"))
    })?;
    let resolved = groups.resolve(read.tls, &read.authority)?;
    let mut base_path = String::new();
    for piece in &read.path {
        if let Piece::Literal(text) = piece {
            base_path.push_str(&String::from_utf8_lossy(text));
        }
    }
    base_path.truncate(base_path.trim_end_matches('/').len());
    let mut host = read.authority.text.clone();
    if let (Some(subdomain), true) = (endpoint.subdomain, given.is_some()) {
        // Nobody answers to a name before an address: as the SDKs do, the bucket goes into the path.
        match read.authority.host.parse::<std::net::IpAddr>() {
            Ok(_) if endpoint.service == "s3" => {
                base_path.push('/');
                base_path.push_str(subdomain);
            }
            Ok(_) => {}
            Err(_) => host = format!("{subdomain}.{host}"),
        }
    }
    let service = Service {
        group: resolved.group,
        host: host.into(),
        base_path: base_path.into(),
        name: endpoint.signing_name().into(),
        region: endpoint.signing_region().into(),
        credentials,
    };
    let needs = Needs {
        lookup: resolved.lookup,
        key: resolved.key,
    };
    Ok((service, needs))
}

/// Whether these are the credentials of whoever calls the API.
pub(in crate::compile) fn is_caller(credentials: &str) -> bool {
    read_credentials(credentials).is_ok_and(|read| read == Credentials::Caller)
}

fn read_credentials(text: &str) -> Result<Credentials, Fault> {
    if text.is_empty() {
        return Ok(Credentials::Own);
    }
    let arn = Arn::parse(text).filter(|arn| arn.service == "iam");
    match arn {
        // AWS: "To require that the caller's identity be passed through from the request, specify
        // the string arn:aws:iam::*:user/*."
        Some(arn) if arn.resource.starts_with("user/") => Ok(Credentials::Caller),
        Some(arn) if arn.resource.starts_with("role/") => Ok(Credentials::Role(text.into())),
        _ => Err(Fault::new(format!("`{text}` is not the ARN of a role"))),
    }
}
