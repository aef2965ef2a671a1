//! Faults that come and go: which are active is a pure function of the time since the start.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::fault::{Fault, Server, Switchboard, Whom};

/// Acts that repeat for ever.
#[derive(Clone, Debug)]
pub struct Script {
    period: Duration,
    acts: Vec<Act>,
}

/// One fault for a part of each period.
#[derive(Clone, Debug, PartialEq)]
pub struct Act {
    /// When it begins, counted from the start of the period.
    pub from: Duration,
    /// When it has ended.
    pub to: Duration,
    /// Where it is.
    pub server: Server,
    /// Who notices it.
    pub whom: Whom,
    /// What it is.
    pub fault: Fault,
}

impl Script {
    /// A script whose acts all end within `period`.
    ///
    /// # Panics
    /// When one does not, or ends before it begins: scripts are part of the program.
    #[must_use]
    pub fn new(period: Duration, acts: Vec<Act>) -> Self {
        let orderly = acts.iter().all(|act| act.from < act.to && act.to <= period);
        assert!(orderly, "every act ends after it begins, and within the period");
        Self { period, acts }
    }

    /// After this the script starts over.
    #[must_use]
    pub const fn period(&self) -> Duration {
        self.period
    }

    /// What is wrong this long after the start, in the order in which the acts were given.
    #[must_use]
    pub fn active_at(&self, elapsed: Duration) -> Vec<&Act> {
        let position = self.position(elapsed);
        self.acts.iter().filter(|act| act.from <= position && position < act.to).collect()
    }

    /// How long after the start something changes next.
    fn next_change(&self, elapsed: Duration) -> Duration {
        let position = self.position(elapsed);
        let changes = self.acts.iter().flat_map(|act| [act.from, act.to]);
        let next = changes.filter(|&change| change > position).min().unwrap_or(self.period);
        elapsed + (next - position)
    }

    fn position(&self, elapsed: Duration) -> Duration {
        let nanos = elapsed.as_nanos() % self.period.as_nanos().max(1);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// Switches faults as `script` says, for ever.
pub(super) async fn play(script: Script, switchboard: Arc<Switchboard>) {
    let start = Instant::now();
    let mut elapsed = Duration::ZERO;
    loop {
        switch(&script, elapsed, &switchboard);
        // The changes are counted from the start, so that a late wake-up delays none of the later ones.
        elapsed = script.next_change(elapsed);
        tokio::time::sleep_until(start + elapsed).await;
    }
}

/// Sets the faults of everyone whom the script mentions, and of nobody else.
fn switch(script: &Script, elapsed: Duration, switchboard: &Switchboard) {
    let active = script.active_at(elapsed);
    for act in &script.acts {
        let same = |other: &&&Act| other.server == act.server && other.whom == act.whom;
        let faults = active.iter().filter(same).map(|other| other.fault.clone()).collect();
        switchboard.set(act.server, act.whom.clone(), faults);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    fn act(from: u64, to: u64, client: &str, fault: Fault) -> Act {
        Act { from: seconds(from), to: seconds(to), server: Server::Api, whom: Whom::client(client), fault }
    }

    fn script() -> Script {
        Script::new(
            seconds(80),
            vec![
                act(10, 40, "a", Fault::Delay(seconds(1))),
                act(20, 40, "a", Fault::Hang),
                act(0, 5, "b", Fault::Close),
            ],
        )
    }

    fn active(elapsed: u64) -> Vec<Fault> {
        script().active_at(seconds(elapsed)).into_iter().map(|act| act.fault.clone()).collect()
    }

    #[test]
    fn an_act_is_active_from_its_beginning_until_before_its_end() {
        assert_eq!(active(9), []);
        assert_eq!(active(10), [Fault::Delay(seconds(1))]);
        assert_eq!(active(39), [Fault::Delay(seconds(1)), Fault::Hang]);
        assert_eq!(active(40), []);
    }

    #[test]
    fn the_script_repeats() {
        assert_eq!(active(0), [Fault::Close]);
        assert_eq!(active(80), [Fault::Close]);
        assert_eq!(active(80 * 1_000_000 + 25), active(25));
    }

    #[test]
    fn changes_come_in_order_and_over_the_end_of_a_period() {
        let script = script();
        let mut changes = vec![Duration::ZERO];
        for _ in 0..7 {
            changes.push(script.next_change(changes[changes.len() - 1]));
        }
        assert_eq!(changes, [0, 5, 10, 20, 40, 80, 85, 90].map(seconds));
    }

    #[test]
    #[should_panic(expected = "within the period")]
    fn an_act_that_outlasts_the_period_is_refused() {
        drop(Script::new(seconds(10), vec![act(5, 11, "a", Fault::Hang)]));
    }

    #[tokio::test(start_paused = true)]
    async fn the_player_switches_exactly_the_acts_of_the_moment() {
        let switchboard = Arc::new(Switchboard::default());
        let player = tokio::spawn(play(script(), Arc::clone(&switchboard)));
        let start = Instant::now();
        for elapsed in 0..400 {
            tokio::time::sleep_until(start + seconds(elapsed) + Duration::from_millis(500)).await;
            let mut now = switchboard.at(Server::Api, Some("a"));
            now.extend(switchboard.at(Server::Api, Some("b")));
            assert_eq!(now, active(elapsed), "after {elapsed} s");
        }
        player.abort();
    }
}
