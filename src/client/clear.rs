//! Requests in the clear. They go past reqwest, which lets nobody wrap its connections: what a server may send for one
//! request is counted as it is read from the socket here, as it is where TLS records are opened (`intake`).

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper::http::Uri;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use reqwest::dns::{Addrs, Resolving};
use reqwest::header::{HeaderValue, PROXY_AUTHORIZATION, USER_AGENT};
use reqwest::{Body, Request, Response};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tower::{Layer as _, Service};

use super::connector::{TimedConnector, TimedConnectorLayer};
use super::http::{HttpError, Limits};
use super::intake::Intake;
use super::resolver::SharedResolver;
use super::timeline::Timeline;

/// Most answers fit into it.
const LONGEST_PIECE: usize = 16 * 1024;

/// Sends requests in the clear, to their servers or all to one proxy.
#[derive(Debug)]
pub(super) struct ClearClient {
    http: Client<TimedConnector<ClearConnector>, Body>,
    user_agent: HeaderValue,
    proxy_authorization: Option<HeaderValue>,
}

/// The proxy that requests in the clear go to.
#[derive(Debug)]
pub(super) struct ClearProxy {
    pub(super) address: Uri,
    pub(super) authorization: Option<HeaderValue>,
}

impl ClearClient {
    pub(super) fn new(
        resolver: SharedResolver,
        proxy: Option<ClearProxy>,
        limits: Limits,
        user_agent: HeaderValue,
    ) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(resolver);
        tcp.set_connect_timeout(Some(limits.timeout));
        tcp.set_tcp_user_timeout(Some(limits.timeout));
        tcp.set_nodelay(true);
        tcp.set_keepalive(limits.keepalive);
        tcp.set_keepalive_interval(limits.keepalive);
        tcp.set_keepalive_retries(limits.keepalive_retries);
        let (proxy, proxy_authorization) = proxy.map(|proxy| (proxy.address, proxy.authorization)).unzip();
        let http = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(limits.longest_idle)
            .pool_max_idle_per_host(limits.idle_connections)
            .build(TimedConnectorLayer.layer(ClearConnector { tcp, proxy }));
        Self { http, user_agent, proxy_authorization: proxy_authorization.flatten() }
    }

    /// Sends `request`, and waits for the head of the answer.
    ///
    /// # Errors
    /// When none comes.
    pub(super) async fn execute(&self, request: Request) -> Result<Response, HttpError> {
        let mut request = hyper::Request::<Body>::try_from(request)?;
        let headers = request.headers_mut();
        headers.entry(USER_AGENT).or_insert_with(|| self.user_agent.clone());
        if let Some(authorization) = &self.proxy_authorization {
            headers.entry(PROXY_AUTHORIZATION).or_insert_with(|| authorization.clone());
        }
        let answer = self.http.request(request).await?;
        Ok(answer.map(Body::wrap).into())
    }
}

/// Opens connections that are counted.
#[derive(Clone, Debug)]
struct ClearConnector {
    tcp: HttpConnector<SharedResolver>,
    proxy: Option<Uri>,
}

impl Service<Uri> for ClearConnector {
    type Response = TokioIo<Counted>;
    type Error = <HttpConnector<SharedResolver> as Service<Uri>>::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.tcp.poll_ready(context)
    }

    fn call(&mut self, server: Uri) -> Self::Future {
        let intake = Timeline::current().map(|timeline| timeline.new_intake()).unwrap_or_default();
        let leads_to = if self.proxy.is_some() { LeadsTo::Proxy } else { LeadsTo::Server };
        let connecting = self.tcp.call(self.proxy.clone().unwrap_or(server));
        Box::pin(async move {
            let stream = connecting.await?.into_inner();
            Ok(TokioIo::new(Counted { stream, intake, leads_to, turn: Turn::Ours }))
        })
    }
}

impl Service<Name> for SharedResolver {
    type Response = Addrs;
    type Error = HttpError;
    type Future = Resolving;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        self.resolve_host(name.as_str().to_owned())
    }
}

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LeadsTo {
    Server,
    Proxy,
}

/// A connection that breaks when more comes in for one request than an answer can have. Until then it gives way to other
/// requests after each piece: HTTP/1 skips interim answers, and the spaces and zeros of a chunk's size, for as long as
/// there is more of them to read.
#[derive(Debug)]
struct Counted {
    stream: TcpStream,
    intake: Arc<Intake>,
    leads_to: LeadsTo,
    turn: Turn,
}

/// Whether a piece may be read.
enum Turn {
    Ours,
    /// Once this is over.
    Others(Pin<Box<dyn Future<Output = ()> + Send + Sync>>),
}

impl Turn {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if let Self::Others(others) = self {
            ready!(others.as_mut().poll(context));
            *self = Self::Ours;
        }
        Poll::Ready(())
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if matches!(self, Self::Ours) { "Ours" } else { "Others" })
    }
}

impl Connection for Counted {
    fn connected(&self) -> Connected {
        self.stream.connected().proxy(self.leads_to == LeadsTo::Proxy)
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.turn.poll(context));
        let room = buffer.remaining().min(LONGEST_PIECE);
        let mut piece = ReadBuf::new(buffer.initialize_unfilled_to(room));
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut piece))?;
        let length = piece.filled().len();
        let within = self.intake.take(length, piece.filled());
        buffer.advance(length);
        if length == LONGEST_PIECE {
            self.turn = Turn::Others(Box::pin(tokio::task::yield_now()));
        }
        Poll::Ready(within.map_err(io::Error::other))
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, data)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, data)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
