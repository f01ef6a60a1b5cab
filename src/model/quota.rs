//! AWS's quotas as data: how many of a thing there may be, and how large it may grow.
//! (Amazon API Gateway quotas and important notes.)

/// How many there may be of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// As AWS's message names them.
    pub what: &'static str,
    /// What has so many of them: `API`, `account`.
    pub owner: &'static str,
    pub max: usize,
}

/// How large something may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    pub what: &'static str,
    /// Bytes of templates and policies, characters of names and values.
    pub max: usize,
}

const fn count(what: &'static str, owner: &'static str, max: usize) -> Quota {
    Quota { what, owner, max }
}

const fn size(what: &'static str, max: usize) -> Size {
    Size { what, max }
}

pub const EDGE_APIS: Quota = count("Edge-optimized APIs", "account", 120);
pub const REGIONAL_APIS: Quota = count("Regional APIs", "account", 600);
pub const PRIVATE_APIS: Quota = count("Private APIs", "account", 600);
pub const RESOURCES: Quota = count("Resources", "API", 300);
pub const AUTHORIZERS: Quota = count("Authorizers", "API", 10);
pub const DOCUMENTATION_PARTS: Quota = count("Documentation Parts", "API", 2000);
pub const STAGES: Quota = count("Stages", "API", 10);
pub const STAGE_VARIABLES: Quota = count("Stage Variables", "Stage", 100);
pub const API_KEYS: Quota = count("API Keys", "account", 10_000);
pub const USAGE_PLANS: Quota = count("Usage Plans", "account", 300);
pub const PLANS_OF_A_KEY: Quota = count("Usage Plans", "API Key", 10);
pub const METHOD_THROTTLES: Quota = count("Method Throttles", "Usage Plan Stage", 20);
pub const TAGS: Quota = count("Tags", "resource", 50);
pub const DOMAIN_NAMES: Quota = count("Custom Domain Names", "account", 120);
pub const PRIVATE_DOMAIN_NAMES: Quota = count("Private Custom Domain Names", "account", 50);
pub const ACCESS_ASSOCIATIONS: Quota = count("Domain Name Access Associations", "account", 100);
pub const MAPPINGS: Quota = count("API Mappings", "Custom Domain Name", 200);
pub const CLIENT_CERTIFICATES: Quota = count("Client Certificates", "account", 60);
pub const VPC_LINKS: Quota = count("VPC Links", "account", 20);
/// Of HTTP and WebSocket APIs.
pub const ROUTES: Quota = count("Routes", "API", 300);
pub const INTEGRATIONS: Quota = count("Integrations", "API", 300);
pub const VPC_LINKS_V2: Quota = count("VPC Links", "account", 10);

pub const POLICY: Size = size("Policy", 8192);
pub const TEMPLATE: Size = size("Mapping template", 300 * 1024);
pub const VARIABLE_NAME: Size = size("Stage variable name", 64);
pub const VARIABLE_VALUE: Size = size("Stage variable value", 512);

/// Milliseconds that an integration of a REST API may take.
pub const TIMEOUT_MS_MIN: i64 = 50;
pub const TIMEOUT_MS_MAX: i64 = 29_000;
/// AWS: "You can stream your response for up to 15 minutes."
pub const STREAM_TIMEOUT_MS_MAX: i64 = 900_000;

impl Quota {
    /// What AWS says when there are so many already (two blanks before `Please`, as recorded).
    pub fn reached(&self) -> String {
        let Self { what, owner, .. } = self;
        format!(
            "Maximum number of {what} for this {owner} has been reached.  Please contact AWS if \
             you need additional {what}."
        )
    }
}

impl Size {
    pub fn exceeded(&self) -> String {
        let Self { what, max } = self;
        format!("{what} exceeds maximum size of {max}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reached_quota_is_told_in_awss_words() {
        let expected = "Maximum number of Resources for this API has been reached.  Please contact \
                        AWS if you need additional Resources.";
        assert_eq!(RESOURCES.reached(), expected);
    }
}
