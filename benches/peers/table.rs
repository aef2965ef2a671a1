//! What the turns add up to: the table, and the bounds.

use std::fmt;

use crate::Measurement;
use crate::common::{Bounds, Quantiles};
use crate::party::Party;
use crate::stage::{RATE, Turn};

const HEADING: &str = "\
| who | CPU per ping, µs: median | least | most | times bare | pings | token requests in a turn | failed |
| --- | --: | --: | --: | --: | --: | --: | --: |";

/// A row for each of them.
pub(crate) struct Table(Vec<Row>);

struct Row {
    party: Party,
    /// Of its turns, in microseconds.
    cpu_per_ping: Quantiles,
    pings: u64,
    failed: u64,
    /// In the turn that had most, its warm-up included, …
    token_requests: u64,
    /// … and the pings in that.
    beside_pings: u64,
}

impl Table {
    pub(crate) fn of(measurements: &[Measurement]) -> Self {
        Self(Party::ALL.into_iter().map(|party| Row::of(measurements, party)).collect())
    }

    /// What this project promises.
    pub(crate) fn bounds(&self) -> Bounds {
        let mut bounds = Bounds::default();
        let ratio = |one, other| self.row(one).cpu_per_ping.median / self.row(other).cpu_per_ping.median;
        bounds.at_most(0.25, "", "HTTP: ours / blackbox", ratio(Party::OursFresh, Party::Blackbox));
        bounds.at_most(2.5, "", "HTTP: ours / bare system calls", ratio(Party::OursFresh, Party::Bare));
        bounds.at_most(0.5, "", "HTTPS: ours / blackbox", ratio(Party::OursTls, Party::BlackboxTls));
        bounds.at_most(1.0, "", "HTTP: ours, `reuse` / `fresh`", ratio(Party::OursReuse, Party::OursFresh));
        for party in [Party::OursFresh, Party::OursReuse, Party::OursScraped, Party::OursTls] {
            let per_target = self.row(party).token_requests as f64 / RATE as f64;
            bounds.at_most(1.0, "", format!("{}: token requests of a target in a turn", party.as_str()), per_target);
        }
        let failed: u64 = self.0.iter().map(|row| row.failed).sum();
        bounds.at_most(0.0, "", "probes that failed, or were not made in time, of all", failed as f64);
        bounds
    }

    fn row(&self, party: Party) -> &Row {
        self.0.iter().find(|row| row.party == party).expect("all take turns")
    }
}

impl Row {
    fn of(measurements: &[Measurement], party: Party) -> Self {
        let turns: Vec<_> = measurements.iter().filter(|one| one.party == party).map(|one| one.turn).collect();
        let most = turns.iter().max_by_key(|turn| turn.token_requests).expect("all take turns");
        Self {
            party,
            cpu_per_ping: Quantiles::of(turns.iter().map(Turn::microseconds_per_ping).collect()),
            pings: turns.iter().map(|turn| turn.pings).sum(),
            failed: turns.iter().map(|turn| turn.failed).sum(),
            token_requests: most.token_requests,
            beside_pings: most.pings_since_start,
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADING}")?;
        let bare = self.row(Party::Bare).cpu_per_ping.median;
        for row in &self.0 {
            let Row { party, cpu_per_ping, pings, failed, token_requests, beside_pings } = row;
            let Quantiles { least, median, worst, .. } = cpu_per_ping;
            write!(f, "| {} | {median:.0} | {least:.0} | {worst:.0} | {:.1} |", party.as_str(), median / bare)?;
            writeln!(f, " {pings} | {token_requests} beside {beside_pings} pings | {failed} |")?;
        }
        Ok(())
    }
}
