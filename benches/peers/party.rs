//! Who takes turns.

use crate::blackbox;
use crate::ours::{self, Manner, Scrapes};
use crate::stage::{Stage, Turn};

/// Someone who pings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Party {
    Bare,
    OursFresh,
    OursReuse,
    /// Fresh connections, and a scrape a second, so that every ping is shown to Prometheus as blackbox_exporter's are.
    OursScraped,
    OursTls,
    Blackbox,
    BlackboxTls,
    BlackboxOauth,
}

impl Party {
    pub(crate) const ALL: [Self; 8] = [
        Self::Bare,
        Self::OursFresh,
        Self::Blackbox,
        Self::OursTls,
        Self::BlackboxTls,
        Self::OursReuse,
        Self::BlackboxOauth,
        Self::OursScraped,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Bare => "bare system calls, HTTP",
            Self::OursFresh => "ours, HTTP",
            Self::OursReuse => "ours, HTTP, `reuse`",
            Self::OursScraped => "ours, HTTP, scraped every second",
            Self::OursTls => "ours, HTTPS",
            Self::Blackbox => "blackbox, HTTP",
            Self::BlackboxTls => "blackbox, HTTPS",
            Self::BlackboxOauth => "blackbox, HTTP, `oauth2`",
        }
    }

    pub(crate) async fn turn(self, stage: &Stage) -> Turn {
        let fresh = |port| Manner { port, connection: "fresh", scrapes: Scrapes::None };
        match self {
            Self::Bare => stage.bare.turn(stage).await,
            Self::OursFresh => ours::turn(stage, fresh(&stage.http)).await,
            Self::OursReuse => ours::turn(stage, Manner { connection: "reuse", ..fresh(&stage.http) }).await,
            Self::OursScraped => {
                ours::turn(stage, Manner { scrapes: Scrapes::EverySecond, ..fresh(&stage.http) }).await
            }
            Self::OursTls => ours::turn(stage, fresh(&stage.https)).await,
            Self::Blackbox => blackbox::turn(stage, &stage.http, "ping").await,
            Self::BlackboxTls => blackbox::turn(stage, &stage.https, "ping").await,
            Self::BlackboxOauth => blackbox::turn(stage, &stage.http, "oauth").await,
        }
    }
}
