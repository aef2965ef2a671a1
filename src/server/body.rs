//! Bodies of answers: text made while it is sent, compressed or not, and the pace that leaves other tasks their turns.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body as AnyBody, to_bytes};
use axum::http::StatusCode;
use axum::middleware::map_response;
use axum::response::{IntoResponse as _, Response};
use axum::routing::MethodRouter;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;

/// Text whose pieces are made as they are asked for.
#[derive(Debug)]
pub(super) struct Chunks<I>(pub(super) I);

impl<I: Iterator<Item = Bytes> + Unpin> Body for Chunks<I> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.next().map(|chunk| Ok(Frame::data(chunk))))
    }
}

/// For whoever asks for it.
pub(super) fn compression() -> CompressionLayer {
    // Text of this kind shrinks to a twentieth even so.
    CompressionLayer::new().quality(CompressionLevel::Fastest)
}

/// Has small answers of `route` compressed before anything of them is sent.
///
/// What compresses takes 200 KB for as long as it is at work, and over HTTP/2 a client can have many answers wait for as
/// long as it likes. So it is at work either at once, or where answers take turns.
pub(super) fn compressed_whole<S: Clone + Send + Sync + 'static>(route: MethodRouter<S>) -> MethodRouter<S> {
    route.route_layer(compression()).route_layer(map_response(whole))
}

async fn whole(answer: Response) -> Response {
    let (head, body) = answer.into_parts();
    match to_bytes(body, usize::MAX).await {
        Ok(bytes) => Response::from_parts(head, AnyBody::from(bytes)),
        Err(problem) => {
            tracing::error!(%problem, "an answer cannot be compressed; this is a bug of the exporter");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// A body that holds something until it has been sent, or is given up.
pub(super) struct Holding<H> {
    body: AnyBody,
    _held: H,
}

impl<H> Holding<H> {
    pub(super) const fn new(body: AnyBody, held: H) -> Self {
        Self { body, _held: held }
    }
}

impl<H: Unpin> Body for Holding<H> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Gives other tasks a turn after each piece of a body.
///
/// A client on this machine reads faster than a large scrape is made, so that sending it would never have to wait.
/// This stands outside of the compression, which would swallow the pauses of a body inside.
pub(super) struct Paced {
    body: AnyBody,
    /// Others' turn. A bare wake-up would not do: the runtime looks at sockets and timers only every 61st time then.
    pause: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Paced {
    pub(super) const fn new(body: AnyBody) -> Self {
        Self { body, pause: None }
    }
}

impl Body for Paced {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(context));
            self.pause = None;
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        self.pause = Some(Box::pin(tokio::task::yield_now()));
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
