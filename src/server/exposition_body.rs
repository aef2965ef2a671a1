//! An exposition as the body of an answer, made while it is sent.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame};

use crate::telemetry::Exposition;

/// Gives other tasks a turn after each chunk, since a client on this machine reads faster than chunks are made.
#[derive(Debug)]
pub(super) struct ExpositionBody {
    exposition: Exposition,
    turn: Turn,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Ours,
    Others,
}

impl ExpositionBody {
    pub(super) const fn new(exposition: Exposition) -> Self {
        Self { exposition, turn: Turn::Ours }
    }
}

impl Body for ExpositionBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.turn {
            Turn::Others => {
                self.turn = Turn::Ours;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Turn::Ours => {
                self.turn = Turn::Others;
                Poll::Ready(self.exposition.next().map(|chunk| Ok(Frame::data(chunk))))
            }
        }
    }
}
