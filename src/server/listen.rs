//! Sockets to listen on, bound before anything runs, so that a port that is in use is an error at the start.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use rustix::io::Errno;
use rustix::net::sockopt::set_ipv6_v6only;
use rustix::process::{Resource, getrlimit};
use tokio::net::{TcpListener, TcpSocket, lookup_host};

use super::address::{Host, ListenAddress};
use super::limits::Limits;
use super::security::Security;

const BACKLOG: u32 = 1024;

/// Nothing would be found that listens there: this process has ended by then.
const TWICE: &str = "another of the addresses to listen on has this port already; leave one of the two out";

/// Listens, but answers nothing yet.
#[derive(Debug)]
pub struct Bound {
    pub(super) listeners: Vec<TcpListener>,
    pub(super) limits: Limits,
    pub(super) security: Arc<Security>,
}

/// An address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {}", explain(problem))]
pub struct BindError {
    /// Which one.
    pub address: ListenAddress,
    /// What the system said, or what it meant.
    pub problem: io::Error,
}

impl Bound {
    /// Listens on all `addresses`, each at the port it names, or at any free one for port 0.
    ///
    /// # Errors
    /// When one of them cannot be listened on.
    pub async fn bind(addresses: &[ListenAddress]) -> Result<Self, BindError> {
        let mut listeners: Vec<TcpListener> = Vec::with_capacity(addresses.len());
        for address in addresses {
            let listener = listen(address).await.map_err(|problem| {
                let is_ours =
                    |listener: &TcpListener| listener.local_addr().is_ok_and(|ours| ours.port() == address.port);
                let is_twice = problem.kind() == io::ErrorKind::AddrInUse && listeners.iter().any(is_ours);
                let problem = if is_twice { io::Error::other(TWICE) } else { problem };
                BindError { address: address.clone(), problem }
            });
            listeners.push(listener?);
        }
        let limits = Limits::default().within(getrlimit(Resource::Nofile).current);
        Ok(Self { listeners, limits, security: Arc::new(Security::none()) })
    }

    /// With other bounds than the usual ones.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Protected like this, and not at all otherwise.
    #[must_use]
    pub fn with_security(self, security: Security) -> Self {
        Self { security: Arc::new(security), ..self }
    }

    /// How it is protected, for a person.
    #[must_use]
    pub fn protection(&self) -> String {
        self.security.summary()
    }

    /// How URLs of it begin.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        self.security.scheme()
    }

    /// Where it listens, in the order of what was asked for, with the ports that were found.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }
}

async fn listen(address: &ListenAddress) -> io::Result<TcpListener> {
    let port = address.port;
    match &address.host {
        Host::Ip(ip) => listen_on((*ip, port).into()),
        Host::Any => match listen_on((Ipv6Addr::UNSPECIFIED, port).into()) {
            Err(problem) if lacks_ipv6(&problem) => listen_on((Ipv4Addr::UNSPECIFIED, port).into()),
            outcome => outcome,
        },
        Host::Name(name) => {
            let mut outcome = Err(io::Error::other("the name does not resolve"));
            for candidate in lookup_host((name.as_str(), port)).await? {
                outcome = listen_on(candidate);
                if outcome.is_ok() {
                    break;
                }
            }
            outcome
        }
    }
}

fn listen_on(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A restart must not wait for the connections of the process before it to be forgotten.
    socket.set_reuseaddr(true)?;
    if address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) {
        set_ipv6_v6only(&socket, false)?;
    }
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Whether this is how a machine without IPv6 answers.
fn lacks_ipv6(problem: &io::Error) -> bool {
    let code = problem.raw_os_error();
    [Errno::AFNOSUPPORT, Errno::ADDRNOTAVAIL].iter().any(|errno| code == Some(errno.raw_os_error()))
}

fn explain(problem: &io::Error) -> String {
    let advice = match problem.kind() {
        io::ErrorKind::AddrInUse => {
            "the port is in use; stop what listens there (`ss -ltnp` shows it) or choose another port"
        }
        io::ErrorKind::PermissionDenied => "not permitted; choose a port above 1023 or grant CAP_NET_BIND_SERVICE",
        io::ErrorKind::AddrNotAvailable => "this machine has no such address; :PORT listens on all it has",
        _ => return problem.to_string(),
    };
    advice.to_owned()
}
