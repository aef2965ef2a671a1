//! A token's life: how old it is, when the next one is asked for, when it runs out.

use maud::{Markup, html};

use crate::telemetry::status::{TargetSummary, Timestamp, TokenStatus};

use super::words::span;

/// Of the bar, in units of its drawing.
const WIDTH: f64 = 100.0;
const HEIGHT: f64 = 6.0;

/// The bar, with the same in words beneath.
pub(super) fn life(target: &TargetSummary, now: Timestamp) -> Markup {
    let Some(token) = &target.token else {
        return html! { p .life { span .none { "No token is held." } } };
    };
    html! {
        div .life {
            (bar(token, target.next_token_request, now))
            p { (words(token)) }
        }
    }
}

fn bar(token: &TokenStatus, next: Option<Timestamp>, now: Timestamp) -> Markup {
    let lifetime = token.issued.until(token.expires).0.max(0.001);
    let at = |moment: Timestamp| round((token.issued.until(moment).0 / lifetime).clamp(0.0, 1.0) * WIDTH);
    let (age, latest, next) = (at(now), at(token.refresh), next.map(at));
    let class = if token.expires_in_seconds.0 <= 0.0 {
        "bar expired"
    } else if now >= token.refresh {
        "bar late"
    } else {
        "bar"
    };
    html! {
        svg class=(class) viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" role="img" {
            title { (in_words(token)) }
            rect class="margin" x=(latest) y="0" width=(round(WIDTH - latest)) height=(HEIGHT) {}
            rect class="age" x="0" y="0" width=(age) height=(HEIGHT) {}
            @if let Some(next) = next { path class="next" d={ "M" (next) " 0V" (HEIGHT) } {} }
        }
    }
}

/// What the bar shows.
fn in_words(token: &TokenStatus) -> String {
    let (age, lifetime) = (span(token.age_seconds), span(token.lifetime_seconds));
    if token.expires_in_seconds.0 <= 0.0 {
        return format!("Token: it lived for {lifetime} and expired {} ago.", span(token.expires_in_seconds));
    }
    let margin = span(token.refresh.until(token.expires));
    format!("Token: {age} of {lifetime} have passed. The next one is due {margin} before it expires, if not sooner.")
}

fn words(token: &TokenStatus) -> Markup {
    html! {
        @if token.expires_in_seconds.0 > 0.0 {
            b { (span(token.expires_in_seconds)) } " left, " (span(token.age_seconds)) " old"
        } @else {
            b { "expired " (span(token.expires_in_seconds)) " ago" }
        }
    }
}

fn round(units: f64) -> f64 {
    (units * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::status::Seconds;

    const ISSUED: i64 = 1_763_950_000_000;

    fn drawn(seconds: i64) -> String {
        let at = |seconds: i64| Timestamp::from_unix_millis(ISSUED + seconds * 1000);
        let token = TokenStatus {
            issued: at(0),
            expires: at(200),
            lifetime_seconds: Seconds(200.0),
            age_seconds: Seconds(seconds as f64),
            expires_in_seconds: Seconds(200.0 - seconds as f64),
            refresh: at(150),
            expires_in_missing: false,
            scopes_missing: 0,
        };
        bar(&token, Some(at(100)), at(seconds)).into_string()
    }

    #[test]
    fn bar_is_as_long_as_the_token_is_old() {
        assert!(drawn(50).contains("class=\"age\" x=\"0\" y=\"0\" width=\"25\""), "{}", drawn(50));
        assert!(drawn(500).contains("width=\"100\""), "{}", drawn(500));
    }

    #[test]
    fn next_request_is_marked_and_so_is_the_margin_before_the_end() {
        assert!(drawn(50).contains("d=\"M50 0V6\""), "{}", drawn(50));
        assert!(drawn(50).contains("class=\"margin\" x=\"75\" y=\"0\" width=\"25\""), "{}", drawn(50));
    }

    #[test]
    fn bar_says_that_the_refresh_is_late_and_that_the_token_is_dead() {
        assert!(drawn(149).contains("class=\"bar\""));
        assert!(drawn(150).contains("class=\"bar late\""));
        assert!(drawn(200).contains("class=\"bar expired\""));
        assert!(drawn(260).replace('\u{a0}', " ").contains("it lived for 3 min 20 s and expired 1 min ago."));
    }
}
