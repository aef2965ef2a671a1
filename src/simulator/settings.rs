//! What a simulated server is told before it starts: its clients, how it issues tokens, how it reads credentials.

use std::time::Duration;

use serde_json::{Value, json};

/// Where tokens are issued.
pub const TOKEN_PATH: &str = "/oauth/token";
/// What a token is good for.
pub const PING_PATH: &str = "/api/v1/deliveryexperience/ping";

/// Both servers.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Who may ask for tokens; ids are distinct.
    pub clients: Vec<ClientSettings>,
    /// What HTTP Basic carries.
    pub basic: BasicDecoding,
    /// What a client with wrong credentials is told.
    pub unauthorized: UnauthorizedBody,
}

/// One client of the authorization server.
#[derive(Clone, Debug)]
pub struct ClientSettings {
    /// Its `client_id`.
    pub id: String,
    /// The secret that it must present.
    pub secret: String,
    /// What a repeated request brings.
    pub issuing: Issuing,
    /// How long its tokens are accepted; `Duration::MAX`: for ever.
    pub lifetime: Duration,
    /// How the answer states that.
    pub expires_in: ExpiresInStyle,
    /// What may be granted; all of it when the request names none.
    pub scopes: Vec<String>,
    /// Opens the API without OAuth: HTTP Basic, the key as user and no password.
    pub api_key: Option<String>,
}

impl ClientSettings {
    /// A client that gets a new token for an hour each time, with the scopes of the provider's guide.
    #[must_use]
    pub fn new(id: &str, secret: &str) -> Self {
        Self {
            id: id.to_owned(),
            secret: secret.to_owned(),
            issuing: Issuing::Fresh,
            lifetime: Duration::from_secs(3600),
            expires_in: ExpiresInStyle::Seconds,
            scopes: vec!["auth-service".to_owned(), "shiptime-service".to_owned()],
            api_key: None,
        }
    }
}

/// What a client that already has a live token gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Issuing {
    /// A new token each time.
    Fresh,
    /// The token it has, until that one expires, with `expires_in` shrinking to 0: legacy Spring Security OAuth.
    Legacy,
}

/// How `expires_in` is written; servers in the field do all of this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpiresInStyle {
    /// `3600`
    Seconds,
    /// `3600.0`
    Float,
    /// `"3600"`
    Text,
    /// `null`
    Null,
    /// Not at all.
    Missing,
}

impl ExpiresInStyle {
    /// The JSON for `remaining`, rounded down to whole seconds; `None` leaves the member out.
    pub(super) fn render(self, remaining: Duration) -> Option<Value> {
        let seconds = remaining.as_secs();
        match self {
            Self::Seconds => Some(json!(seconds)),
            Self::Float => Some(json!(seconds as f64)),
            Self::Text => Some(json!(seconds.to_string())),
            Self::Null => Some(Value::Null),
            Self::Missing => None,
        }
    }
}

/// What a server takes the two halves of HTTP Basic for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BasicDecoding {
    /// Form-encoded text (RFC 6749 §2.3.1).
    #[default]
    Form,
    /// The id and the secret themselves.
    Raw,
}

/// The body of a 401 at the token endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnauthorizedBody {
    /// Spring Boot's error page as JSON: `"error":"Unauthorized"`.
    #[default]
    Boot,
    /// `"error":"invalid_client"` (RFC 6749 §5.2).
    Rfc,
}
