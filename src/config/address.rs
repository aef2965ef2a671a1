//! Addresses: the servers' URLs, the endpoints on them, the proxy.

use percent_encoding::percent_decode_str;
use url::{Host, Url};

use crate::model::secret::Secret;
use crate::model::target::ProxyUrl;

/// The base URL of a server.
///
/// # Errors
/// What is wrong, and what to write instead.
pub(super) fn server(text: &str) -> Result<Url, &'static str> {
    let url = http_url(text)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("has a user or password; give credentials by `client_id` and `client_secret_file` only");
    }
    if url.query().is_some() {
        return Err("has a query; write the part before `?`, the rest belongs to `token.path` or `ping.path`");
    }
    if url.fragment().is_some() {
        return Err("has a fragment; write the part before `#`");
    }
    Ok(url)
}

/// A name that a server's certificate can bear: of the DNS, or an address.
///
/// # Errors
/// What is wrong, and what to write instead.
pub(super) fn server_name(text: &str) -> Result<Host<String>, &'static str> {
    const WANTED: &str = "is neither a host name nor an IP address; write such as `api.example.com`";
    if text.contains('/') {
        return Err("is not a name alone; write the host without scheme and path, such as `api.example.com`");
    }
    if let Ok(address) = text.parse() {
        return Ok(Host::Ipv6(address));
    }
    let is_label = |label: &str| {
        let characters = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        (1..=63).contains(&label.len()) && characters && !label.starts_with('-') && !label.ends_with('-')
    };
    match Host::parse(text) {
        Ok(Host::Domain(name)) if name.len() > 253 || !name.split('.').all(is_label) => Err(WANTED),
        Ok(host) => Ok(host),
        Err(_) => Err(WANTED),
    }
}

/// The URL of a proxy, its credentials taken out.
///
/// # Errors
/// What is wrong, and what to write instead.
pub(super) fn proxy(text: &str) -> Result<ProxyUrl, &'static str> {
    let mut address = http_url(text)?;
    if address.path() != "/" || address.query().is_some() || address.fragment().is_some() {
        return Err("has more than scheme, credentials, host and port; write such as `http://proxy.example.com:3128`");
    }
    let decode = |text: &str| {
        let decoded = percent_decode_str(text).decode_utf8().map_err(|_| "has credentials that are not UTF-8")?;
        Ok::<_, &'static str>(decoded.into_owned())
    };
    let user = decode(address.username())?;
    let password = decode(address.password().unwrap_or_default())?;
    let credentials = (!user.is_empty() || !password.is_empty()).then(|| (Secret::new(user), Secret::new(password)));
    // Neither fails on a URL with a host.
    let cleared = address.set_username("").and_then(|()| address.set_password(None));
    cleared.map(|()| ProxyUrl { address, credentials }).map_err(|()| "cannot be a proxy's URL")
}

fn http_url(text: &str) -> Result<Url, &'static str> {
    const WANTED: &str = "is not a URL; write such as `https://auth.example.com`";
    let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    // The parser drops line ends, trims, and reads `https:host`: more than anyone meant to write.
    if text.chars().any(|character| character.is_control() || character.is_whitespace() || character == '\\') {
        return Err("has spaces, backslashes or control characters; write such as `https://auth.example.com`");
    }
    match scheme.as_deref() {
        Some("http" | "https") => {}
        Some(_) => return Err("has a scheme that is not HTTP; write `https://` and the host"),
        None => return Err("has no scheme; begin with `https://`"),
    }
    Url::parse(text).ok().filter(Url::has_host).ok_or(WANTED)
}

/// The path of an endpoint: what is appended to the server's URL, a query included.
///
/// # Errors
/// What is wrong, and what to write instead.
pub(super) fn path(text: &str) -> Result<String, &'static str> {
    if text.contains('#') {
        return Err("has a fragment; write the part before `#`");
    }
    if text.chars().any(|character| character.is_control() || character.is_whitespace()) {
        return Err("has spaces or control characters; write them percent-encoded");
    }
    if !text.starts_with('/') && !text.is_empty() {
        return Err("does not begin with `/`; write the path on the server, such as `/oauth/token`");
    }
    Ok(text.to_owned())
}

/// `path` appended to the server's URL, whose own path counts as a base, with or without a slash at its end.
pub(super) fn endpoint(server: &Url, path: &str) -> Url {
    let mut endpoint = server.clone();
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    if !path.is_empty() {
        let base = server.path().trim_end_matches('/');
        endpoint.set_path(&format!("{base}{path}"));
    }
    endpoint.set_query(query);
    endpoint
}

/// Whether the endpoint's path was written into the server's URL already.
pub(super) fn repeats(server: &Url, path: &str) -> bool {
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    path.len() > 1 && server.path().trim_end_matches('/').ends_with(path.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(base: &str, appended: &str) -> String {
        endpoint(&server(base).expect("a server's URL"), &path(appended).expect("a path")).to_string()
    }

    #[test]
    fn path_is_appended_to_the_base_path() {
        assert_eq!(joined("https://a.example", "/oauth/token"), "https://a.example/oauth/token");
        assert_eq!(joined("https://a.example/", "/oauth/token"), "https://a.example/oauth/token");
        assert_eq!(joined("https://a.example:8443/t/1/", "/token"), "https://a.example:8443/t/1/token");
        assert_eq!(joined("https://a.example/t/1", "/token?a=b%20c"), "https://a.example/t/1/token?a=b%20c");
        assert_eq!(joined("https://a.example/t/1/", ""), "https://a.example/t/1/");
    }

    #[test]
    fn another_host_cannot_be_reached_by_a_path() {
        assert_eq!(joined("https://a.example", "//evil.example/x"), "https://a.example//evil.example/x");
        assert!(path("https://evil.example").is_err());
        assert!(path("@evil.example").is_err());
    }

    #[test]
    fn credentials_of_a_proxy_are_decoded_and_taken_out() {
        let parsed = proxy("http://us%40er:pa%3Ass@proxy.example:3128").expect("a proxy");
        let secret = |text: &str| Secret::new(text.to_owned());
        assert_eq!(parsed.address.as_str(), "http://proxy.example:3128/");
        assert_eq!(parsed.credentials, Some((secret("us@er"), secret("pa:ss"))));
        assert_eq!(format!("{:?}", parsed.credentials), "Some(([redacted], [redacted]))");
        assert_eq!(proxy("https://proxy.example").expect("a proxy").credentials, None);
        assert!(proxy("socks5://proxy.example").is_err());
        assert!(proxy("http://proxy.example/path").is_err());
        assert!(proxy("http://%ff:x@proxy.example").is_err());
    }
}
