//! `$context` of HTTP APIs: what access logs and parameter mappings may ask of a call.

use crate::gateway::asked::host_name;
use crate::gateway::{Call, Worker};
use crate::lang::logline::Variable;
use crate::net::Exchange;
use crate::net::forwarded;
use crate::plan::stage::StageKind;
use crate::plan::{Route, Target};
use crate::wire::h1::encode::decimal;
use crate::wire::head::Version;

/// A call as far as it has come, and what is known of it.
pub struct Facts<'a> {
    pub worker: &'a Worker,
    pub call: &'a Call<'a>,
    pub exchange: &'a Exchange<'a>,
    /// Since the head of the request was there.
    pub latency_us: u64,
}

impl Facts<'_> {
    /// Appends the value, or nothing when there is none.
    pub fn write(&self, variable: &Variable, out: &mut Vec<u8>) {
        let (head, bytes) = (self.exchange.head(), self.exchange.bytes());
        match variable {
            Variable::RequestId => out.extend_from_slice(self.call.shown_request_id()),
            Variable::ExtendedRequestId => {
                out.extend_from_slice(self.call.request_id.as_bytes());
            }
            Variable::HttpMethod => out.extend_from_slice(head.method_token.of(bytes)),
            Variable::Path => out.extend_from_slice(head.path.of(bytes)),
            Variable::Protocol => out.extend_from_slice(match head.version {
                Version::Http10 => b"HTTP/1.0",
                Version::Http11 => b"HTTP/1.1",
            }),
            Variable::SourceIp => forwarded::address(out, self.exchange.client.peer.ip()),
            Variable::UserAgent => {
                let agent = head.header(bytes, b"user-agent");
                out.extend_from_slice(agent.unwrap_or_default());
            }
            Variable::DomainName => out.extend_from_slice(self.domain()),
            Variable::DomainPrefix => {
                let first = self.domain().split(|byte| *byte == b'.').next();
                out.extend_from_slice(first.unwrap_or_default());
            }
            Variable::BasePathMatched if !self.is_default_endpoint() => {
                let base = &head.path.of(bytes)[..self.call.base as usize];
                out.extend_from_slice(base.strip_prefix(b"/").unwrap_or(base));
            }
            Variable::RequestTime | Variable::RequestTimeEpoch => self.time(variable, out),
            Variable::ResponseLatency => decimal(out, self.latency_us / 1000),
            Variable::DataProcessed => {
                let received = u64::from(head.length) + self.exchange.upload.received_bytes;
                decimal(out, received + self.exchange.sent_bytes);
            }
            Variable::ResponseLength => decimal(out, self.exchange.body_bytes),
            Variable::Status => decimal_if(out, u64::from(self.call.status)),
            _ => self.resource(variable, out),
        }
    }

    /// What the configuration and the upstream said.
    fn resource(&self, variable: &Variable, out: &mut Vec<u8>) {
        let call = self.call;
        match variable {
            Variable::AccountId => text(out, call.stage.map(|stage| &*stage.account_id)),
            Variable::AwsEndpointRequestId | Variable::IntegrationRequestId => {
                out.extend_from_slice(self.endpoint_id(0));
            }
            Variable::AwsEndpointRequestId2 => out.extend_from_slice(self.endpoint_id(1)),
            Variable::ApiId => text(out, call.stage.map(|stage| &*stage.api_id)),
            Variable::Stage => text(out, call.stage.map(|stage| &*stage.name)),
            Variable::RouteKey => text(out, call.route.map(|route| &*route.key)),
            Variable::ErrorMessage | Variable::ErrorMessageString => {
                text(out, call.reject.map(|reject| call.message(reject)));
            }
            Variable::ErrorResponseType => text(out, call.reject.map(|reject| reject.aws_name())),
            Variable::IntegrationError => text(out, call.integration_error.as_deref()),
            Variable::IntegrationStatus if call.function_status != 0 => {
                decimal(out, u64::from(call.function_status));
            }
            Variable::IntegrationStatus | Variable::IntegrationServiceStatus => {
                decimal_if(out, u64::from(call.integration_status));
            }
            // A function of this machine is no upstream.
            Variable::IntegrationLatency if call.upstream.is_some() || call.integration_us > 0 => {
                decimal(out, call.integration_us / 1000);
            }
            Variable::ResponseTransferMode => {
                text(out, call.route.map(transfer_mode));
            }
            Variable::TimeToAllHeaders => {
                if let Some((head_us, _)) = call.stream_us {
                    decimal(out, head_us / 1000);
                }
            }
            Variable::TimeToFirstContent => {
                if let Some((_, Some(content_us))) = call.stream_us {
                    decimal(out, content_us / 1000);
                }
            }
            Variable::Upstream => {
                if let Some((group, index)) = &call.upstream {
                    let target = &group.settings.targets[*index];
                    text(out, Some(&target.host));
                    out.push(b':');
                    decimal(out, u64::from(target.port));
                }
            }
            Variable::IdentityAccessKey | Variable::IdentityCaller | Variable::IdentityUser => {
                text(out, call.user.as_ref().map(|user| user.id()));
            }
            Variable::IdentityAccountId => {
                text(out, call.user.as_ref().map(|user| user.account()));
            }
            Variable::UserArn => text(out, call.user.as_ref().map(|user| &*user.arn)),
            Variable::AuthorizerError => text(out, call.authorizer_error.as_deref()),
            Variable::AuthorizerPrincipalId => {
                let said = call.authorized.as_ref();
                text(out, said.and_then(|said| said.principal.as_deref()));
            }
            Variable::AuthorizerProperty(name) => {
                let said = call.authorized.as_ref();
                let value = said.and_then(|said| said.property(name));
                text(out, value.as_deref());
            }
            _ => self.rest(variable, out),
        }
    }

    /// What only REST APIs have.
    fn rest(&self, variable: &Variable, out: &mut Vec<u8>) {
        let call = self.call;
        let method = call.route.and_then(|route| route.rest.as_deref());
        let value = match variable {
            Variable::DeploymentId => {
                let stage = call.stage.and_then(|stage| stage.rest.as_deref());
                stage.map(|stage| &*stage.deployment_id)
            }
            Variable::IdentityApiKey => call.api_key.map(|key| &*key.value),
            Variable::IdentityApiKeyId => call.api_key.map(|key| &*key.id),
            Variable::IsCanaryRequest => call.is_canary.map(|is| if is { "true" } else { "false" }),
            Variable::ResourceId => method.map(|method| &*method.resource_id),
            Variable::ResourcePath => method.map(|method| &*method.resource_path),
            Variable::ValidationError => call.validation_error.as_deref(),
            Variable::Absent => None,
            _ => return self.certificate(variable, out),
        };
        text(out, value);
    }

    /// What the client has proved to be.
    fn certificate(&self, variable: &Variable, out: &mut Vec<u8>) {
        let Some(shown) = self.exchange.client.stream.client_certificate() else {
            return;
        };
        let value = match variable {
            Variable::ClientCertPem => &shown.pem,
            Variable::ClientCertIssuer => &shown.issuer,
            Variable::ClientCertSerialNumber => &shown.serial,
            Variable::ClientCertSubject => &shown.subject,
            Variable::ClientCertNotAfter => &shown.not_after,
            Variable::ClientCertNotBefore => &shown.not_before,
            _ => return,
        };
        out.extend_from_slice(value.as_bytes());
    }

    /// Called by the API's own id, so that what the path begins with is no mapping's.
    fn is_default_endpoint(&self) -> bool {
        const BY_PATH: [&[u8]; 2] = [b"/_aws/execute-api/", b"/restapis/"];
        let path = self.exchange.head().path.of(self.exchange.bytes());
        let by_host = memchr::memmem::find(self.domain(), b".execute-api").is_some();
        let by_path = BY_PATH.iter().any(|start| path.starts_with(start));
        self.call.kind != StageKind::File && (by_host || by_path)
    }

    fn endpoint_id(&self, index: usize) -> &[u8] {
        let ids = self.call.endpoint_ids.as_ref();
        ids.map_or(&b""[..], |ids| &ids[index])
    }

    fn domain(&self) -> &[u8] {
        host_name(self.exchange.head().host.of(self.exchange.bytes()))
    }

    fn time(&self, variable: &Variable, out: &mut Vec<u8>) {
        let ended = self.worker.epoch_ms();
        let began = ended.saturating_sub(self.latency_us / 1000);
        if *variable == Variable::RequestTimeEpoch {
            return decimal(out, began);
        }
        out.extend_from_slice(self.worker.log_date.borrow_mut().at(began));
    }
}

/// AWS: "This can be either BUFFERED or STREAMED."
fn transfer_mode(route: &Route) -> &'static str {
    let streams = match &route.rest {
        Some(rest) => rest.streams,
        None => matches!(&route.target, Target::Function(target) if target.streams),
    };
    if streams { "STREAMED" } else { "BUFFERED" }
}

fn text(out: &mut Vec<u8>, value: Option<&str>) {
    out.extend_from_slice(value.unwrap_or_default().as_bytes());
}

/// 0 means that there was none.
fn decimal_if(out: &mut Vec<u8>, number: u64) {
    if number != 0 {
        decimal(out, number);
    }
}

#[cfg(test)]
mod tests {
    // Lines of real requests are checked by the integration tests, which read the log of a
    // running gateway; here nothing can go wrong that they would not see.
    #[test]
    fn a_missing_number_leaves_nothing() {
        let mut out = Vec::new();
        super::decimal_if(&mut out, 0);
        assert!(out.is_empty());
        super::decimal_if(&mut out, 7);
        assert_eq!(out, b"7");
    }
}
