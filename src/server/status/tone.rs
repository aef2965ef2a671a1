//! How a target or the whole fleet stands, in one word, one shape and one colour.

use maud::{Markup, html};

use crate::telemetry::status::{Counts, Standing, State, TargetSummary};

/// How a target or the whole fleet stands, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tone {
    Failing,
    /// It works, but something is worth a look.
    Warned,
    /// Nothing is known yet.
    Pending,
    Working,
}

impl Tone {
    pub(super) const ALL: [Self; 4] = [Self::Failing, Self::Warned, Self::Pending, Self::Working];

    pub(super) fn of_target(target: &TargetSummary) -> Self {
        match target.state {
            State::Failing => Self::Failing,
            _ if !target.warnings.is_empty() => Self::Warned,
            State::Pending => Self::Pending,
            State::Working => Self::Working,
        }
    }

    /// The worst of all targets.
    pub(super) const fn of_fleet(counts: &Counts) -> Self {
        if counts.failing > 0 {
            Self::Failing
        } else if counts.warned > 0 {
            Self::Warned
        } else if counts.working > 0 {
            Self::Working
        } else {
            Self::Pending
        }
    }

    /// Its name in classes.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Failing => "failing",
            Self::Warned => "warned",
            Self::Pending => "pending",
            Self::Working => "working",
        }
    }

    /// What a target is asked for by.
    pub(super) const fn standing(self) -> Standing {
        match self {
            Self::Failing => Standing::In(State::Failing),
            Self::Warned => Standing::Warned,
            Self::Pending => Standing::In(State::Pending),
            Self::Working => Standing::In(State::Working),
        }
    }

    /// What fills the shape of 16 by 16 units, and what is drawn upon it.
    const fn shapes(self) -> (&'static str, &'static str) {
        match self {
            // A cross on an octagon, as on a stop sign.
            Self::Failing => ("M5 1h6l4 4v6l-4 4H5l-4-4V5z", "M5.5 5.5l5 5m0-5l-5 5"),
            Self::Warned => ("M8 1.2L15.4 14.6H.6z", "M8 6v4m0 2v.4"),
            Self::Pending => ("M8 1a7 7 0 1 0 0 14A7 7 0 1 0 8 1z", "M4.6 8h.2M7.9 8h.2M11.2 8h.2"),
            Self::Working => ("M8 1a7 7 0 1 0 0 14A7 7 0 1 0 8 1z", "M4.8 8.4l2.2 2.2 4.2-4.8"),
        }
    }

    /// The shape beside a word that says the same.
    pub(super) fn icon(self) -> Markup {
        let (ground, sign) = self.shapes();
        html! {
            svg class={ "icon " (self.as_str()) } viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" {
                path class="ground" d=(ground) {}
                path class="sign" d=(sign) {}
            }
        }
    }

    /// The icon of a browser's tab, a file of its own.
    pub(super) const fn favicon(self) -> &'static str {
        match self {
            Self::Failing => include_str!("assets/failing.svg"),
            Self::Warned => include_str!("assets/warned.svg"),
            Self::Pending => include_str!("assets/pending.svg"),
            Self::Working => include_str!("assets/working.svg"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn icons_of_tabs_have_the_shapes_of_those_on_the_page() {
        for tone in Tone::ALL {
            let (ground, sign) = tone.shapes();
            assert!(tone.favicon().contains(ground) && tone.favicon().contains(sign), "{tone:?}");
        }
    }

    #[test]
    fn whole_fleet_is_as_bad_as_its_worst_target() {
        let fleet = |failing, warned, pending, working| {
            let total = failing + pending + working;
            Tone::of_fleet(&Counts { failing, pending, working, total, warned, unscheduled: 0 })
        };
        assert_eq!(fleet(1, 1, 1, 1), Tone::Failing);
        assert_eq!(fleet(0, 1, 1, 1), Tone::Warned);
        assert_eq!(fleet(0, 0, 1, 1), Tone::Working);
        assert_eq!(fleet(0, 0, 1, 0), Tone::Pending);
    }
}
