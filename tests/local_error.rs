//! A process that is out of file descriptors blames itself and recovers. A test binary of its own: the limit holds for
//! the whole process.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod raw_server;
mod targets;

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use oauth_probe_exporter::client::{ClientPool, HttpWire, Wire};
use oauth_probe_exporter::model::fault::{Fault, Reason, Request};
use oauth_probe_exporter::model::secret::AccessToken;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const BOUND: Duration = Duration::from_secs(5);

#[tokio::test]
async fn running_out_of_descriptors_is_local_error_until_there_are_some_again() {
    let server = raw_server::RawServer::plain(raw_server::answer(200, "", r#"{"info":"pong","status":1}"#)).await;
    let target = Arc::new(targets::target(&format!("http://{}", server.address)));
    let wire = HttpWire::new(target, &mut ClientPool::new()).unwrap();
    let token = AccessToken::parse("abc".to_owned()).unwrap();
    assert_eq!(wire.ping(&token, BOUND).await.result, Ok(()));

    let hoard = use_up_descriptors();
    let exchange = wire.ping(&token, BOUND).await;
    let reason = exchange.result.unwrap_err().reason;
    assert_eq!((reason, reason.fault(Request::Ping)), (Reason::LocalError, Fault::Exporter));
    assert!(!exchange.trace.sent);

    drop(hoard);
    assert_eq!(wire.ping(&token, BOUND).await.result, Ok(()));
}

fn use_up_descriptors() -> Vec<File> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(64), maximum: limit.maximum }).unwrap();
    let mut hoard = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        hoard.push(file);
    }
    hoard
}
