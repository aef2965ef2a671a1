//! Bodies of answers: text made while it is sent, and the pace that leaves other tasks their turns.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body as AnyBody;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

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
