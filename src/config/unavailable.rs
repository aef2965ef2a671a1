//! Keys and values that are part of the configuration's language but that this version cannot honour yet.
//!
//! Accepting them would be a promise that nobody keeps; refusing them as unknown would send the reader hunting for a
//! typing error.

use super::fields::{Fields, Spot};
use super::yaml::Content;

const NOT_YET: &str = "is not available in this version; remove it";

/// Methods of client authentication.
const AUTH: [&str; 2] = ["client_secret_jwt", "private_key_jwt"];

/// Keys below `token`.
pub(super) fn refuse_in_token(fields: &mut Fields<'_>) {
    refuse(fields, "jwt");
}

/// Keys below `tls`.
pub(super) fn refuse_in_tls(fields: &mut Fields<'_>) {
    refuse(fields, "server_name");
}

/// Whether the value of `token.auth` was refused.
pub(super) fn refuse_auth(spot: &mut Spot<'_>) -> bool {
    let is_unavailable = matches!(&spot.node.content, Content::Scalar(scalar) if AUTH.contains(&&*scalar.text));
    if is_unavailable {
        spot.refuse::<()>("is a method that is not available in this version; write `basic`, `post` or `tls`");
    }
    is_unavailable
}

type Setting = super::setting::Setting<()>;

fn refuse(fields: &mut Fields<'_>, key: &'static str) {
    let _: Setting = fields.take(key, |mut spot| spot.refuse(NOT_YET));
}
