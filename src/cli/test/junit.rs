//! What `test` found as JUnit's XML, which a merge request shows.
//!
//! In: a [`Report`]. Out: a suite for each file of cases, one for removals, and one for coverage
//! where that was asked for.
//!
//! Never: a character that XML does not have; it is written `?`.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::authorize::{CaseOutcome, PolicyPlace, Report, Untried};

/// The document.
pub(super) fn report(report: &Report, changes: &[String], coverage: bool) -> String {
    let mut suites: BTreeMap<String, Vec<Case>> = BTreeMap::new();
    for case in &report.cases {
        let file = case.file.display().to_string();
        suites.entry(file).or_default().push(of_case(case));
    }
    let mut removals = Vec::new();
    for guardrail in &report.unnoticed_guardrails {
        removals.push(of_removal("guardrail", guardrail));
    }
    suites.insert("guardrails that no case would miss".to_owned(), removals);
    let changes = changes.iter().map(|line| of_change(line));
    suites.insert("changes of tests/who.golden".to_owned(), changes.collect());
    if coverage {
        let actions = report.untried_actions.iter().map(of_action);
        suites.insert(
            "actions not both allowed and denied".to_owned(),
            actions.collect(),
        );
    }
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"stile test\">\n",
    );
    for (name, cases) in &suites {
        suite(&mut text, name, cases);
    }
    text.push_str("</testsuites>\n");
    text
}

/// What no case does with an action.
pub(super) fn lacking(action: &Untried) -> &'static str {
    match (action.never_allowed, action.never_denied) {
        (true, true) => "never tried",
        (true, false) => "never allowed",
        _ => "never denied",
    }
}

struct Case {
    name: String,
    line: usize,
    failure: Option<String>,
}

fn of_case(case: &CaseOutcome) -> Case {
    let failure = || {
        let expected = super::answer(case.expected, case.expected_by.as_slice());
        let got = super::answer(case.got, &case.by);
        format!("expected {expected}, got {got}")
    };
    Case {
        name: case.text.clone(),
        line: case.line,
        failure: (!case.passed).then(failure),
    }
}

fn of_removal(kind: &str, place: &PolicyPlace) -> Case {
    let file = place.file.display();
    Case {
        name: format!("{kind} `{}` ({file}:{})", place.id, place.line),
        line: place.line,
        failure: Some("could be deleted and no case would notice".to_owned()),
    }
}

fn of_change(line: &str) -> Case {
    Case {
        name: line.to_owned(),
        line: 0,
        failure: Some("tests/who.golden is no longer true".to_owned()),
    }
}

fn of_action(action: &Untried) -> Case {
    Case {
        name: format!("action `{}`", action.action),
        line: 0,
        failure: Some(lacking(action).to_owned()),
    }
}

fn suite(text: &mut String, name: &str, cases: &[Case]) {
    let failures = cases.iter().filter(|case| case.failure.is_some()).count();
    let (name, tests) = (escaped(name), cases.len());
    let _ = writeln!(
        text,
        "  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\">"
    );
    for case in cases {
        let _ = write!(
            text,
            "    <testcase classname=\"{name}\" name=\"{}\" file=\"{name}\" line=\"{}\"",
            escaped(&case.name),
            case.line
        );
        let _ = match &case.failure {
            None => writeln!(text, "/>"),
            Some(failure) => writeln!(
                text,
                "><failure message=\"{}\"/></testcase>",
                escaped(failure)
            ),
        };
    }
    text.push_str("  </testsuite>\n");
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('?'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_stays_text() {
        assert_eq!(
            escaped("a<b>&\"c\"\u{1}\n"),
            "a&lt;b&gt;&amp;&quot;c&quot;??"
        );
    }
}
