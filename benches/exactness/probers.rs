//! Those whose measurements are compared: this project's client, and blackbox_exporter.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use oauth_probe_exporter::client::{ClientPool, HttpWire, Wire};
use oauth_probe_exporter::model::fault::Request;
use oauth_probe_exporter::model::report::Trace;
use oauth_probe_exporter::model::secret::AccessToken;
use oauth_probe_exporter::model::target::Transport;

use crate::server::{Scheme, SlowServer};
use crate::support::Blackbox;
use crate::targets::target;

const BOUND: Duration = Duration::from_secs(5);

/// What a prober measured of one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    pub(crate) processing: Duration,
    pub(crate) transfer: Duration,
    /// Of all phases.
    pub(crate) sum: Duration,
    /// Of the request, measured apart from them; of the whole probe in blackbox_exporter.
    pub(crate) duration: Duration,
}

/// Who probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prober {
    Ours,
    Blackbox,
}

impl Prober {
    pub(crate) const ALL: [Self; 2] = [Self::Ours, Self::Blackbox];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Blackbox => "blackbox",
        }
    }
}

/// Both, ready to probe one server.
pub(crate) struct Probers {
    http: HttpWire,
    https: HttpWire,
    token: AccessToken,
    blackbox: Blackbox,
}

impl Probers {
    pub(crate) async fn of(server: &SlowServer, ca_file: &Path) -> Self {
        let mut pool = ClientPool::new();
        let mut wire = |scheme| {
            let mut target = target(&server.url(scheme));
            let transport = Transport { ca_file: Some(ca_file.to_owned()), ..Transport::default() };
            (target.token.transport, target.ping.transport) = (transport.clone(), transport);
            HttpWire::new(Arc::new(target), &mut pool).unwrap()
        };
        Self {
            http: wire(Scheme::Http),
            https: wire(Scheme::Https),
            token: AccessToken::parse("2YotnFZFEjr1zCsicMWpAA".to_owned()).unwrap(),
            blackbox: Blackbox::start(&blackbox_config(ca_file)).await,
        }
    }

    /// Has one request made.
    ///
    /// # Panics
    ///
    /// When it fails: what is measured then is something else.
    pub(crate) async fn probe(&self, prober: Prober, server: &SlowServer, scheme: Scheme, request: Request) -> Reading {
        match prober {
            Prober::Ours => self.ours(scheme, request).await,
            Prober::Blackbox => self.by_blackbox(server, scheme, request).await,
        }
    }

    async fn ours(&self, scheme: Scheme, request: Request) -> Reading {
        let wire = match scheme {
            Scheme::Http => &self.http,
            Scheme::Https => &self.https,
        };
        let (trace, failure) = match request {
            Request::Token => {
                let exchange = wire.request_token(BOUND).await;
                (exchange.trace, exchange.result.err())
            }
            Request::Ping => {
                let exchange = wire.ping(&self.token, BOUND).await;
                (exchange.trace, exchange.result.err())
            }
        };
        assert!(failure.is_none(), "{failure:?}: {trace:?}");
        reading(&trace)
    }

    async fn by_blackbox(&self, server: &SlowServer, scheme: Scheme, request: Request) -> Reading {
        let (module, path) = match request {
            Request::Token => ("token", "/oauth/token"),
            Request::Ping => ("ping", "/api/v1/deliveryexperience/ping"),
        };
        let probe = self.blackbox.probe(&format!("{}{path}", server.url(scheme)), module).await;
        assert!(probe.value("probe_success") > 0.0, "{probe:?}");
        let seconds = |series: &str| Duration::from_secs_f64(probe.value(series));
        let phase = |name: &str| seconds(&format!("probe_http_duration_seconds{{phase=\"{name}\"}}"));
        Reading {
            processing: phase("processing"),
            transfer: phase("transfer"),
            sum: ["resolve", "connect", "tls", "processing", "transfer"].into_iter().map(phase).sum(),
            duration: seconds("probe_duration_seconds"),
        }
    }
}

fn reading(trace: &Trace) -> Reading {
    Reading {
        processing: trace.phases.processing.expect("it was answered"),
        transfer: trace.phases.transfer.expect("it was answered"),
        sum: trace.phases.happened().map(|(_phase, duration)| duration).sum(),
        duration: trace.duration,
    }
}

/// Requests that put the same on the wire as ours do.
fn blackbox_config(ca_file: &Path) -> String {
    format!(
        r#"modules:
  token:
    prober: http
    timeout: 5s
    http:
      method: POST
      preferred_ip_protocol: ip4
      headers: {{ Accept: application/json, Content-Type: application/x-www-form-urlencoded }}
      basic_auth: {{ username: acme, password: secret }}
      body: grant_type=client_credentials
      tls_config: {{ ca_file: '{0}' }}
  ping:
    prober: http
    timeout: 5s
    http:
      preferred_ip_protocol: ip4
      headers: {{ Accept: application/json }}
      bearer_token: 2YotnFZFEjr1zCsicMWpAA
      tls_config: {{ ca_file: '{0}' }}
"#,
        ca_file.display()
    )
}
