//! A token's life: how old it is, when the next one is asked for, when it runs out.

use maud::{Markup, html};

use crate::telemetry::status::{Seconds, TargetSummary, Timestamp, TokenStatus};

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
            (bar(token, now))
            p { (words(target, token, now)) }
        }
    }
}

fn bar(token: &TokenStatus, now: Timestamp) -> Markup {
    let lifetime = token.issued.until(token.expires).0.max(0.001);
    let at = |moment: Timestamp| (token.issued.until(moment).0 / lifetime).clamp(0.0, 1.0) * WIDTH;
    let (age, refresh) = (at(now), at(token.refresh));
    let class = if token.expires_in_seconds.0 <= 0.0 {
        "bar expired"
    } else if now >= token.refresh {
        "bar late"
    } else {
        "bar"
    };
    let title = format!(
        "Token: {} of {} have passed; the next one is asked for {} before it expires",
        span(token.age_seconds),
        span(Seconds(lifetime)),
        span(token.refresh.until(token.expires)),
    );
    html! {
        svg class=(class) viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" role="img" {
            title { (title) }
            rect class="margin" x=(round(refresh)) y="0" width=(round(WIDTH - refresh)) height=(HEIGHT) {}
            rect class="age" x="0" y="0" width=(round(age)) height=(HEIGHT) {}
            path class="refresh" d={ "M" (round(refresh)) " 0V" (HEIGHT) } {}
        }
    }
}

fn words(target: &TargetSummary, token: &TokenStatus, now: Timestamp) -> Markup {
    let next = target.next_token_request.filter(|next| *next > now).map(|next| span(now.until(next)));
    html! {
        @if token.expires_in_seconds.0 > 0.0 {
            b { (span(token.expires_in_seconds)) } " left, " (span(token.age_seconds)) " old"
        } @else {
            b { "expired " (span(token.expires_in_seconds)) " ago" }
        }
        @if let Some(next) = next { "; next in " (next) }
    }
}

fn round(units: f64) -> f64 {
    (units * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

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
        bar(&token, at(seconds)).into_string()
    }

    #[test]
    fn bar_is_as_long_as_the_token_is_old() {
        assert!(drawn(50).contains("class=\"age\" x=\"0\" y=\"0\" width=\"25\""), "{}", drawn(50));
        assert!(drawn(500).contains("width=\"100\""), "{}", drawn(500));
    }

    #[test]
    fn refresh_point_stands_the_margin_before_the_end() {
        assert!(drawn(50).contains("M75 0V6"), "{}", drawn(50));
    }

    #[test]
    fn bar_says_that_the_refresh_is_late_and_that_the_token_is_dead() {
        assert!(drawn(149).contains("class=\"bar\""));
        assert!(drawn(150).contains("class=\"bar late\""));
        assert!(drawn(200).contains("class=\"bar expired\""));
    }
}
