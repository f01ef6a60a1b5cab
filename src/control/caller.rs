//! Who calls: account and region from the credential of a signed request.

use crate::control::desk::Scope;
use crate::control::error::{Error, Outcome};

/// The scope that a request works in, as its `Authorization` header says:
/// `AWS4-HMAC-SHA256 Credential=KEY/20260101/eu-west-1/apigateway/aws4_request, …`.
///
/// # Errors
/// A request that is not signed, or for another service.
pub fn scope(authorization: Option<&str>, default_account: &str) -> Outcome<Scope> {
    let credential = authorization.ok_or_else(Error::missing_token)?;
    let scope = credential
        .split_once("Credential=")
        .and_then(|(_, rest)| rest.split([',', ' ']).next())
        .ok_or_else(|| incomplete("Authorization header requires 'Credential' parameter."))?;
    let parts: Vec<&str> = scope.rsplitn(5, '/').collect();
    let ["aws4_request", service, region, _date, _key] = parts.as_slice() else {
        return Err(incomplete("Credential must have 5 parts separated by '/'."));
    };
    if *service != SIGNING_NAME {
        return Err(Error::denied(
            "InvalidSignatureException",
            format!("Credential should be scoped to correct service: '{SIGNING_NAME}'."),
        ));
    }
    let fine = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if region.is_empty() || !region.chars().all(fine) {
        return Err(incomplete("Credential should be scoped to a valid region."));
    }
    Ok(Scope {
        account: default_account.to_owned(),
        region: (*region).to_owned(),
    })
}

/// Both management APIs sign under this name.
const SIGNING_NAME: &str = "apigateway";

fn incomplete(message: &str) -> Error {
    Error::denied("IncompleteSignatureException", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_comes_from_the_credential() {
        let check = |header: Option<&str>, expected: Result<&str, &str>| {
            let found = scope(header, "123456789012");
            let found = found.map(|scope| scope.region).map_err(|error| error.code);
            assert_eq!(found, expected.map(str::to_owned));
        };
        let signed =
            |scope: &str| format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host");
        let full = signed("AKIA/x/20260101/eu-west-1/apigateway/aws4_request");
        check(Some(&full), Ok("eu-west-1"));
        let other = signed("AKIA/20260101/eu-west-1/s3/aws4_request");
        check(Some(&other), Err("InvalidSignatureException"));
        check(Some("Bearer x"), Err("IncompleteSignatureException"));
        check(None, Err("MissingAuthenticationTokenException"));
    }
}
