//! Method and raw path to an operation; `%2F` in a label stays part of it.

use crate::base::ascii;
use crate::control::protocol::operation::{Operation, Service, ServiceName, UriSegment};
use crate::control::protocol::query;

/// The operation that a request asks for, and the labels of its path, decoded.
#[derive(Clone, Debug)]
pub struct Found {
    pub service: &'static Service,
    pub operation: &'static Operation,
    /// By the names they have in the URI.
    pub labels: Vec<(&'static str, String)>,
}

impl Found {
    /// The path as policies name it: without `/v2`, and written in one way however it came.
    /// <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-control-access-policy-language-overview-and-syntax.html>
    pub fn resource(&self) -> String {
        let mut labels = self.labels.iter();
        let mut path = String::new();
        for (index, segment) in self.operation.segments.iter().enumerate() {
            match segment {
                UriSegment::Literal(text) if index == 0 && text == "v2" => {}
                UriSegment::Literal(text) => {
                    path.push('/');
                    path.push_str(text);
                }
                UriSegment::Label(name) => {
                    let value = labels.next().map_or("", |(_, value)| value);
                    path.push('/');
                    // Policies write the ARN of `/tags/{arn}` encoded whole.
                    match name.ends_with("arn") {
                        true => path.push_str(&ascii::percent_encoded(value, b"")),
                        false => path.push_str(&value.replace('%', "%25").replace('/', "%2F")),
                    }
                }
            }
        }
        path
    }
}

/// None if there is no such operation in either service.
pub fn find(method: &str, path: &str, query: &str) -> Option<Found> {
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let name = match parts.first() {
        Some(&"v2") => ServiceName::V2,
        _ => ServiceName::Rest,
    };
    let service = name.service();
    let pairs = query::pairs(query);
    let asks = |row: &Operation| match &row.query {
        None => true,
        Some((name, value)) => pairs.iter().any(|(n, v)| n == name && v == value),
    };
    let rows = service.operations.iter().filter(|row| row.method == method);
    let mut rows = rows.filter(|row| asks(row));
    rows.find_map(|operation| {
        Some(Found {
            service,
            operation,
            labels: labels(&operation.segments, &parts)?,
        })
    })
}

/// The ARN of a tagged resource is the last label of its path; some clients leave its slashes as
/// they are.
fn labels(segments: &'static [UriSegment], parts: &[&str]) -> Option<Vec<(&'static str, String)>> {
    let is_open = matches!(segments.last(), Some(UriSegment::Label(name)) if name.ends_with("arn"));
    let parts = match parts {
        [head @ .., ""] if head.len() == segments.len() => head,
        _ => parts,
    };
    if parts.len() != segments.len() && !(is_open && parts.len() > segments.len()) {
        return None;
    }
    let mut labels = Vec::new();
    for (index, segment) in segments.iter().enumerate() {
        match segment {
            UriSegment::Literal(text) if text == parts[index] => {}
            UriSegment::Literal(_) => return None,
            UriSegment::Label(_) if parts[index].is_empty() => return None,
            UriSegment::Label(name) if index + 1 == segments.len() => {
                labels.push((name.as_str(), query::decoded(&parts[index..].join("/"))));
            }
            UriSegment::Label(name) => labels.push((name.as_str(), query::decoded(parts[index]))),
        }
    }
    Some(labels)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn each_path_finds_its_row_and_labels_are_decoded() {
        let check = |method: &str, path: &str, query: &str, expected: &str| {
            let found = find(method, path, query);
            let text = found.map(|found| {
                let labels = found
                    .labels
                    .iter()
                    .map(|(name, value)| format!(" {name}={value}"));
                format!("{}{}", found.operation.name, labels.collect::<String>())
            });
            assert_eq!(text.unwrap_or_default(), expected, "{method} {path}");
        };
        check("GET", "/v2/apis", "maxResults=3", "GetApis");
        check("GET", "/v2/apis/a1b2", "", "GetApi apiId=a1b2");
        check("GET", "/v2/apis/a1b2/", "", "GetApi apiId=a1b2");
        check("POST", "/restapis", "", "CreateRestApi");
        check("POST", "/restapis", "mode=import", "ImportRestApi");
        check(
            "POST",
            "/apikeys",
            "mode=import&format=csv",
            "ImportApiKeys",
        );
        let arn = "resource_arn=arn:aws:apigateway:x::/restapis/a";
        let tags = format!("GetTags {arn}");
        check(
            "GET",
            "/tags/arn:aws:apigateway:x::%2Frestapis%2Fa",
            "",
            &tags,
        );
        check(
            "GET",
            "/tags/arn%3Aaws%3Aapigateway%3Ax%3A%3A/restapis/a",
            "",
            &tags,
        );
        let method = "/restapis/a/resources/r/methods/GET";
        let labels = "restapi_id=a resource_id=r http_method=GET";
        check("PUT", method, "", &format!("PutMethod {labels}"));
        check(
            "PUT",
            &format!("{method}/integration"),
            "",
            &format!("PutIntegration {labels}"),
        );
        check(
            "DELETE",
            "/v2/apis/a/cors",
            "",
            "DeleteCorsConfiguration apiId=a",
        );
        check("PUT", "/v2/apis/a/nowhere", "", "");
        check("GET", "/", "", "");
    }

    #[test]
    fn a_resource_is_written_in_one_way_however_its_path_came() {
        let check = |method: &str, path: &str, expected: &str| {
            assert_eq!(find(method, path, "").unwrap().resource(), expected);
        };
        check("GET", "/restapis/%61bc/", "/restapis/abc");
        check(
            "GET",
            "/v2/apis/a/stages/%24default",
            "/apis/a/stages/$default",
        );
        let tags = "/tags/arn%3Aaws%3Aapigateway%3Ax%3A%3A%2Frestapis%2Fa";
        check("GET", "/tags/arn:aws:apigateway:x::/restapis/a", tags);
        check("GET", tags, tags);
        check("GET", "/restapis/a%2Fb%252F", "/restapis/a%2Fb%252F");
    }
}
