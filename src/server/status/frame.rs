//! What all pages have around them: head, skip link, the exporter's own state, the way to the other endpoints.

use maud::{DOCTYPE, Markup, html};

use crate::model::seen::seen;
use crate::telemetry::status::{FleetStatus, LastLoad};

use super::assets;
use super::links::Place;
use super::tone::Tone;
use super::words::{distance, span, time};

const PRODUCT: &str = "oauth-probe";

/// One page.
pub(super) struct Page<'a> {
    pub(super) place: Place,
    /// Says in a browser's tab what there is to know.
    pub(super) title: &'a str,
    /// Of the tab's icon.
    pub(super) tone: Tone,
    pub(super) fleet: &'a FleetStatus,
    pub(super) content: Markup,
}

impl Page<'_> {
    /// With a link to the metrics, which are at this path below the root.
    pub(super) fn render(&self, metrics: &str) -> Markup {
        let Self { place, fleet, .. } = self;
        let asset = |stem| place.link(&assets::path(stem));
        let vantage = fleet.vantage.as_deref().map(|vantage| format!(" · {vantage}")).unwrap_or_default();
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (seen(self.title)) (seen(&vantage)) " · " (PRODUCT) }
                    link rel="icon" type="image/svg+xml" href=(asset(self.tone.as_str()));
                    link rel="stylesheet" href=(asset("style"));
                    script defer src=(asset("refresh")) {}
                }
                body {
                    a .skip href="#content" { "Skip to the content" }
                    header .top {
                        (self.top())
                    }
                    // Filled by the script when the exporter is silent.
                    p #silence role="alert" {}
                    main #content tabindex="-1" {
                        (self.reload_failure())
                        (self.content)
                    }
                    footer { (self.bottom(metrics)) }
                }
            }
        }
    }

    fn top(&self) -> Markup {
        let Self { place, fleet, .. } = self;
        html! {
            a .product href=(place.link("")) { (PRODUCT) }
            @if let Some(vantage) = &fleet.vantage {
                span .vantage { span .hidden { "Seen from " } (vantage) }
            }
            span .updated {
                span .when { "As of " } (time(fleet.now, fleet.now))
                " "
                button #pause type="button" hidden { "Pause" }
            }
        }
    }

    fn reload_failure(&self) -> Markup {
        let FleetStatus { last_reload, config_loaded, now, .. } = self.fleet;
        html! {
            @if *last_reload == LastLoad::Failed {
                section .notice.warned aria-labelledby="reload" {
                    h2 #reload { (Tone::Warned.icon()) "The configuration could not be loaded anew" }
                    p {
                        "The one that was loaded " (distance(*config_loaded, *now)) " is still in force. "
                        "Every mistake is in the log, and in the answer to " code { "POST /-/reload" } "; "
                        "mend the file and load it again."
                    }
                }
            }
        }
    }

    fn bottom(&self, metrics: &str) -> Markup {
        let Self { place, fleet, .. } = self;
        let FleetStatus { version, started, config_loaded, now, .. } = fleet;
        let links = [
            (metrics, "metrics"),
            ("api/v1/targets", "API"),
            ("config", "configuration"),
            ("sd", "service discovery"),
            ("-/healthy", "healthy"),
            ("-/ready", "ready"),
        ];
        html! {
            p {
                "oauth-probe-exporter " (version) ", running for " (span(started.until(*now)))
                ". Configuration loaded " (distance(*config_loaded, *now)) ", at " (time(*config_loaded, *now)) "."
            }
            nav aria-label="Other endpoints" {
                ul {
                    @for (path, name) in links {
                        li { a href=(place.link(path)) { (name) } }
                    }
                }
            }
        }
    }
}
