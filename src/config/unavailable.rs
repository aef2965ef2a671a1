//! Keys that are part of the configuration's language but that this version cannot honour yet.
//!
//! Accepting them would be a promise that nobody keeps; refusing them as unknown would send the reader hunting for a
//! typing error.

use super::fields::Fields;

const NOT_YET: &str = "is not available in this version; remove it";

/// Keys below `tls`.
pub(super) fn refuse_in_tls(fields: &mut Fields<'_>) {
    refuse(fields, "server_name");
}

type Setting = super::setting::Setting<()>;

fn refuse(fields: &mut Fields<'_>, key: &'static str) {
    let _: Setting = fields.take(key, |mut spot| spot.refuse(NOT_YET));
}
