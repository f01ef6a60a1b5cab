//! The admin listener: health, readiness, metrics and numbers for the operator.

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use axum::Router;
use axum::extract::{RawQuery, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::base::json;
use crate::gateway::trial::{Told, Untold};
use crate::observe::{Report, prometheus, stats::Stats};
use crate::server::{explain, reception};

/// Where the process is in its life, as `/readyz` tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Starting,
    /// Requests are welcome.
    Ready,
    /// Open requests are being finished; new ones should go elsewhere.
    Draining,
}

/// Who knows what the endpoints tell.
pub trait Observed: Clone + Send + Sync + 'static {
    fn phase(&self) -> Phase;

    /// Whether calls are explained.
    fn explains(&self) -> bool;

    /// Serves a whole HTTP/1.1 request and tells how.
    ///
    /// # Errors
    /// Why that cannot be told.
    fn explain(&self, request: Vec<u8>) -> impl Future<Output = Result<Told, Untold>> + Send;

    /// Gathers the numbers of one moment.
    fn report(&self) -> impl Future<Output = Report> + Send;
}

/// Serves the admin endpoints on the current tokio runtime until `stop` turns true or its sender
/// is gone, and gives answers that are under way a second to finish.
///
/// A reader who waits longer than five seconds for the numbers gets 503; `/healthz` and `/readyz`
/// do not ask for them.
pub async fn serve(listener: TcpListener, observed: impl Observed, stop: watch::Receiver<bool>) {
    reception::serve(listener, router(observed), stop).await;
}

const REPORT_TIMEOUT: Duration = Duration::from_secs(5);

fn router<O: Observed>(observed: O) -> Router {
    // axum answers HEAD where there is GET.
    Router::new()
        .route("/", get(async || INDEX))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready::<O>))
        .route("/metrics", get(metrics::<O>))
        .route("/stats", get(numbers::<O>))
        .fallback(async || (StatusCode::NOT_FOUND, lost("there is nothing here")))
        .method_not_allowed_fallback(only_reading)
        .layer(from_fn_with_state(observed.clone(), explain::instead::<O>))
        .with_state(observed)
}

const INDEX: &str = "\
/healthz  200 while the process lives
/readyz   200 while requests are welcome, else 503
/metrics  numbers for Prometheus
/stats    numbers as JSON; /stats?pretty for people

A request with the header x-daemun-explain is served as a call of an API, and explained.
";

fn lost(what: &str) -> String {
    format!("{what}; try one of these\n\n{INDEX}")
}

async fn only_reading(request: Request) -> Result<Response, Infallible> {
    let hint = format!("{} is only read: use GET\n", request.uri().path());
    let allow = [(header::ALLOW, "GET, HEAD")];
    Ok((StatusCode::METHOD_NOT_ALLOWED, allow, hint).into_response())
}

async fn ready<O: Observed>(State(observed): State<O>) -> (StatusCode, &'static str) {
    match observed.phase() {
        Phase::Ready => (StatusCode::OK, "ready\n"),
        Phase::Starting => (StatusCode::SERVICE_UNAVAILABLE, "starting\n"),
        Phase::Draining => (StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
    }
}

async fn metrics<O: Observed>(State(observed): State<O>) -> Result<impl IntoResponse, Late> {
    let report = gather(&observed).await?;
    let kind = [(header::CONTENT_TYPE, prometheus::CONTENT_TYPE)];
    Ok((kind, prometheus::expose(report)))
}

async fn numbers<O: Observed>(
    State(observed): State<O>,
    RawQuery(query): RawQuery,
) -> Result<impl IntoResponse, Late> {
    let stats = Stats::from(&gather(&observed).await?);
    let wish = |part: &str| matches!(part, "pretty" | "pretty=" | "pretty=1" | "pretty=true");
    let text = match query.unwrap_or_default().split('&').any(wish) {
        true => json::pretty(&stats),
        false => json::line(&stats),
    };
    Ok(([(header::CONTENT_TYPE, "application/json")], text))
}

/// The numbers could not be gathered in time.
struct Late;

impl IntoResponse for Late {
    fn into_response(self) -> Response {
        let hint = "the workers did not give their numbers in time\n";
        (StatusCode::SERVICE_UNAVAILABLE, hint).into_response()
    }
}

async fn gather(observed: &impl Observed) -> Result<Report, Late> {
    let gathered = timeout(REPORT_TIMEOUT, observed.report()).await;
    gathered.map_err(|_| Late)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use std::io;
    use std::net::{Ipv4Addr, SocketAddr};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;
    use crate::server::reception::{CONNECTIONS_MAX, bind};

    struct Admin {
        address: SocketAddr,
        phase: watch::Sender<Phase>,
        stop: watch::Sender<bool>,
        task: tokio::task::JoinHandle<()>,
    }

    #[derive(Clone)]
    struct Fake {
        phase: watch::Receiver<Phase>,
        /// Does not give its numbers.
        stuck: bool,
    }

    impl Observed for Fake {
        fn phase(&self) -> Phase {
            *self.phase.borrow()
        }

        fn explains(&self) -> bool {
            false
        }

        async fn explain(&self, _: Vec<u8>) -> Result<Told, Untold> {
            Err(Untold::BrokenOff)
        }

        async fn report(&self) -> Report {
            if self.stuck {
                std::future::pending::<()>().await;
            }
            Report {
                plan_version: 7,
                ready: self.phase() == Phase::Ready,
                ..Report::default()
            }
        }
    }

    async fn admin(stuck: bool) -> Admin {
        let listener = bind((Ipv4Addr::LOCALHOST, 0).into(), false).unwrap();
        let address = listener.local_addr().unwrap();
        let (phase, phases) = watch::channel(Phase::Starting);
        let fake = Fake {
            phase: phases,
            stuck,
        };
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(serve(listener, fake, stopped));
        Admin {
            address,
            phase,
            stop,
            task,
        }
    }

    /// Everything that comes back on a connection of its own.
    async fn ask(admin: &Admin, line: &str) -> String {
        let mut stream = TcpStream::connect(admin.address).await.unwrap();
        let request = format!("{line} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    async fn check(admin: &Admin, line: &str, status: &str, expected: &str) {
        let answer = ask(admin, line).await;
        let start = format!("HTTP/1.1 {status}");
        assert!(answer.starts_with(&start), "{line}: {answer}");
        assert!(answer.contains(expected), "{line}: {answer}");
    }

    #[tokio::test]
    async fn each_endpoint_gives_what_its_name_says() {
        let admin = admin(false).await;
        admin.phase.send(Phase::Ready).unwrap();
        check(&admin, "GET /", "200", "/healthz").await;
        check(&admin, "GET /healthz", "200", "\r\n\r\nok\n").await;
        check(&admin, "GET /metrics", "200", prometheus::CONTENT_TYPE).await;
        check(&admin, "GET /metrics", "200", "daemun_plan_version 7\n").await;
        check(&admin, "GET /metrics", "200", "daemun_ready 1\n").await;
        check(&admin, "GET /stats", "200", "\"plan_version\":7").await;
        check(&admin, "GET /stats?pretty", "200", "\"plan_version\": 7").await;
        check(&admin, "GET /stats", "200", "application/json").await;
        check(&admin, "GET /nowhere", "404", "try one of these").await;
        check(&admin, "POST /metrics", "405", "GET, HEAD").await;
    }

    #[tokio::test]
    async fn a_head_request_gets_no_body() {
        let admin = admin(false).await;
        check(&admin, "HEAD /healthz", "200", "content-length: 3").await;
        assert!(ask(&admin, "HEAD /healthz").await.ends_with("\r\n\r\n"));
    }

    #[tokio::test]
    async fn readiness_follows_the_phase() {
        let admin = admin(false).await;
        check(&admin, "GET /readyz", "503", "starting\n").await;
        check(&admin, "GET /stats", "200", "\"ready\":false").await;
        admin.phase.send(Phase::Ready).unwrap();
        check(&admin, "GET /readyz", "200", "ready\n").await;
        check(&admin, "GET /stats", "200", "\"ready\":true").await;
        admin.phase.send(Phase::Draining).unwrap();
        check(&admin, "GET /readyz", "503", "draining\n").await;
    }

    #[tokio::test(start_paused = true)]
    async fn numbers_that_never_come_are_an_answer_too() {
        let admin = admin(true).await;
        check(&admin, "GET /stats", "503", "in time").await;
        check(&admin, "GET /healthz", "200", "ok").await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_sends_nothing_is_shown_the_door() {
        let admin = admin(false).await;
        let mut silent = TcpStream::connect(admin.address).await.unwrap();
        let mut idle = TcpStream::connect(admin.address).await.unwrap();
        idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: admin\r\n\r\n")
            .await
            .unwrap();
        let mut answer = String::new();
        silent.read_to_string(&mut answer).await.unwrap();
        idle.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("ok\n"), "{answer}");
    }

    #[tokio::test]
    async fn a_full_house_serves_again_when_a_guest_leaves() {
        let admin = admin(false).await;
        let mut guests = Vec::new();
        for _ in 0..CONNECTIONS_MAX {
            guests.push(TcpStream::connect(admin.address).await.unwrap());
        }
        let waiting = timeout(Duration::from_millis(50), ask(&admin, "GET /healthz"));
        waiting.await.unwrap_err();
        guests.clear();
        check(&admin, "GET /healthz", "200", "ok").await;
    }

    #[tokio::test]
    async fn stopping_closes_idle_connections_at_once() {
        let admin = admin(false).await;
        let mut idle = TcpStream::connect(admin.address).await.unwrap();
        idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: admin\r\n\r\n")
            .await
            .unwrap();
        let mut some = [0; 16];
        idle.read_exact(&mut some).await.unwrap();
        admin.stop.send(true).unwrap();
        admin.task.await.unwrap();
        let mut rest = String::new();
        idle.read_to_string(&mut rest).await.unwrap();
        TcpStream::connect(admin.address).await.unwrap_err();
    }

    #[tokio::test]
    async fn only_a_process_that_takes_over_may_share_the_address() {
        let admin = admin(false).await;
        let error = bind(admin.address, false).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        bind(admin.address, true).unwrap();
    }
}
