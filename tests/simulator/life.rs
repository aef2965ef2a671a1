//! Ports that open and close, connections that are kept, scripts that run, and the end of it all.

use std::time::Duration;

use oauth_probe_exporter::simulator::{Act, DemoClient, Fault, Script, Server, Settings, Simulator, StatusCode, Whom};
use tokio::time::timeout;

use crate::wire::{End, ask, exchange, ping, simulator};

#[tokio::test]
async fn a_server_that_is_down_refuses_connections_and_comes_back_at_the_same_port() {
    let simulator = simulator().await;
    let token = ask(&simulator, "acme", "s3cret").await.access_token();
    for _ in 0..3 {
        simulator.control().take_down(Server::Api).await;
        assert_eq!(ping(&simulator, &token).await.end, End::Refused);
        assert_eq!(ask(&simulator, "acme", "s3cret").await.status(), 200);
        simulator.control().bring_up(Server::Api).await;
        assert_eq!(ping(&simulator, &token).await.status(), 200);
    }
}

#[tokio::test]
async fn a_server_that_goes_down_takes_its_connections_along() {
    let simulator = simulator().await;
    simulator.control().set_faults(Server::Authorization, Whom::Everyone, [Fault::Hang]);
    let (reply, ()) = tokio::join!(ask(&simulator, "acme", "s3cret"), async {
        while simulator.control().counts("acme").token_requests == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        simulator.control().take_down(Server::Authorization).await;
    });
    assert_ne!(reply.end, End::StillOpen);
}

#[tokio::test]
async fn asking_for_what_is_so_already_changes_nothing() {
    let simulator = simulator().await;
    simulator.control().bring_up(Server::Api).await;
    simulator.control().take_down(Server::Api).await;
    simulator.control().take_down(Server::Api).await;
    simulator.control().bring_up(Server::Api).await;
    assert_eq!(ping(&simulator, "none").await.status(), 401);
}

#[tokio::test]
async fn a_connection_carries_several_requests_and_is_counted_once() {
    let simulator = simulator().await;
    let one = "GET /elsewhere HTTP/1.1\r\nHost: localhost\r\n";
    let both = format!("{one}\r\n{one}Connection: close\r\n\r\n");
    let reply = exchange(simulator.resource_server(), &both).await;
    assert_eq!(reply.bytes.matches("HTTP/1.1 404").count(), 2);
    assert_eq!(simulator.control().connections(Server::Api), 1);
    assert_eq!(simulator.control().connections(Server::Authorization), 0);
}

#[tokio::test]
async fn ports_are_closed_when_the_simulator_has_stopped() {
    let simulator = simulator().await;
    let (authorization, api) = (simulator.authorization_server().clone(), simulator.resource_server().clone());
    let control = simulator.control().clone();
    simulator.stop().await;
    for server in [&authorization, &api] {
        assert_eq!(exchange(server, "").await.end, End::Refused);
    }
    control.bring_up(Server::Api).await;
    assert_eq!(exchange(&api, "").await.end, End::Refused);
}

#[tokio::test]
async fn a_dropped_simulator_closes_its_ports() {
    let simulator = simulator().await;
    let api = simulator.resource_server().clone();
    drop(simulator);
    let closed = async {
        while exchange(&api, "").await.end != End::Refused {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(5), closed).await.expect("the port is closed");
}

#[tokio::test]
async fn no_task_ends_by_itself() {
    let mut simulator = simulator().await;
    simulator.play(Script::demo());
    assert!(timeout(Duration::from_millis(200), simulator.ended()).await.is_err());
}

#[tokio::test]
async fn a_script_that_plays_lets_faults_come_and_go() {
    let mut simulator = simulator().await;
    let fault = Fault::status(StatusCode::SERVICE_UNAVAILABLE);
    let (from, to) = (Duration::ZERO, Duration::from_secs(1));
    let act = Act { from, to, server: Server::Authorization, whom: Whom::client("acme"), fault };
    simulator.play(Script::new(Duration::from_secs(60), vec![act]));
    let mut statuses = Vec::new();
    while statuses.last() != Some(&200) {
        tokio::time::sleep(Duration::from_millis(50)).await;
        statuses.push(ask(&simulator, "acme", "s3cret").await.status());
    }
    statuses.dedup();
    assert_eq!(statuses, [503, 200]);
}

#[tokio::test]
async fn the_demo_knows_every_client_that_it_lists() {
    let simulator = Simulator::start(Settings::demo()).await.expect("two ports");
    for client in DemoClient::all() {
        let form_encoded = url::form_urlencoded::byte_serialize(client.secret.as_bytes()).collect::<String>();
        let token = ask(&simulator, client.client_id, &form_encoded).await.access_token();
        assert_eq!(ping(&simulator, &token).await.status(), 200, "{}", client.name);
    }
}
