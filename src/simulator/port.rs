//! One loopback port that can refuse connections for a while and accept them again.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::connection;
use super::fault::Server;
use super::state::State;

const BACKLOG: u32 = 1024;
/// Out of descriptors, say: it may pass, and a tight loop would not help.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(20);

/// Whether a port accepts connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reachability {
    Up,
    Down,
}

/// A wish, and whom to tell when it has come true.
type Command = (Reachability, oneshot::Sender<()>);

/// Opens and closes a port from afar.
#[derive(Clone, Debug)]
pub(super) struct PortControl(mpsc::Sender<Command>);

/// A bound port and the server behind it.
pub(super) struct Port {
    listener: TcpListener,
    address: SocketAddr,
    server: Server,
    state: Arc<State>,
    commands: mpsc::Receiver<Command>,
}

impl PortControl {
    /// Returns when the port is as wished; at once if the simulator has ended.
    pub(super) async fn make(&self, wish: Reachability) {
        let (done, fulfilled) = oneshot::channel();
        if self.0.send((wish, done)).await.is_ok() {
            // An error means that the port ended before it could answer.
            let _ended = fulfilled.await;
        }
    }
}

impl Port {
    /// Binds a free port of 127.0.0.1, which accepts connections from now on.
    pub(super) async fn bind(server: Server, state: &Arc<State>) -> io::Result<(Self, PortControl)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (control, commands) = mpsc::channel(1);
        Ok((Self { listener, address, server, state: Arc::clone(state), commands }, PortControl(control)))
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until nobody is left who could send a command; its owner aborts it before that.
    pub(super) async fn run(self) {
        let Self { mut listener, address, server, state, mut commands } = self;
        while let Some(done) = serve_until_down(listener, server, &state, &mut commands).await {
            let reserved = reserve(address).await;
            // Whoever sent the command may have stopped waiting.
            let _unheard = done.send(());
            let Some(done) = wait_for(Reachability::Up, &mut commands).await else { return };
            listener = match reserved.listen(BACKLOG) {
                Ok(listener) => listener,
                Err(error) => {
                    tracing::error!(%address, %error, "simulated server cannot listen again");
                    return;
                }
            };
            let _unheard = done.send(());
        }
    }
}

async fn serve_until_down(
    listener: TcpListener,
    server: Server,
    state: &Arc<State>,
    commands: &mut mpsc::Receiver<Command>,
) -> Option<oneshot::Sender<()>> {
    let mut connections = JoinSet::new();
    let down = wait_for(Reachability::Down, commands);
    tokio::pin!(down);
    let done = loop {
        tokio::select! {
            done = &mut down => break done,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    state.count_connection(server);
                    // Without it an answer waits for the client's acknowledgement of its first half.
                    if stream.set_nodelay(true).is_ok() {
                        let state = Arc::clone(state);
                        connections.spawn(async move { connection::serve(stream, server, &state).await });
                    }
                }
                Err(_) => tokio::time::sleep(PAUSE_AFTER_ERROR).await,
            },
            Some(ended) = connections.join_next() => if let Err(error) = ended {
                tracing::error!(%error, "a connection of the simulator failed");
            },
        }
    };
    drop(listener);
    connections.shutdown().await;
    done
}

async fn wait_for(wanted: Reachability, commands: &mut mpsc::Receiver<Command>) -> Option<oneshot::Sender<()>> {
    loop {
        let (wish, done) = commands.recv().await?;
        if wish == wanted {
            return Some(done);
        }
        let _unheard = done.send(());
    }
}

/// Keeps the port from being given to another process: a socket that is bound but does not listen refuses connections.
async fn reserve(address: SocketAddr) -> TcpSocket {
    let bind = || {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        io::Result::Ok(socket)
    };
    loop {
        match bind() {
            Ok(socket) => return socket,
            Err(_) => tokio::time::sleep(PAUSE_AFTER_ERROR).await,
        }
    }
}
