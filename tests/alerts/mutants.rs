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
}

/// All that this can make of a rule.
pub(super) fn of(rule: &Rule) -> Vec<Mutant> {
    let expressions = everywhere(&rule.expression());
    let expressions = expressions.into_iter().map(|(what, wrong)| (what, rule.with_expression(&wrong)));
    let mut names: Vec<String> = Vec::new();
    let named = expressions.chain(fields(rule)).map(|(what, rule)| {
        let before = names.iter().filter(|name| **name == what).count();
        names.push(what.clone());
        let which = if before == 0 { String::new() } else { format!(" (#{})", before + 1) };
        Mutant { name: format!("{}: {what}{which}", rule.id()), rule }
    });
    named.collect()
}

/// Waits and severity.
fn fields(rule: &Rule) -> Vec<(String, Rule)> {
    let mut found = Vec::new();
    if let Some(wait) = rule.field("for") {
        let number = wait.trim_end_matches(char::is_alphabetic);
        let doubled = wait.replace(number, &(number.parse::<u32>().unwrap() * 2).to_string());
        found.push(("without for".to_owned(), rule.with("for", None)));
        found.push((format!("for {wait} is {doubled}"), rule.with("for", Some(&doubled))));
    }
    if rule.field("keep_firing_for").is_some() {
        found.push(("without keep_firing_for".to_owned(), rule.with("keep_firing_for", None)));
    }
    if let Some(severity) = rule.severity() {
        let other = if severity == "critical" { "warning" } else { "critical" };
        let labels = format!("\n          severity: {other}");
        found.push((format!("severity is {other}"), rule.with("labels", Some(&labels))));
    }
    found
}

type Wrong = Vec<(String, Expr)>;

/// The expression with one of its nodes wrong: what, and the whole of it.
fn everywhere(expression: &Expr) -> Wrong {
    let mut found = here(expression);
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
        for (what, wrong) in everywhere(&child) {
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

/// What can be wrong with the outermost node.
fn here(expression: &Expr) -> Wrong {
    match expression {
        Expr::Binary(binary) => {
            [comparison_inverted(binary), operand_dropped(binary), matching_changed(binary)].concat()
        }
        Expr::Aggregate(aggregate) => {
            let changed = |what: String, change: &dyn Fn(&mut parser::AggregateExpr)| {
                let mut wrong = aggregate.clone();
                change(&mut wrong);
                (what, Expr::Aggregate(wrong))
            };
            let others: &[_] = match aggregate.op.id() {
                token::T_MIN => &[token::T_MAX],
                token::T_MAX => &[token::T_MIN],
                token::T_AVG => &[token::T_MIN, token::T_MAX],
                token::T_SUM => &[token::T_MAX],
                _ => &[],
            };
            let swapped = others.iter().map(|&other| {
                let other = TokenType::new(other);
                changed(format!("{} is {other}", aggregate.op), &|wrong| wrong.op = other)
            });
            let regrouped = modifiers(aggregate.modifier.as_ref())
                .into_iter()
                .map(|(what, modifier)| changed(what, &|wrong| wrong.modifier = Some(modifier.clone())));
            swapped.chain(regrouped).collect()
        }
        Expr::NumberLiteral(number) => number_moved(number.val),
        Expr::VectorSelector(selector) => matchers_changed(selector, Expr::VectorSelector),
        Expr::MatrixSelector(matrix) => {
            let with = |vs| Expr::MatrixSelector(parser::MatrixSelector { vs, range: matrix.range });
            let of_range = |range| Expr::MatrixSelector(parser::MatrixSelector { range, vs: matrix.vs.clone() });
            let text = &format!("{expression}");
            let ranges = [of_range(matrix.range * 4), of_range(matrix.range / 4)];
            let ranges = ranges.map(|wrong| (format!("{text} is {wrong}"), wrong));
            ranges.into_iter().chain(matchers_changed(&matrix.vs, with)).collect()
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
        Expr::Unary(_) | Expr::Paren(_) | Expr::Subquery(_) | Expr::StringLiteral(_) | Expr::Extension(_) => Vec::new(),
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
    labels
        .iter()
        .map(|label| {
            (format!("{label} is not in ({modifier_text})", modifier_text = modifier.labels()), without(label))
        })
        .collect()
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
