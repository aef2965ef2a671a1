//! "Did you mean …?": the known word nearest to one that is not known.

/// The known word that was probably meant.
pub(crate) fn nearest<'w>(word: &str, known: &[&'w str]) -> Option<&'w str> {
    // Distance is quadratic in length, and nothing that long is near to any word here.
    if word.len() > 64 {
        return None;
    }
    let word = normal(word);
    let tolerated = (word.chars().count() / 3).clamp(1, 3);
    known
        .iter()
        .map(|&candidate| (distance(&word, &normal(candidate)), candidate))
        .filter(|&(distance, candidate)| distance <= tolerated || is_tail(&word, candidate))
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// Letter case and the kind of dash are slips that count for nothing.
fn normal(word: &str) -> String {
    word.to_ascii_lowercase().replace('-', "_")
}

/// `secret` for `client_secret`.
fn is_tail(word: &str, candidate: &str) -> bool {
    candidate.strip_suffix(word).is_some_and(|head| head.ends_with('_'))
}

/// How many characters must be put in, left out, replaced or swapped with their neighbour.
fn distance(one: &str, other: &str) -> usize {
    let one: Vec<char> = one.chars().collect();
    let other: Vec<char> = other.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=other.len()).collect();
    for (row, &left) in one.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, &right) in other.iter().enumerate() {
            let replaced = above[column] + usize::from(left != right);
            let mut least = replaced.min(above[column + 1] + 1).min(current[column] + 1);
            if row > 0 && column > 0 && left == other[column - 1] && one[row - 1] == right {
                least = least.min(before[column - 1] + 1);
            }
            current.push(least);
        }
        before = std::mem::replace(&mut above, current);
    }
    above[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_single_slips() {
        for (one, other, expected) in [
            ("", "", 0),
            ("ab", "", 2),
            ("timeout", "timout", 1),
            ("ab", "ba", 1),
            ("interval", "intreval", 1),
            ("abc", "xyz", 3),
        ] {
            assert_eq!(distance(one, other), expected, "{one} {other}");
        }
    }

    #[test]
    fn nearest_word_is_found_and_far_ones_are_not() {
        let known = ["client_id", "client_secret", "client_secret_file", "interval", "tls"];
        assert_eq!(nearest("client-id", &known), Some("client_id"));
        assert_eq!(nearest("ClientId", &known), Some("client_id"));
        assert_eq!(nearest("secret", &known), Some("client_secret"));
        assert_eq!(nearest("secret_file", &known), Some("client_secret_file"));
        assert_eq!(nearest("tsl", &known), Some("tls"));
        assert_eq!(nearest("password", &known), None);
        assert_eq!(nearest("x_frame_option", &["X-Frame-Options"]), Some("X-Frame-Options"));
    }
}
