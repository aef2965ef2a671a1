//! What goes on on a connection, and when it has gone on for too long. Everything is handed `now`.

use std::time::Duration;

use tokio::time::Instant;

use super::limits::Limits;

/// Why a connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    Ended,
    HandshakeTooSlow,
    HeadTooSlow,
    Idle,
    AnswerTooSlow,
    Unread,
    /// For a connection that came later.
    MadeRoom,
    /// For a large answer that came later.
    GaveWay,
}

/// What a connection is doing, for those that look for one to close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    /// It waits for the other side, since then.
    Waiting(Instant),
    /// It answers what was asked first, then.
    Answering(Instant),
}

/// Its protocol. Before the end of a handshake it is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Handshake,
    /// No request has come yet.
    Fresh,
    /// At least one has.
    Known,
}

/// What has happened so far, as far as it matters.
#[derive(Debug)]
pub(super) struct Activity {
    stage: Stage,
    protocol: Protocol,
    /// Beginning of the stage, or of the wait for the next request.
    since: Instant,
    /// When the first byte came of what is no request yet.
    heard: Option<Instant>,
    /// Since when the other side has taken nothing of what is to be sent.
    blocked: Option<Instant>,
    /// Beginning of an answer that is complete but for what is still to be sent of it.
    lingering: Option<Instant>,
    /// Beginnings of the requests under way, the oldest first.
    requests: Vec<(u64, Instant)>,
    next_request: u64,
}

impl Activity {
    /// Of a connection that was accepted just now.
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            stage: Stage::Fresh,
            protocol: Protocol::Http1,
            since: now,
            heard: None,
            blocked: None,
            lingering: None,
            requests: Vec::new(),
            next_request: 0,
        }
    }

    pub(super) const fn enter(&mut self, stage: Stage, now: Instant) {
        self.stage = stage;
        self.since = now;
    }

    pub(super) const fn speaks(&mut self, protocol: Protocol) {
        self.protocol = protocol;
    }

    /// Gives the request its number.
    pub(super) fn request_begins(&mut self, now: Instant) -> u64 {
        let number = self.next_request;
        self.next_request += 1;
        self.requests.push((number, now));
        self.heard = None;
        number
    }

    pub(super) fn request_ends(&mut self, number: u64, now: Instant) {
        let index = self.requests.iter().position(|(other, _)| *other == number);
        let Some((_, begun)) = index.map(|index| self.requests.remove(index)) else { return };
        if self.requests.is_empty() {
            self.enter(Stage::Known, now);
            if self.blocked.is_some() {
                self.lingering.get_or_insert(begun);
            }
        }
    }

    /// Bytes came.
    pub(super) fn hears(&mut self, now: Instant) {
        self.heard.get_or_insert(now);
    }

    /// The other side takes nothing more for now.
    pub(super) fn is_blocked(&mut self, now: Instant) {
        let since = *self.blocked.get_or_insert(now);
        if self.requests.is_empty() {
            self.lingering.get_or_insert(since);
        }
    }

    /// The other side has taken something.
    pub(super) const fn is_unblocked(&mut self) {
        self.blocked = None;
    }

    /// Everything has been handed to the system.
    pub(super) fn is_flushed(&mut self, now: Instant) {
        self.blocked = None;
        if self.lingering.take().is_some() && self.requests.is_empty() {
            self.since = now;
        }
    }

    pub(super) fn doing(&self) -> Doing {
        self.answering().map_or(Doing::Waiting(self.since), Doing::Answering)
    }

    /// Beginning of the oldest answer that is not yet sent.
    fn answering(&self) -> Option<Instant> {
        let lingering = self.lingering.filter(|_| self.stage == Stage::Known);
        self.requests.first().map(|(_, begun)| *begun).into_iter().chain(lingering).min()
    }

    /// When the connection is to be closed if nothing happens, and why.
    pub(super) fn deadline(&self, limits: &Limits) -> (Instant, Why) {
        if let Some(begun) = self.answering() {
            let whole = (begun + limits.answer_timeout, Why::AnswerTooSlow);
            let taken = self.blocked.map(|since| (since + limits.unread_timeout, Why::Unread));
            return taken.into_iter().fold(whole, |one, other| if other.0 < one.0 { other } else { one });
        }
        let after = |since: Instant, time: Duration, why| (since + time, why);
        match (self.stage, self.heard, self.protocol) {
            (Stage::Handshake, ..) => after(self.since, limits.head_timeout, Why::HandshakeTooSlow),
            (Stage::Fresh, ..) => after(self.since, limits.head_timeout, Why::HeadTooSlow),
            // In HTTP/2 bytes may be anything.
            (Stage::Known, Some(heard), Protocol::Http1) => {
                after(heard.max(self.since), limits.head_timeout, Why::HeadTooSlow)
            }
            (Stage::Known, ..) => after(self.since, limits.idle_timeout, Why::Idle),
        }
    }
}

impl Why {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Ended => "it has ended",
            Self::HandshakeTooSlow => "its handshake took too long",
            Self::HeadTooSlow => "the head of a request took too long",
            Self::Idle => "no request came",
            Self::AnswerTooSlow => "an answer took too long",
            Self::Unread => "nothing was read of an answer",
            Self::MadeRoom => "another connection needs its place",
            Self::GaveWay => "another answer waits for its turn",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A connection whose clock is moved by hand.
    struct Story {
        start: Instant,
        activity: Activity,
    }

    impl Story {
        fn new() -> Self {
            let start = Instant::now();
            Self { start, activity: Activity::new(start) }
        }

        /// What happens after so many seconds.
        fn at<T>(&mut self, seconds: u64, event: impl FnOnce(&mut Activity, Instant) -> T) -> T {
            event(&mut self.activity, self.start + Duration::from_secs(seconds))
        }

        /// At which second it is closed, and why, if nothing more happens.
        fn end(&self) -> (u64, Why) {
            let limits = Limits {
                head_timeout: Duration::from_secs(10),
                idle_timeout: Duration::from_secs(100),
                answer_timeout: Duration::from_secs(60),
                unread_timeout: Duration::from_secs(20),
                ..Limits::default()
            };
            let (deadline, why) = self.activity.deadline(&limits);
            (deadline.duration_since(self.start).as_secs(), why)
        }

        fn is_waiting(&self) -> bool {
            matches!(self.activity.doing(), Doing::Waiting(_))
        }
    }

    #[test]
    fn first_head_is_due_soon_whatever_comes_of_it() {
        let mut story = Story::new();
        story.at(4, Activity::hears);
        assert_eq!(story.end(), (10, Why::HeadTooSlow));
    }

    #[test]
    fn handshake_and_head_have_their_time_each() {
        let mut story = Story::new();
        story.at(1, |activity, now| activity.enter(Stage::Handshake, now));
        assert_eq!(story.end(), (11, Why::HandshakeTooSlow));
        story.at(2, Activity::is_blocked);
        assert!(story.is_waiting());
        assert_eq!(story.end(), (11, Why::HandshakeTooSlow), "one that is not read is none the longer");
        story.at(9, |activity, now| activity.enter(Stage::Fresh, now));
        assert_eq!(story.end(), (19, Why::HeadTooSlow));
    }

    #[test]
    fn later_head_has_its_time_from_the_first_byte() {
        let mut story = Story::new();
        story.at(0, Activity::hears);
        let request = story.at(0, Activity::request_begins);
        story.at(5, |activity, now| activity.request_ends(request, now));
        assert_eq!(story.end(), (105, Why::Idle));
        story.at(90, Activity::hears);
        story.at(95, Activity::hears);
        assert_eq!(story.end(), (100, Why::HeadTooSlow));
    }

    #[test]
    fn in_http2_bytes_are_no_head() {
        let mut story = Story::new();
        story.at(0, |activity, _| activity.speaks(Protocol::Http2));
        let request = story.at(0, Activity::request_begins);
        story.at(1, |activity, now| activity.request_ends(request, now));
        story.at(2, Activity::hears);
        assert_eq!(story.end(), (101, Why::Idle));
    }

    #[test]
    fn each_answer_has_its_own_time() {
        let mut story = Story::new();
        let first = story.at(0, Activity::request_begins);
        let second = story.at(50, Activity::request_begins);
        assert_eq!(story.end(), (60, Why::AnswerTooSlow));
        story.at(55, |activity, now| activity.request_ends(first, now));
        assert_eq!(story.end(), (110, Why::AnswerTooSlow));
        story.at(56, |activity, now| activity.request_ends(second, now));
        assert_eq!(story.end(), (156, Why::Idle));
    }

    #[test]
    fn answer_that_is_not_read_ends_early_and_also_behind_its_end() {
        let mut story = Story::new();
        let request = story.at(0, Activity::request_begins);
        story.at(1, Activity::is_blocked);
        story.at(15, Activity::is_blocked);
        assert_eq!(story.end(), (21, Why::Unread));
        story.at(16, |activity, _| activity.is_unblocked());
        story.at(16, Activity::is_blocked);
        story.at(17, |activity, now| activity.request_ends(request, now));
        assert!(!story.is_waiting());
        assert_eq!(story.end(), (36, Why::Unread));
        story.at(20, Activity::is_flushed);
        assert!(story.is_waiting());
        assert_eq!(story.end(), (120, Why::Idle));
    }

    #[test]
    fn answer_that_is_read_byte_by_byte_ends_as_a_whole() {
        let mut story = Story::new();
        let request = story.at(0, Activity::request_begins);
        story.at(1, Activity::is_blocked);
        story.at(1, |activity, now| activity.request_ends(request, now));
        for second in 2..59 {
            story.at(second, |activity, _| activity.is_unblocked());
            story.at(second, Activity::is_blocked);
        }
        assert_eq!(story.end(), (60, Why::AnswerTooSlow));
    }
}
