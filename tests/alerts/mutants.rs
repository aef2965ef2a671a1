//! Rules with one thing wrong.

use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::token::{self, TokenType};
use promql_parser::parser::value::ValueType;
use promql_parser::parser::{self, BinaryExpr, Expr, LabelModifier, NumberLiteral, VectorSelector};

use super::rules::Rule;

/// A rule with one thing wrong.
#[derive(Debug)]
pub(super) struct Mutant {
    /// The rule and what is wrong.
    pub(super) name: String,
    pub(super) rule: Rule,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Thresholds, guards, aggregations, waits and severities, each wrong in one way.
    Condition,
    /// The same in further ways; ranges, matchers, labels that operands meet by and that are aggregated over.
    Detail,
}

/// All that this can make of a rule.
pub(super) fn of(rule: &Rule) -> Vec<Mutant> {
    let expression = rule.expression();
    let of_kind = |kind, wrong_here: fn(&Expr) -> Wrong| {
        let wrong = everywhere(&expression, wrong_here).into_iter();
        wrong.map(move |(what, wrong)| (kind, what, rule.with_expression(&wrong)))
    };
    let conditions = of_kind(Kind::Condition, condition_wrong).chain(fields(rule));
    let all = conditions.chain(of_kind(Kind::Detail, detail_wrong));
    let mut names: Vec<String> = Vec::new();
    let named = all.map(|(kind, what, rule)| {
        let before = names.iter().filter(|name| **name == what).count();
        names.push(what.clone());
        let which = if before == 0 { String::new() } else { format!(" (#{})", before + 1) };
        Mutant { name: format!("{}: {what}{which}", rule.id()), rule, kind }
    });
    named.collect()
}

/// Waits and severity.
fn fields(rule: &Rule) -> Vec<(Kind, String, Rule)> {
    let mut found = Vec::new();
    if let Some(wait) = rule.field("for") {
        let number = wait.trim_end_matches(char::is_alphabetic);
        let doubled = wait.replace(number, &(number.parse::<u32>().unwrap() * 2).to_string());
        found.push((Kind::Condition, "without for".to_owned(), rule.with("for", None)));
        found.push((Kind::Condition, format!("for {wait} is {doubled}"), rule.with("for", Some(&doubled))));
    }
    if rule.field("keep_firing_for").is_some() {
        found.push((Kind::Condition, "without keep_firing_for".to_owned(), rule.with("keep_firing_for", None)));
    }
    if let Some(severity) = rule.severity() {
        let other = if severity == "critical" { "warning" } else { "critical" };
        let labels = format!("\n          severity: {other}");
        found.push((Kind::Condition, format!("severity is {other}"), rule.with("labels", Some(&labels))));
    }
    found
}

type Wrong = Vec<(String, Expr)>;

/// The expression with one of its nodes wrong: what, and the whole of it.
fn everywhere(expression: &Expr, wrong_here: fn(&Expr) -> Wrong) -> Wrong {
    let mut found = wrong_here(expression);
    for at in 0..children(&mut expression.clone()).len() {
        let child = children(&mut expression.clone())[at].clone();
        // Of a product of two numbers one is enough, and a number that something is equal to is wrong by `!=`.
        let is_number = |expression: &Expr| matches!(expression, Expr::NumberLiteral(_));
        if let Expr::Binary(binary) = expression
            && is_number(&child)
            && (at == 1 && is_number(&binary.lhs) || binary.op.id() == token::T_EQLC)
        {
            continue;
        }
        for (what, wrong) in everywhere(&child, wrong_here) {
            let mut whole = expression.clone();
            *children(&mut whole)[at] = wrong;
            found.push((what, whole));
        }
    }
    found
}

fn children(expression: &mut Expr) -> Vec<&mut Expr> {
    match expression {
        Expr::Aggregate(aggregate) => {
            let parameter = aggregate.param.iter_mut().filter(|parameter| parameter.value_type() == ValueType::Scalar);
            parameter.chain([&mut aggregate.expr]).map(AsMut::as_mut).collect()
        }
        Expr::Unary(unary) => vec![&mut unary.expr],
        Expr::Binary(binary) => vec![&mut binary.lhs, &mut binary.rhs],
        Expr::Paren(paren) => vec![&mut paren.expr],
        Expr::Subquery(subquery) => vec![&mut subquery.expr],
        Expr::Call(call) => call.args.args.iter_mut().map(AsMut::as_mut).collect(),
        Expr::NumberLiteral(_)
        | Expr::StringLiteral(_)
        | Expr::VectorSelector(_)
        | Expr::MatrixSelector(_)
        | Expr::Extension(_) => Vec::new(),
    }
}

/// The condition of the outermost node, wrong in one way.
fn condition_wrong(expression: &Expr) -> Wrong {
    ways_to_be_wrong(expression).into_iter().take(1).collect()
}

/// The condition of the outermost node, wrong in all ways.
fn ways_to_be_wrong(expression: &Expr) -> Wrong {
    match expression {
        Expr::Binary(binary) => [comparison_inverted(binary), operand_dropped(binary)].concat(),
        Expr::Aggregate(aggregate) => {
            let others: &[_] = match aggregate.op.id() {
                token::T_MIN | token::T_SUM => &[token::T_MAX],
                token::T_MAX => &[token::T_MIN],
                token::T_AVG => &[token::T_MIN, token::T_MAX],
                _ => &[],
            };
            let wrong = |&other| {
                let op = TokenType::new(other);
                let what = format!("{} is {op}", aggregate.op);
                (what, Expr::Aggregate(parser::AggregateExpr { op, ..aggregate.clone() }))
            };
            others.iter().map(wrong).collect()
        }
        Expr::NumberLiteral(number) => number_moved(number.val),
        _ => Vec::new(),
    }
}

/// The outermost node, wrong in the ways that are left.
fn detail_wrong(expression: &Expr) -> Wrong {
    ways_to_be_wrong(expression).into_iter().skip(1).chain(parts_wrong(expression)).collect()
}

/// Ranges, matchers and labels of the outermost node.
fn parts_wrong(expression: &Expr) -> Wrong {
    match expression {
        Expr::Binary(binary) => matching_changed(binary),
        Expr::Aggregate(aggregate) => {
            let wrong =
                |modifier| Expr::Aggregate(parser::AggregateExpr { modifier: Some(modifier), ..aggregate.clone() });
            let modifiers = modifiers(aggregate.modifier.as_ref()).into_iter();
            modifiers.map(|(what, modifier)| (what, wrong(modifier))).collect()
        }
        Expr::VectorSelector(selector) => matchers_changed(selector, Expr::VectorSelector),
        Expr::MatrixSelector(matrix) => {
            let with = |vs, range| Expr::MatrixSelector(parser::MatrixSelector { vs, range });
            let ranges = [matrix.range * 4, matrix.range / 4].map(|range| {
                let wrong = with(matrix.vs.clone(), range);
                (format!("{expression} is {wrong}"), wrong)
            });
            let matchers = matchers_changed(&matrix.vs, |vs| with(vs, matrix.range));
            ranges.into_iter().chain(matchers).collect()
        }
        Expr::Call(call) => {
            let other = match call.func.name {
                "increase" => "delta",
                "max_over_time" => "min_over_time",
                "min_over_time" => "max_over_time",
                _ => return Vec::new(),
            };
            let mut wrong = call.clone();
            wrong.func.name = other;
            vec![(format!("{} is {other}", call.func.name), Expr::Call(wrong))]
        }
        _ => Vec::new(),
    }
}

fn comparison_inverted(binary: &BinaryExpr) -> Wrong {
    let inverse = match binary.op.id() {
        token::T_EQLC => token::T_NEQ,
        token::T_GTR => token::T_LTE,
        token::T_LTE => token::T_GTR,
        token::T_LSS => token::T_GTE,
        token::T_GTE => token::T_LSS,
        _ => return Vec::new(),
    };
    let op = TokenType::new(inverse);
    let what = format!("{} {} is {op}", binary.op, binary.rhs);
    vec![(what, Expr::Binary(BinaryExpr { op, ..binary.clone() }))]
}

/// `and`, `or`, `unless`, and factors and terms that are no numbers.
fn operand_dropped(binary: &BinaryExpr) -> Wrong {
    let (left, right) = (binary.lhs.as_ref(), binary.rhs.as_ref());
    let without_right = (format!("without {} {right}", binary.op), left.clone());
    let without_left = (format!("without {left} {}", binary.op), right.clone());
    let calculates = |operand: &Expr| !matches!(operand, Expr::NumberLiteral(_));
    match binary.op.id() {
        token::T_LUNLESS => vec![without_right],
        token::T_LAND | token::T_LOR => vec![without_right, without_left],
        token::T_MUL if calculates(left) && calculates(right) => vec![without_right, without_left],
        token::T_SUB | token::T_ADD if calculates(left) => vec![without_right],
        _ => Vec::new(),
    }
}

fn matching_changed(binary: &BinaryExpr) -> Wrong {
    let Some(modifier) = &binary.modifier else { return Vec::new() };
    let changed = |matching| {
        let modifier = Some(parser::BinModifier { matching: Some(matching), ..modifier.clone() });
        Expr::Binary(BinaryExpr { modifier, ..binary.clone() })
    };
    let modifiers = modifiers(modifier.matching.as_ref()).into_iter();
    modifiers.map(|(what, matching)| (format!("{what} of {}", binary.op), changed(matching))).collect()
}

/// Each without one of its labels.
fn modifiers(modifier: Option<&LabelModifier>) -> Vec<(String, LabelModifier)> {
    let Some(modifier) = modifier else { return Vec::new() };
    let labels = &modifier.labels().labels;
    let without = |label: &String| {
        let others = labels.iter().filter(|other| *other != label).map(String::as_str).collect();
        if modifier.is_include() { LabelModifier::include(others) } else { LabelModifier::exclude(others) }
    };
    labels.iter().map(|label| (format!("{label} is not in ({})", modifier.labels()), without(label))).collect()
}

/// Small counts by one, others by half and twice.
fn number_moved(number: f64) -> Wrong {
    let is_count = number.fract() == 0.0 && number < 10.0;
    let moved = if number == 0.0 {
        vec![1.0]
    } else if is_count {
        vec![number - 1.0, number + 1.0]
    } else {
        vec![number / 2.0, number * 2.0]
    };
    let wrong = |moved| (format!("{number} is {moved}"), Expr::NumberLiteral(NumberLiteral::new(moved)));
    moved.into_iter().map(wrong).collect()
}

/// Each matcher dropped and inverted.
fn matchers_changed(selector: &VectorSelector, whole: impl Fn(VectorSelector) -> Expr) -> Wrong {
    let mut found = Vec::new();
    for (at, matcher) in selector.matchers.matchers.iter().enumerate() {
        let mut without = selector.clone();
        without.matchers.matchers.remove(at);
        found.push((format!("without {matcher}"), whole(without)));
        let op = match matcher.op {
            MatchOp::Equal => MatchOp::NotEqual,
            _ => MatchOp::Equal,
        };
        let mut inverted = selector.clone();
        inverted.matchers.matchers[at] = Matcher { op, ..matcher.clone() };
        found.push((format!("{matcher} is {}", inverted.matchers.matchers[at]), whole(inverted)));
    }
    found
}
