//! Takes names apart into words, and makes names of words.
//!
//! In: `alertRules`, `service-accounts`, `UID`. Out: lower-case words; from them names for parameters,
//! actions and resource types.

/// The words of a name, in lower case.
pub(super) fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = vec![String::new()];
    let mut before_upper = true;
    let chars: Vec<char> = name.chars().collect();
    for (at, c) in chars.iter().enumerate() {
        if !c.is_ascii_alphanumeric() {
            words.push(String::new());
            before_upper = true;
            continue;
        }
        let next_lower = chars.get(at + 1).is_some_and(char::is_ascii_lowercase);
        if c.is_ascii_uppercase() && (!before_upper || next_lower) {
            words.push(String::new());
        }
        before_upper = c.is_ascii_uppercase();
        if let Some(word) = words.last_mut() {
            word.push(c.to_ascii_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// `service_accounts`; begins with a letter.
pub(super) fn snake(name: &str) -> String {
    let joined = words(name).join("_");
    match joined.starts_with(|c: char| c.is_ascii_lowercase()) {
        true => joined,
        false => format!("x{joined}"),
    }
}

/// `ServiceAccounts`; begins with a letter.
pub(super) fn pascal(name: &str) -> String {
    let mut joined = String::new();
    for word in words(name) {
        let mut chars = word.chars();
        joined.extend(chars.next().map(|first| first.to_ascii_uppercase()));
        joined.extend(chars);
    }
    match joined.starts_with(|c: char| c.is_ascii_uppercase()) {
        true => joined,
        false => format!("X{joined}"),
    }
}

/// One of what a collection is named for: `alert_rule` of `alert_rules`.
pub(super) fn singular(name: &str) -> String {
    let name = snake(name);
    if UNCHANGED.iter().any(|word| name.ends_with(word)) {
        return name;
    }
    if let Some(stem) = name.strip_suffix("ies").filter(|stem| stem.len() > 1) {
        return format!("{stem}y");
    }
    let double = ["sses", "xes", "ches", "shes", "uses"];
    match name.strip_suffix("es") {
        Some(stem) if double.iter().any(|end| name.ends_with(end)) => stem.to_owned(),
        _ => name.strip_suffix('s').unwrap_or(&name).to_owned(),
    }
}

/// Whether a name is that of several.
pub(super) fn is_plural(name: &str) -> bool {
    singular(name) != snake(name)
}

/// Ends of names that look like several and are one.
const UNCHANGED: &[&str] = &["ss", "us", "is", "series", "news", "analytics"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart_and_put_together() {
        for (name, expected, kind, one) in [
            ("alert-rules", "alert_rules", "AlertRules", "alert_rule"),
            ("alertRules", "alert_rules", "AlertRules", "alert_rule"),
            ("UID", "uid", "Uid", "uid"),
            (
                "dashboardUID",
                "dashboard_uid",
                "DashboardUid",
                "dashboard_uid",
            ),
            ("HTTPRoutes", "http_routes", "HttpRoutes", "http_route"),
            ("policies", "policies", "Policies", "policy"),
            ("addresses", "addresses", "Addresses", "address"),
            ("status", "status", "Status", "status"),
            ("statuses", "statuses", "Statuses", "status"),
            ("series", "series", "Series", "series"),
            ("databases", "databases", "Databases", "database"),
            ("2fa", "x2fa", "X2fa", "x2fa"),
            ("-", "x", "X", "x"),
        ] {
            assert_eq!(snake(name), expected);
            assert_eq!(pascal(name), kind);
            assert_eq!(singular(name), one);
        }
    }
}
