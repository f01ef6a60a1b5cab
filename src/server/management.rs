//! The management listener: AWS's APIs over axum, and what they make into the plan.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use tokio::sync::{mpsc, watch};

use crate::base::Clock;
use crate::control::publish::{ApiModel, Publication, Surroundings};
use crate::control::{self, Answer, Control, fixed};
use crate::model::Snapshot;
use crate::server::config;
use crate::server::reception;
use crate::store::{Store, StoreError};

/// Why the management APIs could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ManagementError {
    #[error(
        "cannot listen on {address} for the management APIs: {error}; choose another address in `management.address`, or \"off\""
    )]
    Listener {
        address: SocketAddr,
        error: io::Error,
    },
    #[error("`management.data_dir`: {0}")]
    Store(#[from] StoreError),
    #[error("cannot start the management APIs: {0}")]
    System(#[from] io::Error),
    #[error("cannot read what was kept: {0}")]
    Records(String),
}

/// The management APIs, open.
#[derive(Debug)]
pub struct Management {
    pub local: SocketAddr,
    /// None: in memory.
    pub data_dir: Option<PathBuf>,
    control: Arc<Control>,
    store: Store,
    stop: watch::Sender<bool>,
}

/// Larger requests are refused. AWS takes API definitions of up to 6 MiB.
const BODY_BYTES_MAX: usize = 10 << 20;

impl Management {
    /// Opens store and listener; what the store keeps is to be served from the start.
    ///
    /// # Errors
    /// What hinders it.
    pub async fn open(
        settings: &config::Management,
        snapshot: &Snapshot,
        beside: bool,
        publications: mpsc::UnboundedSender<Publication>,
    ) -> Result<(Self, Vec<ApiModel>), ManagementError> {
        let address = settings.address;
        let fail = |error| ManagementError::Listener { address, error };
        let listener = reception::bind(address, beside).map_err(fail)?;
        let local = listener.local_addr().map_err(fail)?;
        let store = match &settings.data_dir {
            Some(folder) => Store::open(folder)?,
            None => Store::memory(),
        };
        let own = control::Settings {
            default_account: settings.default_account.clone(),
            strict: settings.strict,
        };
        let control = Control::new(store.clone(), own, surroundings(snapshot), publications)?;
        let records = |error: control::Error| ManagementError::Records(error.message);
        let models = control.load().await.map_err(records)?;
        let control = Arc::new(control);
        let (stop, stopped) = watch::channel(false);
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&control));
        tokio::spawn(reception::serve(listener, router, stopped));
        let management = Self {
            local,
            data_dir: settings.data_dir.clone(),
            control,
            store,
            stop,
        };
        Ok((management, models))
    }

    /// The config file has changed.
    pub fn renew(&self, snapshot: &Snapshot) {
        self.control.set_surroundings(surroundings(snapshot));
    }

    /// Takes no more requests and lets go of the store, so that another process can have it.
    pub fn close(&self) {
        // The listener's task may have ended by itself.
        let _ = self.stop.send(true);
        self.store.close();
    }
}

fn surroundings(snapshot: &Snapshot) -> Surroundings {
    Surroundings {
        fixed: fixed::of(snapshot, Clock::real().epoch_ms()),
        upstreams: snapshot.upstreams.clone(),
    }
}

async fn answer(State(control): State<Arc<Control>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else {
        return response(control::too_large());
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
    };
    response(control.call(request).await)
}

fn response(answer: Answer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
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
