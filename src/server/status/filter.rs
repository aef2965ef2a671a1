//! What the address of the list asks for, and the addresses of lists that differ from it.

use url::form_urlencoded;

use crate::telemetry::status::{Blamed, InvalidSelection, Selection, Standing};

use super::links::Place;

/// Targets on one page of the list.
pub(super) const PAGE_SIZE: usize = 50;

/// What is asked for, as it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Filter {
    /// What to search for.
    pub(super) text: String,
    /// Wanted labels, each `NAME=VALUE` if it is well written.
    pub(super) labels: Vec<String>,
    pub(super) standing: Option<Standing>,
    pub(super) blamed: Blamed,
    /// The first is 1.
    pub(super) page: usize,
}

impl Filter {
    /// Nothing is asked for.
    pub(super) const fn all() -> Self {
        Self {
            text: String::new(),
            labels: Vec::new(),
            standing: None,
            blamed: Blamed { request: None, reason: None, fault: None },
            page: 1,
        }
    }

    /// By the query of an address, and what it selects.
    pub(super) fn read(query: &str) -> (Self, Result<Selection, InvalidSelection>) {
        let pairs = || form_urlencoded::parse(query.as_bytes());
        // The API pages by other names.
        let of_api = pairs().map(|(key, _)| key).find(|key| ["offset", "limit"].contains(&&**key));
        let selection = match of_api {
            Some(key) => Err(InvalidSelection::Parameter { name: key.into_owned(), meant: Some("page") }),
            None => Selection::of_query(pairs().filter(|(key, _)| key != "page")),
        };
        let last = |wanted: &str| pairs().filter(|(key, _)| key == wanted).last().map(|(_, value)| value);
        let page = last("page").and_then(|page| page.parse().ok()).filter(|page| *page > 0).unwrap_or(1);
        let mut filter = Self {
            text: last("q").map(|text| text.trim().to_owned()).unwrap_or_default(),
            labels: pairs().filter(|(key, _)| key == "label").map(|(_, label)| label.trim().to_owned()).collect(),
            standing: selection.as_ref().ok().and_then(|selection| selection.standing),
            blamed: selection.as_ref().map(|selection| selection.blamed).unwrap_or_default(),
            page,
        };
        filter.labels.retain(|label| !label.is_empty());
        let offset = (page - 1).saturating_mul(PAGE_SIZE);
        (filter, selection.map(|selection| Selection { offset, limit: Some(PAGE_SIZE), ..selection }))
    }

    /// Whether targets are left out.
    pub(super) fn is_active(&self) -> bool {
        !self.text.is_empty() || !self.labels.is_empty() || self.standing.is_some() || self.blamed != Blamed::default()
    }

    /// Its address, seen from a page.
    pub(super) fn link(&self, place: Place) -> String {
        let page = self.page.to_string();
        let one =
            |key, value: Option<&str>| value.filter(|value| !value.is_empty()).map(|value| (key, value.to_owned()));
        let labels = self.labels.iter().map(|label| ("label", label.clone()));
        let parameters: Vec<(&str, String)> = one("q", Some(&self.text))
            .into_iter()
            .chain(labels)
            .chain(one("state", self.standing.map(Standing::as_str)))
            .chain(self.blamed.parts().map(|(key, value)| (key, value.to_owned())))
            .chain(one("page", (self.page > 1).then_some(&page)))
            .collect();
        place.list(parameters.iter().map(|(key, value)| (*key, value.as_str())))
    }

    /// The same of targets in another state.
    pub(super) fn standing(&self, standing: Option<Standing>) -> Self {
        Self { standing, page: 1, ..self.clone() }
    }

    /// The same of targets that fail for this.
    pub(super) fn blamed(&self, blamed: Blamed) -> Self {
        Self { blamed, page: 1, ..self.clone() }
    }

    pub(super) fn page(&self, page: usize) -> Self {
        Self { page, ..self.clone() }
    }

    /// The same but for one label less.
    pub(super) fn without_label(&self, label: &str) -> Self {
        let labels = self.labels.iter().filter(|other| *other != label).cloned().collect();
        Self { labels, page: 1, ..self.clone() }
    }

    /// The same of targets that have this label, too.
    pub(super) fn with_label(&self, label: &str) -> Self {
        let mut more = self.without_label(label);
        more.labels.push(label.to_owned());
        more
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::status::State;

    #[test]
    fn address_is_read_and_written_the_same() {
        for link in [
            "./",
            "./?q=acme+%26",
            "./?label=a%3Db&label=c%3Dd%3De",
            "./?q=x&label=a%3D&state=failing&page=3",
            "./?request=token&reason=dns&fault=network",
        ] {
            let (filter, selection) = Filter::read(link.trim_start_matches("./").trim_start_matches('?'));
            assert!(selection.is_ok(), "{link}");
            assert_eq!(filter.link(Place::Root), link);
        }
    }

    #[test]
    fn selection_is_one_page_of_what_is_asked_for() {
        let (_, selection) = Filter::read("q=+Acme+&label=team%3Da&state=failing&page=3");
        let expected = Selection {
            standing: Some(Standing::In(State::Failing)),
            labels: vec![("team".to_owned(), "a".to_owned())],
            blamed: Blamed::default(),
            text: "acme".to_owned(),
            offset: 100,
            limit: Some(50),
        };
        assert_eq!(selection, Ok(expected));
    }

    #[test]
    fn page_that_is_no_number_is_the_first() {
        for page in ["0", "-1", "x", "", "99999999999999999999"] {
            assert_eq!(Filter::read(&format!("page={page}")).0.page, 1);
        }
    }

    #[test]
    fn what_cannot_be_understood_stays_as_it_was_written() {
        let (filter, selection) = Filter::read("label=production&state=broken&q=Acme");
        assert_eq!(selection, Err(InvalidSelection::Label("production".to_owned())));
        assert_eq!((filter.text.as_str(), filter.labels), ("Acme", vec!["production".to_owned()]));
    }

    #[test]
    fn pages_are_numbered_here_and_not_cut_out() {
        let meant = Some("page");
        let refused = |name: &str| Err(InvalidSelection::Parameter { name: name.to_owned(), meant });
        assert_eq!(Filter::read("q=x&limit=5").1, refused("limit"));
        assert_eq!(Filter::read("offset=50").1, refused("offset"));
    }

    #[test]
    fn other_lists_begin_at_their_first_page() {
        let (filter, _) = Filter::read("q=x&label=a%3Db&page=3");
        assert_eq!(filter.with_label("c=d").link(Place::Root), "./?q=x&label=a%3Db&label=c%3Dd");
        assert_eq!(filter.with_label("a=b").without_label("a=b").link(Place::Root), "./?q=x");
        assert_eq!(filter.standing(Some(Standing::Warned)).link(Place::Root), "./?q=x&label=a%3Db&state=warned");
    }
}
