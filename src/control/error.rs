//! What may go wrong, as AWS names it.

use serde_json::json;

/// An error that AWS's clients understand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    pub status: u16,
    /// The name of the exception, sent as `x-amzn-ErrorType`.
    pub code: &'static str,
    pub message: String,
}

/// What operations return.
pub type Outcome<T> = Result<T, Error>;

impl Error {
    fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequestException", message)
    }

    pub fn validation(message: impl Into<String>) -> Self {
        Self::new(400, "ValidationException", message)
    }

    pub fn serialization(message: impl Into<String>) -> Self {
        Self::new(400, "SerializationException", message)
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, "NotFoundException", message)
    }

    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(409, "ConflictException", message)
    }

    pub fn limit_exceeded(message: impl Into<String>) -> Self {
        Self::new(429, "LimitExceededException", message)
    }

    pub fn too_large(message: impl Into<String>) -> Self {
        Self::new(413, "RequestEntityTooLargeException", message)
    }

    pub fn missing_token() -> Self {
        let message = "Missing Authentication Token";
        Self::new(403, "MissingAuthenticationTokenException", message)
    }

    pub fn denied(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(403, code, message)
    }

    pub fn not_implemented(operation: &str) -> Self {
        let message = format!("{operation} is not served by this version of daemun");
        Self::new(501, "NotImplementedException", message)
    }

    /// Nothing is wrong with the request.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(500, "InternalFailure", message)
    }

    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(503, "ServiceUnavailableException", message)
    }

    /// The JSON body.
    pub fn body(&self) -> String {
        json!({ "message": self.message }).to_string()
    }
}
