//! Hashes of passwords as `htpasswd -B` writes them, and what is none of them.

use super::secret::Secret;

/// A hash by bcrypt: `$2y$10$`, 22 characters of salt, 31 of the hash proper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordHash {
    text: Secret,
    cost: u32,
}

/// This is no hash that a password can be checked against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHash {
    /// It has not the form of one, as when it is the password itself.
    #[error("is no bcrypt hash; make one with `htpasswd -nBC 10 NAME`")]
    Form,
    /// It was made by a program with a known defect.
    #[error("begins with `$2x$`, which marks hashes of a defective program; make one with `htpasswd -nBC 10 NAME`")]
    Defective,
    /// It costs nearly nothing to try passwords, or is not defined.
    #[error("has a cost below 4; make one with `htpasswd -nBC 10 NAME`")]
    TooCheap,
    /// Every wrong password would take seconds of the machine's time.
    #[error(
        "has a cost above 14, so that each wrong password would take seconds; make one with `htpasswd -nBC 10 NAME`"
    )]
    TooDear,
}

impl PasswordHash {
    /// The largest cost that is taken: a second for each wrong password, on the machines of 2026.
    pub const HIGHEST_COST: u32 = 14;

    /// Takes `$2a$`, `$2b$` and `$2y$`, which differ in nothing that passwords by HTTP could show.
    ///
    /// # Errors
    /// When it is no such hash.
    pub fn parse(text: &str) -> Result<Self, InvalidHash> {
        let (version, rest) = text.split_at_checked(4).ok_or(InvalidHash::Form)?;
        let (cost, rest) = rest.split_once('$').ok_or(InvalidHash::Form)?;
        let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"./".contains(&byte);
        let two_digits = cost.len() == 2 && cost.bytes().all(|byte| byte.is_ascii_digit());
        if !two_digits || rest.len() != 53 || !rest.bytes().all(is_base64) || !has_no_spare_bits(rest) {
            return Err(InvalidHash::Form);
        }
        match version {
            "$2a$" | "$2b$" | "$2y$" => {}
            "$2x$" => return Err(InvalidHash::Defective),
            _ => return Err(InvalidHash::Form),
        }
        let cost: u32 = cost.parse().map_err(|_no_number| InvalidHash::Form)?;
        match cost {
            0..4 => Err(InvalidHash::TooCheap),
            4..=Self::HIGHEST_COST => Ok(Self { text: Secret::new(text.to_owned()), cost }),
            _ => Err(InvalidHash::TooDear),
        }
    }

    /// The whole of it.
    #[must_use]
    pub const fn text(&self) -> &Secret {
        &self.text
    }

    /// To try a password takes 2 to the power of this rounds.
    #[must_use]
    pub const fn cost(&self) -> u32 {
        self.cost
    }
}

/// Salt and hash are 16 and 23 bytes in groups of six bits: the last character of each has bits that stand for nothing.
/// They are 0 in every hash that was not mistyped, and bcrypt's implementations refuse others.
fn has_no_spare_bits(salt_and_hash: &str) -> bool {
    const ALPHABET: &[u8; 64] = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let value = |at: usize| ALPHABET.iter().position(|&byte| byte == salt_and_hash.as_bytes()[at]);
    value(21).is_some_and(|bits| bits % 16 == 0) && value(52).is_some_and(|bits| bits % 4 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG";

    #[test]
    fn hashes_of_the_usual_programs_are_taken() {
        for version in ["$2a$", "$2b$", "$2y$"] {
            let text = GOOD.replace("$2y$", version);
            let hash = PasswordHash::parse(&text).expect(version);
            assert_eq!((hash.cost(), hash.text().expose()), (10, &*text));
        }
    }

    #[test]
    fn other_texts_are_refused_and_the_reason_said() {
        let with_cost = |cost: &str| GOOD.replace("$10$", &format!("${cost}$"));
        let table = [
            (GOOD.replace("$2y$", "$2x$"), InvalidHash::Defective),
            (GOOD.replace("$2y$", "$2z$"), InvalidHash::Form),
            (with_cost("03"), InvalidHash::TooCheap),
            (with_cost("15"), InvalidHash::TooDear),
            (with_cost("31"), InvalidHash::TooDear),
            (with_cost("9"), InvalidHash::Form),
            (with_cost("+9"), InvalidHash::Form),
            (GOOD[..59].to_owned(), InvalidHash::Form),
            (format!("{GOOD}G"), InvalidHash::Form),
            (GOOD.replace('F', "-"), InvalidHash::Form),
            (GOOD.replace('F', "ü"), InvalidHash::Form),
            (GOOD.replace("zoubF", "zovbF"), InvalidHash::Form),
            (String::new(), InvalidHash::Form),
            ("hunter2".to_owned(), InvalidHash::Form),
            ("$apr1$x$y".to_owned(), InvalidHash::Form),
        ];
        for (text, problem) in table {
            assert_eq!(PasswordHash::parse(&text), Err(problem), "{text}");
        }
    }
}
