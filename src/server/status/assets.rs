//! What pages are made of beside their text: stylesheet, script and icons, under names that change with their content.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

use super::tone::Tone;

const STYLE: &str = include_str!("assets/style.css");
const SCRIPT: &str = include_str!("assets/refresh.js");

/// The name says which content it is, so that it may be kept for ever.
const FOR_EVER: &str = "max-age=31536000, immutable";

struct Asset {
    name: String,
    media_type: &'static str,
    content: &'static str,
}

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    let files = [
        ("style", "css", "text/css; charset=utf-8", STYLE),
        ("refresh", "js", "text/javascript; charset=utf-8", SCRIPT),
    ];
    let icons = Tone::ALL.map(|tone| (tone.as_str(), "svg", "image/svg+xml", tone.favicon()));
    let asset = |(stem, extension, media_type, content)| {
        let name = format!("{stem}-{:016x}.{extension}", hash(content));
        Asset { name, media_type, content }
    };
    files.into_iter().chain(icons).map(asset).collect()
});

/// Where the file with this stem is, below the root.
pub(super) fn path(stem: &str) -> String {
    let asset = ASSETS.iter().find(|asset| asset.name.split('-').next() == Some(stem));
    format!("assets/{}", asset.map_or("", |asset| &asset.name))
}

pub(super) async fn serve(Path(name): Path<String>) -> Response {
    match ASSETS.iter().find(|asset| asset.name == name) {
        Some(asset) => ([(CONTENT_TYPE, asset.media_type), (CACHE_CONTROL, FOR_EVER)], asset.content).into_response(),
        None => (StatusCode::NOT_FOUND, "404 page not found\n").into_response(),
    }
}

/// FNV-1a: tells one content from the next.
fn hash(content: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    content.bytes().fold(0xcbf2_9ce4_8422_2325, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_has_a_path_of_its_own() {
        let stems = ["style", "refresh"].into_iter().chain(Tone::ALL.map(Tone::as_str));
        let paths: std::collections::BTreeSet<_> = stems.map(path).collect();
        assert_eq!(paths.len(), ASSETS.len());
        assert!(paths.iter().all(|path| path.contains('-')), "{paths:?}");
    }

    #[test]
    fn another_content_has_another_hash() {
        assert_ne!(hash("a"), hash("b"));
        assert_ne!(hash("ab"), hash("ba"));
    }
}
