//! Keys that are part of the configuration's language but that this version cannot honour yet.
//!
//! Accepting them would be a promise that nobody keeps; refusing them as unknown would send the reader hunting for a
//! typing error.

use super::fields::Fields;
use super::yaml::Content;

const NOT_YET: &str = "is not available in this version; remove it";

/// Keys beside `token` and `ping`.
pub(super) fn refuse_in_target(fields: &mut Fields<'_>) {
    let _: Setting = fields.take("checks", |mut spot| match &spot.node.content {
        Content::List(items) if items.is_empty() => None,
        _ => spot.refuse(NOT_YET),
    });
    for key in ["checks_every", "api_key_file", "api_key", "api_key_env"] {
        refuse(fields, key);
    }
}

type Setting = super::setting::Setting<()>;

fn refuse(fields: &mut Fields<'_>, key: &'static str) {
    let _: Setting = fields.take(key, |mut spot| spot.refuse(NOT_YET));
}
