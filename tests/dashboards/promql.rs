//! What a query says, read from its syntax tree.

use std::collections::BTreeSet;
use std::time::Duration;

use promql_parser::label::{METRIC_NAME, MatchOp, Matcher};
use promql_parser::parser::{self, Expr, VectorMatchCardinality, VectorSelector};

/// A stand-in for each duration of Grafana's, by which a range that came from it is known again.
pub(crate) const DURATIONS: [(&str, &str, Duration); 3] = [
    ("$__rate_interval", "7000001ms", Duration::from_millis(7_000_001)),
    ("$__interval", "7000002ms", Duration::from_millis(7_000_002)),
    ("$__range", "7000003ms", Duration::from_millis(7_000_003)),
];

/// What a query says.
#[derive(Debug, Default)]
pub(crate) struct Query {
    pub(crate) selectors: Vec<Selector>,
    /// Labels in `by`, `without`, `on`, `ignoring`, `group_left` and `group_right`, and those that functions read.
    pub(crate) named: BTreeSet<String>,
    /// Labels that functions make.
    pub(crate) made: BTreeSet<String>,
    /// Ranges over something else than a selector.
    pub(crate) subqueries: usize,
}

#[derive(Debug)]
pub(crate) struct Selector {
    pub(crate) metric: String,
    pub(crate) matchers: Vec<Matcher>,
    pub(crate) range: Option<Duration>,
    /// The function whose argument it is.
    pub(crate) function: Option<&'static str>,
    /// As written, range and offset left out.
    pub(crate) text: String,
}

impl Selector {
    /// The value that this label must match as a regular expression.
    pub(crate) fn regex(&self, label: &str) -> Option<&str> {
        let matches = |matcher: &&Matcher| matcher.name == label && matches!(matcher.op, MatchOp::Re(_));
        self.matchers.iter().find(matches).map(|matcher| matcher.value.as_str())
    }
}

/// Reads a query in which Grafana's variables still stand.
pub(crate) fn read(text: &str) -> Result<Query, String> {
    let text = DURATIONS.iter().fold(text.to_owned(), |text, (name, stand_in, _)| text.replace(name, stand_in));
    let tree = parser::parse(&text)?;
    let mut query = Query::default();
    query.visit(&tree, None);
    Ok(query)
}

impl Query {
    fn visit(&mut self, expression: &Expr, function: Option<&'static str>) {
        match expression {
            Expr::Aggregate(aggregate) => {
                self.name(aggregate.modifier.iter().flat_map(|modifier| &modifier.labels().labels));
                self.visit(&aggregate.expr, None);
                aggregate.param.iter().for_each(|param| self.visit(param, None));
            }
            Expr::Binary(binary) => {
                if let Some(modifier) = &binary.modifier {
                    self.name(modifier.matching.iter().flat_map(|matching| &matching.labels().labels));
                    if let VectorMatchCardinality::ManyToOne(labels) | VectorMatchCardinality::OneToMany(labels) =
                        &modifier.card
                    {
                        self.name(&labels.labels);
                    }
                }
                self.visit(&binary.lhs, None);
                self.visit(&binary.rhs, None);
            }
            Expr::Call(call) => {
                self.relabel(call.func.name, &call.args.args);
                call.args.args.iter().for_each(|argument| self.visit(argument, Some(call.func.name)));
            }
            Expr::Unary(unary) => self.visit(&unary.expr, None),
            Expr::Paren(paren) => self.visit(&paren.expr, None),
            Expr::Subquery(subquery) => {
                self.subqueries += 1;
                self.visit(&subquery.expr, None);
            }
            Expr::VectorSelector(selector) => self.select(selector, None, function),
            Expr::MatrixSelector(matrix) => self.select(&matrix.vs, Some(matrix.range), function),
            Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {}
        }
    }

    fn name<'a>(&mut self, labels: impl IntoIterator<Item = &'a String>) {
        self.named.extend(labels.into_iter().cloned());
    }

    fn relabel(&mut self, function: &str, arguments: &[Box<Expr>]) {
        let text = |at: usize| match arguments.get(at).map(AsRef::as_ref) {
            Some(Expr::StringLiteral(literal)) => Some(literal.val.clone()).filter(|value| !value.is_empty()),
            _ => None,
        };
        match function {
            "label_replace" => {
                self.made.extend(text(1));
                self.named.extend(text(3));
            }
            "label_join" => {
                self.made.extend(text(1));
                self.named.extend((3..arguments.len()).filter_map(text));
            }
            _ => {}
        }
    }

    fn select(&mut self, selector: &VectorSelector, range: Option<Duration>, function: Option<&'static str>) {
        let matchers = selector.matchers.matchers.clone();
        let by_name = matchers.iter().find(|matcher| matcher.name == METRIC_NAME).map(|matcher| matcher.value.clone());
        let bare = VectorSelector { offset: None, at: None, ..selector.clone() };
        self.selectors.push(Selector {
            metric: selector.name.clone().or(by_name).unwrap_or_default(),
            matchers,
            range,
            function,
            text: bare.to_string(),
        });
    }
}

#[test]
fn query_is_read_with_its_selectors_ranges_functions_and_labels() {
    let query = read(
        r#"sum by (target) (rate(a_total{job=~"$job", x="1"}[$__rate_interval])) / on (job) group_left (version) label_replace(b, "made", "$1", "read", "(.*)") offset 5m"#,
    );
    // `offset` belongs to a selector, not to a function.
    assert!(query.is_err());
    let query = read(
        r#"sum by (target) (rate(a_total{job=~"$job", x="1"}[$__rate_interval])) / on (job) group_left (version) label_replace(b offset 5m, "made", "$1", "read", "(.*)")"#,
    )
    .unwrap();
    let [counter, plain] = &query.selectors[..] else { panic!("{query:?}") };
    assert_eq!(
        (counter.metric.as_str(), counter.function, counter.regex("job")),
        ("a_total", Some("rate"), Some("$job"))
    );
    assert_eq!((counter.range, counter.regex("x")), (Some(DURATIONS[0].2), None));
    assert_eq!((plain.metric.as_str(), plain.function, plain.text.as_str()), ("b", Some("label_replace"), "b"));
    assert_eq!(query.named.iter().map(String::as_str).collect::<Vec<_>>(), ["job", "read", "target", "version"]);
    assert_eq!(query.made.iter().map(String::as_str).collect::<Vec<_>>(), ["made"]);
}
