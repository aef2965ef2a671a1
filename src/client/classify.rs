//! From an error of the HTTP client to the [`Reason`]: by where it happened first, by what it is second.

use std::error::Error;
use std::io;

use rustls::AlertDescription;

use crate::model::fault::Reason;

use super::route::NetworkPath;
use super::timeline::Stage;

/// Why a request failed at `stage` with `error`.
pub(super) fn classify(error: &(dyn Error + 'static), stage: Stage, path: NetworkPath) -> Reason {
    if causes(error).filter_map(<dyn Error>::downcast_ref).any(is_local) {
        return Reason::LocalError;
    }
    if causes(error).any(is_timeout) {
        return timed_out(stage, path);
    }
    if stage < Stage::Handshaking && path.is_proxied() {
        return Reason::Proxy;
    }
    if let Some(reason) = causes(error).find_map(tls_error).and_then(|problem| classify_tls(&problem, stage)) {
        return reason;
    }
    match stage {
        Stage::Resolving => Reason::Dns,
        Stage::Connecting => Reason::Connect,
        Stage::Handshaking => Reason::Tls,
        Stage::Sent if causes(error).filter_map(<dyn Error>::downcast_ref).any(hyper::Error::is_parse) => {
            Reason::ProtocolError
        }
        Stage::Sent if causes(error).any(is_close) => Reason::ConnectionClosed,
        Stage::Sent => Reason::ProtocolError,
    }
}

/// Why a request failed that was still at `stage` when its time was over.
pub(super) const fn timed_out(stage: Stage, path: NetworkPath) -> Reason {
    match (stage, path) {
        (Stage::Resolving, NetworkPath::Direct) => Reason::Dns,
        (Stage::Connecting, NetworkPath::Direct) | (Stage::Handshaking, _) => Reason::ConnectTimeout,
        (Stage::Resolving | Stage::Connecting, _) => Reason::Proxy,
        (Stage::Sent, _) => Reason::ResponseTimeout,
    }
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| inner(error).or_else(|| error.source()))
}

/// What an I/O error wraps; its `source` would be that of the wrapped one, which would then go unseen. And what an
/// error of HTTP/2 wraps, which has no `source` at all.
fn inner<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    if let Some(error) = error.downcast_ref::<h2::Error>() {
        return error.get_io().map(|inner| inner as &(dyn Error + 'static));
    }
    error.downcast_ref::<io::Error>()?.get_ref().map(|inner| inner as &(dyn Error + 'static))
}

fn is_timeout(cause: &(dyn Error + 'static)) -> bool {
    if let Some(error) = cause.downcast_ref::<reqwest::Error>() {
        return error.is_timeout();
    }
    cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::TimedOut)
}

/// Out of descriptors, ports, buffers or memory.
fn is_local(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let Some(code) = error.raw_os_error() else { return false };
    [Errno::MFILE, Errno::NFILE, Errno::ADDRNOTAVAIL, Errno::NOBUFS, Errno::NOMEM]
        .iter()
        .any(|errno| errno.raw_os_error() == code)
}

/// Of an I/O error, HTTP/2 keeps no more than kind and text. The alerts that matter are known by it.
fn tls_error(cause: &(dyn Error + 'static)) -> Option<rustls::Error> {
    if let Some(error) = cause.downcast_ref::<io::Error>() {
        let text = error.to_string();
        let alerts = ABOUT_OUR_CERTIFICATE.into_iter().chain(ABOUT_OUR_CERTIFICATE_LATER);
        return alerts.map(rustls::Error::AlertReceived).find(|alert| alert.to_string() == text);
    }
    cause.downcast_ref::<rustls::Error>().cloned()
}

/// What TLS says more exactly than the stage does.
fn classify_tls(error: &rustls::Error, stage: Stage) -> Option<Reason> {
    match error {
        rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented => Some(Reason::Certificate),
        rustls::Error::AlertReceived(alert) if ABOUT_OUR_CERTIFICATE.contains(alert) => Some(Reason::ClientCertificate),
        // Under TLS 1.3 the server looks at our certificate when our side of the handshake is over: what it then
        // objects to can be nothing else.
        rustls::Error::AlertReceived(alert) if stage == Stage::Sent && ABOUT_OUR_CERTIFICATE_LATER.contains(alert) => {
            Some(Reason::ClientCertificate)
        }
        _ => None,
    }
}

const ABOUT_OUR_CERTIFICATE: [AlertDescription; 9] = [
    AlertDescription::NoCertificate,
    AlertDescription::BadCertificate,
    AlertDescription::UnsupportedCertificate,
    AlertDescription::CertificateRevoked,
    AlertDescription::CertificateExpired,
    AlertDescription::CertificateUnknown,
    AlertDescription::UnknownCA,
    AlertDescription::AccessDenied,
    AlertDescription::CertificateRequired,
];

/// About our certificate if they come when the handshake is over.
const ABOUT_OUR_CERTIFICATE_LATER: [AlertDescription; 2] =
    [AlertDescription::DecryptError, AlertDescription::HandshakeFailure];

fn is_close(cause: &(dyn Error + 'static)) -> bool {
    if let Some(error) = cause.downcast_ref::<hyper::Error>() {
        return error.is_incomplete_message() || error.is_closed() || error.is_canceled();
    }
    // A stream that the server resets, or a connection that it says goodbye to.
    if let Some(error) = cause.downcast_ref::<h2::Error>() {
        return error.is_remote();
    }
    cause.downcast_ref::<io::Error>().is_some_and(|error| {
        matches!(
            error.kind(),
            io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::NotConnected
                | io::ErrorKind::UnexpectedEof
        )
    })
}
