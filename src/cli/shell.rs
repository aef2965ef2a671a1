//! How a word is written so that a shell reads it as it is.

use std::borrow::Cow;

/// `word`, in quotes if any character of it means something to a shell.
pub(super) fn quoted(word: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@%+,".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        return Cow::Borrowed(word);
    }
    // Within single quotes nothing has a meaning, and nothing can stand for their end.
    Cow::Owned(format!("'{}'", word.replace('\'', r"'\''")))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn plain_words_stay_as_they_are() {
        for word in ["production", "eu-west/shop_1", "a.b:c@d"] {
            assert_eq!(quoted(word), word);
        }
        assert_eq!(quoted("shop 58/a"), "'shop 58/a'");
    }

    #[test]
    fn shell_reads_back_what_was_written() {
        for word in
            ["", "shop 58/a", "it's", "$HOME", "`id`", "a\\b", "\"", "*", "~", "#a", "zürich", "a;b&c|d", "a\nb"]
        {
            let script = format!("printf %s {}", quoted(word));
            let output = Command::new("/bin/sh").args(["-c", &script]).output().expect("a shell");
            assert_eq!(String::from_utf8_lossy(&output.stdout), word, "{script}");
        }
    }
}
