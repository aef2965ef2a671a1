//! What the client proves itself with: its secret, or what signs for it. Read anew before every token request.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crate::files::read_regular;
use crate::model::assertion::{Assertion, AssertionKey};
use crate::model::secret::{Fingerprint, Secret};
use crate::model::target::{BasicEncoding, ClientAuthentication, SecretSource};

use super::file_reads::{FileReads, fingerprint};
use super::secrets::{self, LONGEST_SECRET, SecretReader, Unavailable};
use super::signer::{KeyProblem, Signer};

/// What a token request is authenticated with, as it is now.
pub(super) struct Credential<'r> {
    pub(super) proof: Proof<'r>,
    /// Of the content that it was made of.
    pub(super) fingerprint: Fingerprint,
}

pub(super) enum Proof<'r> {
    Basic { secret: Secret, encoding: BasicEncoding },
    Post { secret: Secret },
    Assertion { signer: Arc<Signer>, settings: &'r Assertion },
}

/// The file of a private key is there, but its content cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: cannot be used to sign with: {problem}", path.display())]
pub struct KeyError {
    path: PathBuf,
    problem: KeyProblem,
}

/// Reads the credential of one target.
#[derive(Debug)]
pub(super) struct CredentialReader {
    secret: SecretReader,
    method: Method,
}

#[derive(Debug)]
enum Method {
    Basic(BasicEncoding),
    Post,
    Assertion(Signers),
}

/// Makes signers of what is read.
#[derive(Debug)]
struct Signers {
    settings: Assertion,
    /// The last one: a key is parsed, which can take milliseconds, only when its file has changed.
    last: Mutex<Option<(Fingerprint, Arc<Signer>)>>,
}

impl CredentialReader {
    /// `None` where the method needs none. A file that cannot be read may be there later.
    ///
    /// # Errors
    /// When there is a key file, but no key in it that can be used.
    pub(super) fn new(authentication: &ClientAuthentication, reads: FileReads) -> Result<Option<Self>, KeyError> {
        let (source, method) = match authentication {
            ClientAuthentication::Basic { secret, encoding } => (secret.clone(), Method::Basic(*encoding)),
            ClientAuthentication::Post { secret } => (secret.clone(), Method::Post),
            ClientAuthentication::Assertion(settings) => {
                (source(&settings.key), Method::Assertion(Signers::new(settings.clone())?))
            }
            ClientAuthentication::Tls => return Ok(None),
        };
        Ok(Some(Self { secret: SecretReader::new(source, reads), method }))
    }

    /// The credential as it is now. It may be dropped at any time.
    pub(super) async fn read(&self) -> Result<Credential<'_>, Unavailable> {
        let secret = self.secret.read().await?;
        let fingerprint = fingerprint(&secret);
        let proof = match &self.method {
            Method::Basic(encoding) => Proof::Basic { secret, encoding: *encoding },
            Method::Post => Proof::Post { secret },
            Method::Assertion(signers) => {
                let signer = signers.signer(&secret, fingerprint).map_err(|_of_no_use| Unavailable)?;
                Proof::Assertion { signer, settings: &signers.settings }
            }
        };
        Ok(Credential { proof, fingerprint })
    }
}

impl Signers {
    /// Ready to sign, if there is a file by now.
    fn new(settings: Assertion) -> Result<Self, KeyError> {
        let signers = Self { settings, last: Mutex::default() };
        if let AssertionKey::PrivateKey { file, .. } = &signers.settings.key
            && let Ok(content) = read_regular(file, LONGEST_SECRET)
        {
            secrets::text_of(&content)
                .ok_or(KeyProblem::NoText)
                .and_then(|pem| signers.signer(&pem, fingerprint(&pem)))
                .map_err(|problem| KeyError { path: file.clone(), problem })?;
        }
        Ok(signers)
    }

    fn signer(&self, content: &Secret, fingerprint: Fingerprint) -> Result<Arc<Signer>, KeyProblem> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, signer)) = last.as_ref().filter(|(made_of, _)| *made_of == fingerprint) {
            return Ok(Arc::clone(signer));
        }
        let signer = Arc::new(match &self.settings.key {
            AssertionKey::Secret { algorithm, .. } => Signer::of_secret(content, *algorithm),
            AssertionKey::PrivateKey { algorithm, .. } => Signer::of_private_key(content, *algorithm)?,
        });
        *last = Some((fingerprint, Arc::clone(&signer)));
        Ok(signer)
    }
}

fn source(key: &AssertionKey) -> SecretSource {
    match key {
        AssertionKey::Secret { secret, .. } => secret.clone(),
        AssertionKey::PrivateKey { file, .. } => SecretSource::File(file.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pem() -> Secret {
        Secret::new(rcgen::KeyPair::generate().expect("a key").serialize_pem())
    }

    #[test]
    fn key_is_parsed_again_only_when_its_file_has_changed() {
        let key = AssertionKey::PrivateKey { file: "/nonexistent/key".into(), algorithm: None };
        let settings = Assertion { key, key_id: None, audience: "https://auth.example".to_owned() };
        let signers = Signers::new(settings).expect("a file that may appear later");
        let signer = |pem: &Secret| signers.signer(pem, fingerprint(pem));
        let (one, other) = (pem(), pem());
        let first = signer(&one).expect("a signer");
        assert!(Arc::ptr_eq(&first, &signer(&one).expect("the same")));
        assert_eq!(signer(&Secret::new("x".to_owned())).err(), Some(KeyProblem::Pem("there is none in it")));
        assert!(Arc::ptr_eq(&first, &signer(&one).expect("the same")));
        assert!(!Arc::ptr_eq(&first, &signer(&other).expect("another")));
    }
}
