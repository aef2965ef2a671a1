//! Bounds on what clients can make the server hold, and for how long.

use std::time::Duration;

/// Bounds on what clients can make the server hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at one time. For one more, one that waits is closed.
    pub connections: usize,
    /// Time for a TLS handshake, then for the head of the first request, and for that of a later one from its first byte.
    pub head_timeout: Duration,
    /// Time between an answer and the next request.
    pub idle_timeout: Duration,
    /// Time from the head of a request to the end of its answer.
    pub answer_timeout: Duration,
    /// Time for which nothing of an answer may be taken.
    pub unread_timeout: Duration,
    /// Scrapes at one time, and the same of lists of all targets and of pages: each looks at all of them, and holds the
    /// numbers as they were at its beginning.
    pub large_answers: usize,
    /// Time after which one of them has to give way to one that waits.
    pub large_answer_turn: Duration,
    /// Time that requests under way have once the server is to stop.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            head_timeout: Duration::from_secs(10),
            // Longer than most scrape intervals, so that a scrape rarely meets the end of its connection.
            idle_timeout: Duration::from_secs(150),
            answer_timeout: Duration::from_secs(120),
            unread_timeout: Duration::from_secs(30),
            large_answers: 4,
            // Half of Prometheus' usual timeout is left for the one that waits.
            large_answer_turn: Duration::from_secs(5),
            drain: Duration::from_secs(3),
        }
    }
}

impl Limits {
    /// The same for a process that may open so many descriptors; the probes need most of them.
    #[must_use]
    pub(super) fn within(self, descriptors: Option<u64>) -> Self {
        let affordable = descriptors.map_or(usize::MAX, |most| usize::try_from(most / 3).unwrap_or(usize::MAX));
        Self { connections: self.connections.min(affordable).max(1), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_descriptors_are_left_to_the_probes() {
        for (descriptors, connections) in [(None, 1024), (Some(1_000_000), 1024), (Some(1024), 341), (Some(2), 1)] {
            assert_eq!(Limits::default().within(descriptors).connections, connections, "{descriptors:?}");
        }
    }
}
