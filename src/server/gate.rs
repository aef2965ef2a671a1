//! From the head of a request to its answer: who may ask, and what every answer carries.

use std::convert::Infallible;
use std::future::ready;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::header::{AUTHORIZATION, HOST};
use axum::http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use hyper::service::Service;
use tower::ServiceExt as _;

use super::body::Holding;
use super::connection::{Connection, RequestUnderWay};
use super::external_url::Scheme;
use super::protection::{Admission, outlived};
use super::security::Security;

/// Stands before the routes of one connection.
#[derive(Clone)]
pub(super) struct Gate {
    pub(super) routes: Router,
    pub(super) security: Arc<Security>,
    pub(super) connection: Arc<Connection>,
    /// How the connection was let in.
    pub(super) admission: Admission,
}

impl Service<Request<Incoming>> for Gate {
    type Response = Response<Answer>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Answer>, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let under_way = self.connection.request_begins();
        if !self.security.still_admits(self.admission) {
            // HTTP/2 lets the other side go on asking for as long as it does not confirm that it is to go.
            let mut answer = outlived();
            self.security.in_force().sign(&mut answer);
            return Box::pin(ready(Ok(answer.map(|body| Holding::new(body, under_way)))));
        }
        let gate = self.clone();
        Box::pin(async move {
            let answer = gate.answer(request.map(Body::new)).await;
            Ok(answer.map(|body| Holding::new(body, under_way)))
        })
    }
}

impl Gate {
    async fn answer(self, mut request: Request<Body>) -> Response<Body> {
        let protection = self.security.current().await;
        let admitted = protection.admit(request.headers(), &self.connection).await;
        let mut answer = match admitted {
            Ok(()) => {
                // Nobody behind the gate has any use for a password.
                request.headers_mut().remove(AUTHORIZATION);
                name_host(&mut request);
                request.extensions_mut().insert(self.connection);
                if protection.tls().is_some() {
                    request.extensions_mut().insert(Scheme::Https);
                }
                let Ok(answer) = self.routes.oneshot(request).await;
                answer
            }
            Err(refusal) => refusal,
        };
        protection.sign(&mut answer);
        answer
    }
}

/// HTTP/2 says in the request's target what HTTP/1.1 says in `Host`, and HTTP/1.1 may. It goes before that (RFC 9112
/// §3.2.2, RFC 9113 §8.3.1), and is found in one place.
fn name_host(request: &mut Request<Body>) {
    let Some(authority) = request.uri().authority() else { return };
    if let Ok(host) = HeaderValue::from_str(authority.as_str()) {
        request.headers_mut().insert(HOST, host);
    }
}

/// An answer, with which the request ends.
type Answer = Holding<RequestUnderWay>;
