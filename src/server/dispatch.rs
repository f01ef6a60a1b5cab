//! The services behind the management listener: who calls is asked once, then the service of the
//! credential says who answers.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::task::{Context, Poll};

use axum::Extension;
use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use hyper::body::Frame;
use tokio::sync::mpsc;

use crate::base::Clock;
use crate::base::id::ResourceIds;
use crate::control::{self, Access, Control, Service};
use crate::neighbor::function::{FunctionApi, Given};
use crate::neighbor::sts;
use crate::server::reception::Patience;

/// All services that answer on the management listener.
#[derive(Debug)]
pub struct Services {
    access: RwLock<Arc<Access>>,
    pub control: Control,
    lambda: FunctionApi,
    ids: Mutex<ResourceIds>,
}

/// Larger requests are refused. AWS takes API definitions of up to 6 MiB.
const BODY_BYTES_MAX: usize = 10 << 20;
const REQUEST_ID: &str = "x-amzn-requestid";

impl Services {
    /// # Errors
    /// When the system gives no randomness.
    pub fn new(access: Access, control: Control, lambda: FunctionApi) -> std::io::Result<Self> {
        Ok(Self {
            access: RwLock::new(Arc::new(access)),
            control,
            lambda,
            ids: Mutex::new(ResourceIds::from_system()?),
        })
    }

    /// Who may call.
    pub fn access(&self) -> Arc<Access> {
        let access = self.access.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&access)
    }

    /// The keys of the config have changed.
    pub fn set_access(&self, access: Access) {
        let mut slot = self.access.write().unwrap_or_else(PoisonError::into_inner);
        *slot = Arc::new(access);
    }

    async fn call(&self, request: &control::Request, patience: &Patience) -> Given {
        let id = self.ids.lock();
        let id = id.unwrap_or_else(PoisonError::into_inner).uuid();
        let mut given = match self.access().admit(request, Clock::real().epoch_ms()) {
            Ok(caller) => match caller.service {
                Service::ApiGateway => self.control.call(&caller, request).await.into(),
                Service::Lambda => {
                    patience.ask();
                    self.lambda.call(&caller, request).await
                }
                Service::Sts => sts::answer(&caller, request, &id).into(),
            },
            Err(error) => {
                tracing::debug!(code = error.code, message = error.message, "not admitted");
                match is_query(request) {
                    true => sts::refused(&error).into(),
                    false => control::refused(&error).into(),
                }
            }
        };
        let headers = &mut given.answer.headers;
        let mut names = headers.iter().map(|(name, _)| name);
        if !names.any(|name| name.eq_ignore_ascii_case(REQUEST_ID)) {
            headers.push((REQUEST_ID.to_owned(), id));
        }
        given
    }
}

/// Whether it is in AWS's Query protocol, which STS, IAM and CloudFormation speak: its clients can
/// read no JSON.
fn is_query(request: &control::Request) -> bool {
    let mut headers = request.headers.iter();
    let kind = headers.find(|(name, _)| name == "content-type");
    kind.is_some_and(|(_, kind)| kind.starts_with("application/x-www-form-urlencoded"))
}

/// A body that comes in pieces.
struct Pieces(mpsc::Receiver<Bytes>);

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.0.poll_recv(context);
        piece.map(|piece| piece.map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// Reads a request whole and answers it.
pub async fn answer(
    State(services): State<Arc<Services>>,
    Extension(peer): Extension<SocketAddr>,
    Extension(patience): Extension<Patience>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else {
        return response(control::too_large().into());
    };
    let headers = parts.headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.as_str().to_owned(), value)
    });
    let request = control::Request {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: headers.collect(),
        body: body.to_vec(),
        peer: Some(peer.ip()),
    };
    response(services.call(&request, &patience).await)
}

fn response(given: Given) -> Response {
    let Given { answer, rest } = given;
    let body = match rest {
        None => Body::from(answer.body),
        Some(rest) => Body::new(Pieces(rest)),
    };
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in answer.headers {
        let name = HeaderName::from_bytes(name.as_bytes());
        // A value that cannot stand in a header is one that a user chose; it is left out.
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(&value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
