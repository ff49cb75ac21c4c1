//! The accept loop: bounded connections with deadlines, and a stop that lets requests finish.
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tower::{Service, ServiceExt};

use super::App;
use super::connection::{Deadlines, Phase, Streams};
use super::source::Peer;

/// How many connections are open at once; more wait in the listener's queue.
const MAX_CONNECTIONS: usize = 16_384;
/// Longer heads are refused by the parser (431); shorter ones by `hygiene`, with all headers.
const MAX_HEAD_BYTES: usize = 96 * 1024;
/// How long requests that run may go on after a stop was asked for.
const DRAIN: Duration = Duration::from_secs(25);
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// Serves until `stop` says true, then lets what runs finish.
pub async fn serve<S>(listener: TcpListener, service: S, app: Arc<App>, mut stop: watch::Receiver<bool>)
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    let graceful = GracefulShutdown::new();
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &room) => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let Some((stream, peer, permit)) = accepted else { continue };
        // Answers are small and complete: nothing is gained by waiting to fill a segment.
        let _ = stream.set_nodelay(true);
        let phase = Phase::default();
        let io = TokioIo::new(Deadlines::new(stream, phase.clone()));
        let service = service_fn({
            let service = service.clone();
            move |request| answer(service.clone(), phase.clone(), peer, request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(None)
            .max_buf_size(MAX_HEAD_BYTES)
            .half_close(false)
            .serve_connection(io, service);
        let connection = graceful.watch(connection);
        let app = Arc::clone(&app);
        tokio::spawn(async move {
            app.metrics.connections.inc();
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            app.metrics.connections.dec();
            drop(permit);
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests did not finish in time");
    }
}

type Accepted = (TcpStream, Peer, tokio::sync::OwnedSemaphorePermit);

/// The next connection there is room for. Without file descriptors left it waits a moment instead of spinning (F24).
async fn accept(listener: &TcpListener, room: &Arc<Semaphore>) -> Option<Accepted> {
    let permit = Arc::clone(room).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, address)) => Some((stream, Peer(address), permit)),
        Err(error) => {
            tracing::debug!(%error, "a connection could not be accepted");
            tokio::time::sleep(ACCEPT_RETRY).await;
            None
        }
    }
}

async fn answer<S>(service: S, phase: Phase, peer: Peer, request: Request<Incoming>) -> Result<Response<Body>, Infallible>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    phase.request_began();
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(peer);
    let expects_body = request.headers().contains_key(axum::http::header::EXPECT);
    let mut response = service.oneshot(request).await?;
    // A client that waits for 100-continue and is refused must not have its body taken for a request.
    if expects_body && !response.status().is_success() {
        response.headers_mut().insert(axum::http::header::CONNECTION, HeaderValue::from_static("close"));
    }
    if response.status() == StatusCode::PAYLOAD_TOO_LARGE {
        phase.lingers();
    }
    if response.extensions().get::<Streams>().is_some() {
        phase.streams();
    } else {
        phase.request_ended();
    }
    Ok(response)
}
