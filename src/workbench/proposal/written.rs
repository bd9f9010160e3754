//! Writes facts and deeds as YAML that a policy folder takes.
//!
//! In: facts, a deed. Out: a token and a line of `cases` for a file of `tests/`.
//!
//! Never: a text that YAML would take for something else.

use serde_json::Value;

use super::Deed;
use crate::identify::{Facts, Who};

/// The facts as a token of `tests/`.
pub(super) fn token(facts: &Facts, teams: &[String]) -> String {
    let mut members: Vec<(&str, Value)> = vec![("issuer", facts.issuer.as_str().into())];
    let mut add = |name: &'static str, value: Option<Value>| {
        members.extend(value.map(|value| (name, value)));
    };
    let text = |text: &Option<String>| text.as_deref().map(Value::from);
    let list = |list: &[String]| (!list.is_empty()).then(|| Value::from(list));
    match &facts.who {
        Who::Job(job) => {
            add("ci", Some(job.repository.as_str().into()));
            add("id", Some(job.repository_id.as_str().into()));
            add("namespace_id", text(&job.namespace_id));
            add("ref", Some(job.git_ref.as_str().into()));
            add("ref_type", text(&job.ref_type));
            add("protected", Some(job.ref_protected.into()));
            add("source", Some(job.pipeline_source.as_str().into()));
            add("env", text(&job.environment));
            add("env_protected", job.environment_protected.map(Value::from));
            add("tier", text(&job.deployment_tier));
            add("workflow", text(&job.workflow));
            add("runner", text(&job.runner_environment));
            add("access_level", text(&job.access_level));
        }
        Who::Person(person) => {
            add("user", Some(person.name.as_str().into()));
            add("teams", list(teams));
            add("mfa", Some(person.mfa.into()));
            add("roles", list(&person.roles));
            add("scopes", list(&person.scopes));
            add("client", text(&person.client));
            add("domain", text(&person.domain));
        }
        Who::Agent(agent) => {
            add("agent", Some(agent.name.as_str().into()));
            add("for", text(&agent.acts_for));
            add("teams", list(teams));
            add("roles", list(&agent.roles));
            add("scopes", list(&agent.scopes));
            add("client", text(&agent.client));
        }
    }
    let members = members.into_iter().map(|(name, value)| match value {
        Value::String(text) => format!("{name}: {}", scalar(&text)),
        other => format!("{name}: {other}"),
    });
    format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
}

/// What is asked as a line of `cases`.
pub(super) fn case(deed: &Deed, by: &str, reads_clock: bool) -> String {
    let place = match (&deed.resource.project, &deed.resource.id) {
        (Some(project), Some(_)) if deed.resource.kind == "Project" => project.clone(),
        (Some(project), Some(id)) => format!("{project}/{id}"),
        (Some(project), None) => project.clone(),
        (None, Some(id)) => format!("/{id}"),
        (None, None) => "-".to_owned(),
    };
    let place = match place.contains(char::is_whitespace) {
        true => format!("\"{place}\""),
        false => place,
    };
    let owner = deed.owner.as_ref().map(|team| format!(" owner={team}"));
    let at = match reads_clock {
        true => format!(" at \"{}\"", deed.moment.written()),
        false => String::new(),
    };
    let owner = owner.unwrap_or_default();
    let line = format!("asker {} {place}{owner}{at} allow by {by}", deed.action);
    match line.contains(['\'', ':', '#']) {
        true => format!("'{}'", line.replace('\'', "''")),
        false => line,
    }
}

/// A text as YAML takes it for one in every place.
pub(super) fn scalar(text: &str) -> String {
    let letters = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic());
    let word = !matches!(
        text.to_ascii_lowercase().as_str(),
        "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n"
    );
    match begins && word && text.chars().all(letters) {
        true => text.to_owned(),
        false => Value::from(text).to_string(),
    }
}

/// A text as part of a name.
pub(super) fn plain(text: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    text.chars().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_yaml_would_take_for_something_else_is_quoted() {
        for plain in ["acme/shop/api", "payments", "feat.x"] {
            assert_eq!(scalar(plain), plain);
        }
        for (text, quoted) in [
            ("yes", "\"yes\""),
            ("1", "\"1\""),
            ("a: b", "\"a: b\""),
            ("", "\"\""),
            ("x\"", "\"x\\\"\""),
        ] {
            assert_eq!(scalar(text), quoted);
        }
    }
}
