//! The paths under which things are served, and what else the command line says of serving.

use super::external_url::ExternalUrl;
use super::scrape_timeout::TimeoutOffset;

/// Paths that are or will be served beside the metrics.
const TAKEN: [&str; 6] = ["/assets", "/config", "/probe", "/sd", "/targets", "/-"];

/// The same for whole trees of paths.
const TAKEN_TREES: [&str; 4] = ["/-/", "/api/", "/assets/", "/targets/"];

/// Under which paths things are served, and where others find them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebSettings {
    /// Empty, or begins but does not end with a slash.
    route_prefix: String,
    /// Begins with a slash.
    telemetry_path: String,
    external_url: Option<ExternalUrl>,
    timeout_offset: TimeoutOffset,
}

/// One of the paths on the command line cannot be served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSettings {
    /// The beginning of all of them.
    #[error("--web.route-prefix: {0}")]
    RoutePrefix(InvalidPath),
    /// That of the metrics.
    #[error("--web.telemetry-path: {0}")]
    TelemetryPath(InvalidPath),
}

/// A path that cannot be served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPath {
    /// It does not begin with a slash.
    #[error("{0:?} does not begin with /")]
    Relative(String),
    /// It has characters that would have to be encoded, or empty or dotted segments.
    #[error("{0:?} is no plain path; use letters, digits and - . _ ~ between single slashes")]
    NotPlain(String),
    /// Something else is served there.
    #[error("{0:?} is taken by another endpoint; /metrics is usual")]
    Taken(String),
}

impl WebSettings {
    /// Everything under `route_prefix` (`/`: no prefix), the metrics under `telemetry_path` there.
    ///
    /// # Errors
    /// When one of them is no path that can be served.
    pub fn new(route_prefix: &str, telemetry_path: &str) -> Result<Self, InvalidSettings> {
        let route_prefix = route_prefix.trim_end_matches('/');
        if !route_prefix.is_empty() {
            check(route_prefix).map_err(InvalidSettings::RoutePrefix)?;
        }
        check(telemetry_path).and_then(|()| is_free(telemetry_path)).map_err(InvalidSettings::TelemetryPath)?;
        let (route_prefix, telemetry_path) = (route_prefix.to_owned(), telemetry_path.to_owned());
        Ok(Self { route_prefix, telemetry_path, ..Self::default() })
    }

    /// Others reach it under this URL, whatever a request says.
    #[must_use]
    pub fn with_external_url(self, url: Option<ExternalUrl>) -> Self {
        Self { external_url: url, ..self }
    }

    /// Answers that wait for a cycle come so much before the scraper gives up.
    #[must_use]
    pub fn with_timeout_offset(self, timeout_offset: TimeoutOffset) -> Self {
        Self { timeout_offset, ..self }
    }

    /// Where `path`, which begins with a slash, is served.
    #[must_use]
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.route_prefix)
    }

    pub(super) fn route_prefix(&self) -> &str {
        &self.route_prefix
    }

    /// The whole path of the metrics.
    #[must_use]
    pub fn metrics_path(&self) -> String {
        self.at(&self.telemetry_path)
    }

    /// The whole path of the status page, unless the metrics have taken its place.
    #[must_use]
    pub fn page_path(&self) -> Option<String> {
        (self.telemetry_path != "/").then(|| self.at("/"))
    }

    pub(super) fn telemetry_path(&self) -> &str {
        &self.telemetry_path
    }

    pub(super) const fn external_url(&self) -> Option<&ExternalUrl> {
        self.external_url.as_ref()
    }

    /// Where others find what is served at `path`: a proxy in between may take a prefix off.
    pub(super) fn outer_path(&self, path: &str) -> String {
        let prefix = self.external_url.as_ref().map_or(&*self.route_prefix, ExternalUrl::path);
        format!("{prefix}{path}")
    }

    pub(super) const fn timeout_offset(&self) -> TimeoutOffset {
        self.timeout_offset
    }
}

impl Default for WebSettings {
    fn default() -> Self {
        Self {
            route_prefix: String::new(),
            telemetry_path: "/metrics".to_owned(),
            external_url: None,
            timeout_offset: TimeoutOffset::default(),
        }
    }
}

/// Whether `path` can be served, or can be the beginning of what is.
pub(super) fn check(path: &str) -> Result<(), InvalidPath> {
    let Some(inside) = path.strip_prefix('/') else { return Err(InvalidPath::Relative(path.to_owned())) };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let is_segment = |text: &str| !["", ".", ".."].contains(&text) && text.bytes().all(is_plain);
    if inside.is_empty() || inside.strip_suffix('/').unwrap_or(inside).split('/').all(is_segment) {
        Ok(())
    } else {
        Err(InvalidPath::NotPlain(path.to_owned()))
    }
}

/// Whether nothing else is served at `path`.
fn is_free(path: &str) -> Result<(), InvalidPath> {
    if TAKEN.contains(&path) || TAKEN_TREES.iter().any(|tree| path.starts_with(tree)) {
        return Err(InvalidPath::Taken(path.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefix_loses_its_trailing_slash() {
        for (prefix, metrics) in [("/", "/metrics"), ("", "/metrics"), ("/a/b", "/a/b/metrics"), ("/a/", "/a/metrics")]
        {
            let settings = WebSettings::new(prefix, "/metrics").expect(prefix);
            assert_eq!(settings.at(settings.telemetry_path()), metrics);
        }
    }

    #[test]
    fn paths_that_cannot_be_served_are_refused() {
        let refused = |path: &str| match WebSettings::new("/", path).expect_err(path) {
            InvalidSettings::TelemetryPath(problem) => problem,
            InvalidSettings::RoutePrefix(problem) => panic!("{problem}"),
        };
        for path in ["metrics", ""] {
            assert_eq!(refused(path), InvalidPath::Relative(path.to_owned()));
        }
        for path in ["//", "/a//b", "/{a}", "/a b", "/a?b", "/ä", "/../a", "/*a", "/%41"] {
            assert_eq!(refused(path), InvalidPath::NotPlain(path.to_owned()));
        }
        for path in ["/-/healthy", "/api/v1/targets", "/probe", "/sd", "/config", "/targets", "/assets/x"] {
            assert_eq!(refused(path), InvalidPath::Taken(path.to_owned()));
        }
        let problem = WebSettings::new("a", "/metrics").expect_err("no path").to_string();
        assert_eq!(problem, "--web.route-prefix: \"a\" does not begin with /");
    }
}
