//! One HTTP request, bounded as a whole, and what was measured of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use reqwest::header::{DATE, RETRY_AFTER};
use reqwest::{Response, Version};
use zeroize::Zeroizing;

use crate::clock::{BootClock, Clock};
use crate::model::fault::Reason;
use crate::model::report::{HttpVersion, Trace};
use crate::model::response::{clock_skew, parse_retry_after};

use super::classify::{classify, timed_out};
use super::http::HttpError;
use super::pool::Channel;
use super::request;
use super::timeline::{Stage, Timeline};

/// No answer that means anything here is longer.
pub(super) const LONGEST_BODY: u32 = 1024 * 1024;

/// Most answers have room in it.
const USUAL_BODY: usize = 4 * 1024;

/// A whole answer.
pub(super) struct Answer {
    pub(super) status: u16,
    /// `None` if it was longer than anything that could be meant.
    pub(super) body: Option<Zeroizing<Vec<u8>>>,
    pub(super) retry_after: Option<Duration>,
}

/// What is known of an answer from its headers on, also when its body never came.
#[derive(Clone, Copy, Default)]
struct Head {
    status: Option<u16>,
    http_version: Option<HttpVersion>,
    peer: Option<SocketAddr>,
    clock_skew: Option<f64>,
}

/// Sends `request`; over within `bound`.
pub(super) async fn exchange(
    channel: &Channel,
    mut request: reqwest::Request,
    bound: Duration,
) -> (Trace, Result<Answer, Reason>) {
    if let Some(alias) = &channel.alias {
        alias.put_on(&mut request);
    }
    let bound = refresh_files(channel, bound).await;
    let started = BootClock.now();
    let timeline = Timeline::begin(channel.path, channel.requests.clone());
    let mut head = Head::default();
    let sending = send(channel, request, &timeline, &mut head, started.wall);
    let outcome = tokio::time::timeout(bound, Arc::clone(&timeline).record(sending)).await;
    let mut marks = timeline.marks();
    let result = match outcome {
        Ok(Ok(answer)) => Ok(answer),
        // Only a proxy answers so (RFC 9110 §15.5.8), and some reset the connection before the end of their page.
        _ if head.status == Some(407) => Err(Reason::Proxy),
        Ok(Err(error)) => Err(classify(&*error, marks.stage(), channel.path)),
        Err(_elapsed) => Err(timed_out(marks.stage(), channel.path)),
    };
    let broke_off_in = result.is_err().then(|| marks.break_off());
    let trace = Trace {
        started,
        duration: marks.duration(),
        sent: marks.stage() == Stage::Sent,
        status: head.status,
        http_version: head.http_version,
        connections_opened: marks.connections_opened,
        phases: marks.phases(),
        broke_off_in,
        peer: marks.peer.or(head.peer),
        clock_skew: head.clock_skew,
        server_chain: marks.server_chain,
        certificate_defect: marks.certificate_defect,
        client_certificate_expiry: channel.tls_files.client_certificate_expiry(),
    };
    (trace, result)
}

/// Takes certificate files that were swapped; no part of what is measured. Gives what is left of `bound`.
async fn refresh_files(channel: &Channel, bound: Duration) -> Duration {
    let begun = BootClock.now();
    channel.tls_files.refresh(bound).await;
    bound.saturating_sub(begun.moment.until(BootClock.now().moment))
}

async fn send(
    channel: &Channel,
    request: reqwest::Request,
    timeline: &Timeline,
    head: &mut Head,
    now: SystemTime,
) -> Result<Answer, HttpError> {
    let mut response = channel.http.execute(request).await?;
    timeline.answered();
    let status = response.status().as_u16();
    // The answer was made on the way there and back; for want of better knowledge, half-way.
    let marks = timeline.marks();
    let made = now + marks.duration() - marks.phases().processing.unwrap_or_default() / 2;
    let header = |name| request::answer_header(response.headers(), name);
    let clock_skew = header(DATE).and_then(|date| clock_skew(date, made));
    let retry_after = header(RETRY_AFTER).and_then(|value| parse_retry_after(value, now));
    let http_version = http_version(response.version());
    *head = Head { status: Some(status), http_version, peer: response.remote_addr(), clock_skew };
    let body = read_body(&mut response).await?;
    timeline.ended();
    Ok(Answer { status, body, retry_after })
}

const fn http_version(version: Version) -> Option<HttpVersion> {
    match version {
        Version::HTTP_10 => Some(HttpVersion::Http10),
        Version::HTTP_11 => Some(HttpVersion::Http11),
        Version::HTTP_2 => Some(HttpVersion::Http2),
        _ => None,
    }
}

async fn read_body(response: &mut Response) -> Result<Option<Zeroizing<Vec<u8>>>, reqwest::Error> {
    let mut body = Zeroizing::new(Vec::with_capacity(USUAL_BODY));
    while let Some(chunk) = response.chunk().await? {
        let length = body.len() + chunk.len();
        if length > LONGEST_BODY as usize {
            return Ok(None);
        }
        if length > body.capacity() {
            // Not left to the vector, which would leave behind what it holds.
            let mut larger = Zeroizing::new(Vec::with_capacity(2 * length));
            larger.extend_from_slice(&body);
            body = larger;
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}
