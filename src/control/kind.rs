//! The kinds of records that the management APIs keep, by their names in the store.

/// HTTP and WebSocket APIs: `{api}`.
pub const API: &str = "api";
/// `{api}/{route}`
pub const ROUTE: &str = "route";
/// `{api}/{route}/{response}`
pub const ROUTE_RESPONSE: &str = "route-response";
/// `{api}/{integration}`
pub const INTEGRATION: &str = "integration";
/// `{api}/{integration}/{response}`
pub const INTEGRATION_RESPONSE: &str = "integration-response";
/// Of either kind of API: `{api}/{deployment}`
pub const DEPLOYMENT: &str = "deployment";
/// Of either kind of API: `{api}/{name}`
pub const STAGE: &str = "stage";
/// Of either kind of API: `{api}/{model}`
pub const MODEL: &str = "model";
/// Of either kind of API: `{api}/{authorizer}`
pub const AUTHORIZER: &str = "authorizer";

/// REST APIs: `{api}`.
pub const REST_API: &str = "rest-api";
/// `{api}/{resource}`, with its methods, their integrations and responses inside.
pub const RESOURCE: &str = "resource";
/// `{api}/{validator}`
pub const VALIDATOR: &str = "validator";
/// `{api}/{type}`
pub const GATEWAY_RESPONSE: &str = "gateway-response";
/// `{api}/{part}`
pub const DOCUMENTATION_PART: &str = "documentation-part";
/// `{api}/{version}`, with its parts inside
pub const DOCUMENTATION_VERSION: &str = "documentation-version";
/// `{key}`
pub const API_KEY: &str = "api-key";
/// `{plan}`
pub const USAGE_PLAN: &str = "usage-plan";
/// `{plan}/{key}`
pub const USAGE_PLAN_KEY: &str = "usage-plan-key";
/// `{plan}/{key}/{day}`, the day as `2026-01-31`
pub const USAGE: &str = "usage";

/// Custom domain names of both services: `{domain}`; a private one `{domain}+{id}`.
pub const DOMAIN_NAME: &str = "domain-name";
/// Base path mappings and API mappings: `{domain}/{mapping}`
pub const API_MAPPING: &str = "api-mapping";
/// `{domain}/{rule}`
pub const ROUTING_RULE: &str = "routing-rule";
/// Access associations of a private domain name: `{domain}/{endpoint}`
pub const DOMAIN_ASSOCIATION: &str = "domain-association";

/// VPC links of the first service: `{link}`
pub const VPC_LINK: &str = "vpc-link";
/// VPC links of the second service: `{link}`
pub const VPC_LINK_V2: &str = "vpc-link-v2";
/// `{certificate}`
pub const CLIENT_CERTIFICATE: &str = "client-certificate";
/// Only of the config file: the name, id or ARN of a VPC link that an upstream stands for.
pub const UPSTREAM: &str = "upstream";
/// `{portal}`
pub const PORTAL: &str = "portal";
/// `{product}`, with its sharing policy inside.
pub const PORTAL_PRODUCT: &str = "portal-product";
/// `{product}/{page}`
pub const PRODUCT_PAGE: &str = "product-page";
/// Pages of REST endpoints: `{product}/{page}`
pub const ENDPOINT_PAGE: &str = "product-endpoint-page";

/// What API keys and their plans are made of.
pub const OF_USAGE: &[&str] = &[API_KEY, USAGE_PLAN, USAGE_PLAN_KEY, USAGE];

/// One a region.
pub const ACCOUNT: &str = "account";

/// What of an API takes effect with a deployment only, and is looked at by nobody else.
pub const DRAFT: &[&str] = &[
    ROUTE,
    ROUTE_RESPONSE,
    INTEGRATION,
    INTEGRATION_RESPONSE,
    MODEL,
    RESOURCE,
    VALIDATOR,
    GATEWAY_RESPONSE,
];

/// What lies below an API and goes with it.
pub const BELOW_API: &[&str] = &[
    ROUTE,
    ROUTE_RESPONSE,
    INTEGRATION,
    INTEGRATION_RESPONSE,
    DEPLOYMENT,
    STAGE,
    MODEL,
    AUTHORIZER,
    RESOURCE,
    VALIDATOR,
    GATEWAY_RESPONSE,
    DOCUMENTATION_PART,
    DOCUMENTATION_VERSION,
];

/// What lies below a domain name and goes with it.
pub const BELOW_DOMAIN: &[&str] = &[API_MAPPING, ROUTING_RULE, DOMAIN_ASSOCIATION];
