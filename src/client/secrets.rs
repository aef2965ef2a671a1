//! Reading secrets: anew before every token request, as files are swapped while we run.

use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read};
use std::path::Path;
use std::sync::OnceLock;

use zeroize::Zeroizing;

use crate::model::secret::{Fingerprint, Secret};
use crate::model::target::SecretSource;

/// No secret is longer; a file that is longer is the wrong file.
const LONGEST_SECRET: u64 = 64 * 1024;

/// The secret cannot be read, is empty, or is no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unavailable;

/// The secret as it is now.
pub(super) async fn read(source: &SecretSource) -> Result<Secret, Unavailable> {
    match source {
        SecretSource::Inline(secret) => Ok(secret.clone()),
        SecretSource::File(path) => {
            let path = path.clone();
            tokio::task::spawn_blocking(move || read_file(&path)).await.map_err(|_panicked| Unavailable)?
        }
    }
}

/// Tells contents apart; worth nothing outside this process.
pub(super) fn fingerprint(secret: &Secret) -> Fingerprint {
    static KEYS: OnceLock<RandomState> = OnceLock::new();
    Fingerprint(KEYS.get_or_init(RandomState::new).hash_one(secret.expose()))
}

fn read_file(path: &Path) -> Result<Secret, Unavailable> {
    let mut content = Zeroizing::new(Vec::new());
    let read: io::Result<usize> =
        std::fs::File::open(path).and_then(|file| file.take(LONGEST_SECRET + 1).read_to_end(&mut content));
    let too_long = content.len() as u64 > LONGEST_SECRET;
    if read.is_err() || too_long {
        return Err(Unavailable);
    }
    let text = std::str::from_utf8(&content).map_err(|_no_text| Unavailable)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim_end_matches(['\r', '\n']);
    if text.is_empty() { Err(Unavailable) } else { Ok(Secret::new(text.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(content: &[u8]) -> Result<Secret, Unavailable> {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("secret");
        std::fs::write(&path, content).expect("a file");
        read_file(&path)
    }

    #[test]
    fn one_byte_order_mark_and_trailing_line_ends_are_stripped() {
        let secret = written("\u{feff} pä ss \r\n\n".as_bytes()).expect("a secret");
        assert_eq!(secret.expose(), " pä ss ");
    }

    #[test]
    fn what_is_no_secret_is_unavailable() {
        assert_eq!(written(b""), Err(Unavailable));
        assert_eq!(written(b"\r\n"), Err(Unavailable));
        assert_eq!(written(b"\xff\xfe"), Err(Unavailable));
        assert_eq!(written(&vec![b'x'; 70_000]), Err(Unavailable));
        assert_eq!(read_file(Path::new("/nonexistent/secret")), Err(Unavailable));
        assert_eq!(read_file(Path::new("/tmp")), Err(Unavailable));
    }

    #[test]
    fn fingerprints_tell_contents_apart() {
        let secret = |text: &str| fingerprint(&Secret::new(text.to_owned()));
        assert_eq!(secret("one"), secret("one"));
        assert_ne!(secret("one"), secret("two"));
    }
}
