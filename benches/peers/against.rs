//! This build beside another one: what a change brings, also on a machine that has other things to do.

use std::path::Path;

use tokio::join;

use crate::exporter::Exporter;
use crate::ours::{self, configuration, watched};
use crate::stage::{Stage, Turn};

/// Both ping at the same time, so that whatever disturbs one disturbs the other; prints what each uses in `rounds` windows.
pub(crate) async fn compare(stage: &Stage, other: &Path, rounds: usize) {
    println!("| CPU per ping, µs | {} | this build | ratio: median | least | most |", other.display());
    println!("| --- | --: | --: | --: | --: | --: |");
    let kinds =
        [("HTTP", &stage.http, "fresh"), ("HTTPS", &stage.https, "fresh"), ("HTTP, `reuse`", &stage.http, "reuse")];
    for (name, port, connection) in kinds {
        let (their_server, our_server) = (stage.server(port).await, stage.server(port).await);
        let (theirs, ours) =
            (configuration(stage, &their_server, connection), configuration(stage, &our_server, connection));
        let theirs = Exporter::start_program(other, &theirs).await;
        let ours = Exporter::start_program(ours::PROGRAM.as_ref(), &ours).await;
        let mut turns = Vec::new();
        for _ in 0..rounds {
            let (their_process, our_process) = (watched(&theirs), watched(&ours));
            turns.push(join!(stage.watch(&their_process, &their_server), stage.watch(&our_process, &our_server)));
        }
        theirs.terminate().await;
        ours.terminate().await;
        let cost = |of: fn(&(Turn, Turn)) -> &Turn| median(turns.iter().map(|turn| of(turn).microseconds_per_ping()));
        let (theirs, ours) = (cost(|turn| &turn.0), cost(|turn| &turn.1));
        let ratios =
            || turns.iter().map(|(theirs, ours)| ours.microseconds_per_ping() / theirs.microseconds_per_ping());
        let (least, most) = (ratios().fold(f64::INFINITY, f64::min), ratios().fold(0.0, f64::max));
        println!("| {name} | {theirs:.0} | {ours:.0} | {:.2} | {least:.2} | {most:.2} |", median(ratios()));
    }
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<_> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
