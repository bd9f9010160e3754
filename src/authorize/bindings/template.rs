//! Writes the policy template that a binding stands for, laid out for readers.
//!
//! In: the principal's scope, actions, whether one project is named, conditions. Out: Cedar.

/// A policy template; scopes, names and conditions are plain text of ours.
pub(super) fn template(
    scope: &str,
    actions: &[String],
    one: bool,
    conditions: &[String],
) -> String {
    let actions: Vec<String> = actions
        .iter()
        .map(|action| format!("Action::\"{action}\""))
        .collect();
    let resource = if one {
        "resource in ?resource"
    } else {
        "resource"
    };
    let listed = match actions.as_slice() {
        [one] => format!("[{one}]"),
        some => format!("[\n    {}\n  ]", some.join(",\n    ")),
    };
    let mut text = format!("permit (\n  {scope},\n  action in {listed},\n  {resource}\n)");
    if !conditions.is_empty() {
        text.push_str(&format!("\nwhen {{\n  {}\n}}", conditions.join(" &&\n  ")));
    }
    text.push(';');
    text
}
