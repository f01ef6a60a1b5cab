//! What a policy calls an operation of the management APIs: its action and its resource.

use crate::aws::Arn;
use crate::aws::arn::partition_of;
use crate::control::caller::Caller;
use crate::control::desk::Scope;
use crate::control::error::Outcome;
use crate::control::protocol::route::Found;

/// Whether the caller may do what was asked for. `tags` are the condition keys that tags give.
///
/// # Errors
/// `AccessDeniedException`.
pub fn check(caller: &Caller, found: &Found, tags: Vec<(String, String)>) -> Outcome<()> {
    let (action, resource) = of(found, &caller.scope);
    caller.may_with(&action, &resource, tags)
}

/// Most operations go by their HTTP method; the younger families have an action for each operation
/// and ARNs with the account.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonapigatewaymanagementv2.html>
fn of(found: &Found, scope: &Scope) -> (String, String) {
    let path = found.resource();
    let Scope { account, region } = scope;
    let is_young =
        path.starts_with("/portal") || path.split('/').any(|part| part == "routingrules");
    if !is_young {
        let action = format!("apigateway:{}", found.operation.method);
        return (action, Arn::management(region, &path).to_string());
    }
    let name = match found.operation.name.as_str() {
        "PutRoutingRule" => "UpdateRoutingRule",
        name => name,
    };
    let partition = partition_of(region);
    (
        format!("apigateway:{name}"),
        format!("arn:{partition}:apigateway:{region}:{account}:{path}"),
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::control::protocol::route;

    #[test]
    fn operations_have_the_actions_and_resources_of_aws() {
        let scope = Scope {
            account: "111122223333".to_owned(),
            region: "eu-west-1".to_owned(),
        };
        let check = |method: &str, path: &str, action: &str, resource: &str| {
            let found = route::find(method, path, "").unwrap();
            let expected = (format!("apigateway:{action}"), resource.to_owned());
            assert_eq!(of(&found, &scope), expected, "{method} {path}");
        };
        let plain = "arn:aws:apigateway:eu-west-1::/apis/a1/routes/r";
        check("PATCH", "/v2/apis/a1/routes/r", "PATCH", plain);
        check(
            "GET",
            "/account",
            "GET",
            "arn:aws:apigateway:eu-west-1::/account",
        );
        let own = "arn:aws:apigateway:eu-west-1:111122223333:";
        let publish = format!("{own}/portals/p/publish");
        check("DELETE", "/v2/portals/p/publish", "DisablePortal", &publish);
        let page = format!("{own}/portalproducts/p/productpages/q");
        check(
            "GET",
            "/v2/portalproducts/p/productpages/q",
            "GetProductPage",
            &page,
        );
        let rule = format!("{own}/domainnames/a.example/routingrules/r");
        let path = "/v2/domainnames/a.example/routingrules/r";
        check("PUT", path, "UpdateRoutingRule", &rule);
    }
}
