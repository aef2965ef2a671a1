//! When the next token request is said to come, through the real scheduler and engine, on simulated time.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod simulated;
mod targets;

use std::sync::Arc;

use oauth_probe_exporter::model::fault::Reason;

use simulated::{Issuing, Trouble, World, hours, live, minutes, seconds, target};

#[tokio::test(start_paused = true)]
async fn next_token_request_lies_ahead_after_refused_tokens_turned_into_another_fault() {
    let mut world = World::new(Issuing::Fresh, hours(1));
    world.ping_trouble = Box::new(|now| {
        if now < minutes(10) {
            Trouble::None
        } else if now < minutes(20) {
            Trouble::Refuses
        } else {
            Trouble::Fails(Reason::ServerError)
        }
    });
    let world = Arc::new(world);
    live(&world, target(seconds(30)), hours(1)).await;
    let books = world.books();
    for (at, report) in &books.reports {
        let next = report.token.next_request.unwrap().wall;
        assert!(next > report.ended.wall, "after {at:?}: {:?}", report.ended.wall.duration_since(next));
    }
}
