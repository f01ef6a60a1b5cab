//! Error names, their status codes, and how they travel in AWS's JSON protocols.

use std::borrow::Cow;

use serde::Serialize;

use crate::base::json;

/// The header that names the error.
pub const ERROR_TYPE_HEADER: &str = "x-amzn-errortype";

macro_rules! names {
    ($($name:ident $status:literal)*) => {
        /// Errors as AWS names them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum ErrorName { $($name),* }

        impl ErrorName {
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),* }
            }

            /// The HTTP status that comes with it unless an operation says otherwise.
            pub fn status(self) -> u16 {
                match self { $(Self::$name => $status),* }
            }
        }
    };
}

names! {
    AccessDeniedException 403
    BadRequestException 400
    ConflictException 409
    ExpiredToken 403
    ExpiredTokenException 403
    ForbiddenException 403
    IncompleteSignature 403
    IncompleteSignatureException 403
    InternalFailure 500
    InvalidClientTokenId 403
    InvalidSignatureException 403
    LimitExceededException 429
    MissingAuthenticationToken 403
    MissingAuthenticationTokenException 403
    NotFoundException 404
    SerializationException 400
    ServiceUnavailableException 503
    SignatureDoesNotMatch 403
    TooManyRequestsException 429
    UnauthorizedException 401
    UnknownOperationException 404
    UnrecognizedClientException 403
    ValidationException 400
}

/// One error on its way to a client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", name.as_str())]
pub struct Fault {
    pub name: ErrorName,
    pub message: Cow<'static, str>,
}

impl Fault {
    pub fn new(name: ErrorName, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            name,
            message: message.into(),
        }
    }

    pub fn status(&self) -> u16 {
        self.name.status()
    }

    /// The body in rest-json, where the name travels in `ERROR_TYPE_HEADER`.
    pub fn rest_body(&self) -> String {
        #[derive(Serialize)]
        struct Body<'a> {
            message: &'a str,
        }
        json::line(&Body {
            message: &self.message,
        })
    }

    /// The body in the JSON 1.0 and 1.1 protocols, which name the error inside.
    pub fn json_body(&self) -> String {
        #[derive(Serialize)]
        struct Body<'a> {
            __type: &'static str,
            message: &'a str,
        }
        json::line(&Body {
            __type: self.name.as_str(),
            message: &self.message,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_carries_its_name_status_and_message() {
        let fault = Fault::new(ErrorName::NotFoundException, "no \"x\"");
        assert_eq!(fault.status(), 404);
        assert_eq!(fault.rest_body(), r#"{"message":"no \"x\""}"#);
        assert_eq!(
            fault.json_body(),
            r#"{"__type":"NotFoundException","message":"no \"x\""}"#
        );
        assert_eq!(fault.to_string(), "NotFoundException: no \"x\"");
    }
}
