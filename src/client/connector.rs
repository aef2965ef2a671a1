//! A layer around the connectors that marks when a connection is begun and when it is ready.

use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::http::Extensions;
use hyper_util::client::legacy::connect::{Connection, HttpInfo};
use tower::{Layer, Service};

use super::timeline::Timeline;

/// Wraps the connector.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimedConnectorLayer;

/// The wrapped connector.
#[derive(Clone, Debug)]
pub(super) struct TimedConnector<S>(S);

impl<S> Layer<S> for TimedConnectorLayer {
    type Service = TimedConnector<S>;

    fn layer(&self, inner: S) -> Self::Service {
        TimedConnector(inner)
    }
}

impl<S, Destination> Service<Destination> for TimedConnector<S>
where
    S: Service<Destination>,
    S::Response: Connection,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, destination: Destination) -> Self::Future {
        let timeline = Timeline::current();
        if let Some(timeline) = &timeline {
            timeline.connect_begun();
        }
        let connecting = self.0.call(destination);
        Box::pin(async move {
            let connection = connecting.await?;
            if let Some(timeline) = &timeline {
                timeline.connected(peer(&connection));
            }
            Ok(connection)
        })
    }
}

/// The other end: known here, and only here, also if no answer ever comes.
fn peer(connection: &impl Connection) -> Option<SocketAddr> {
    let mut known = Extensions::new();
    connection.connected().get_extras(&mut known);
    known.get().map(HttpInfo::remote_addr)
}
