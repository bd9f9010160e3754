//! A refusal as a page for people.
//!
//! In: a [`Refusal`] and the decision's id. Out: HTML that needs nothing else.
//!
//! Every verdict is a word and a sign, never a colour alone. Every text is escaped. The one style
//! sheet is in the page and named by its digest, so the policy of the page can forbid everything
//! else: scripts, frames, forms, and whatever lies elsewhere.
//!
//! WCAG 2.2 AA; CSP level 3.

use http::HeaderMap;
use http::header::{self, HeaderValue};
use uuid::Uuid;

use super::explanation::Check;
use super::{Effect, Refusal, sentence};

/// The whole page.
pub(super) fn html(refusal: &Refusal, decision: Uuid, signs_in: bool) -> String {
    let reason = refusal.reason();
    let title = sentence::title(reason);
    let verdict = match reason.effect() {
        Effect::Deny => "DENY x",
        Effect::Refuse => "REFUSE x",
        Effect::Error => "ERROR !",
    };
    let told = escaped(&sentence::of(refusal));
    let (checks, rows) = (checks(refusal), rows(refusal, decision));
    let again = match signs_in && reason.is_of_signing_in() {
        true => "<p><a href=\"/.stile/login\">Sign in</a></p>\n",
        false => "",
    };
    frame(
        title,
        &format!(
            "<h1><span class=\"verdict\">{verdict}</span> {title}</h1>\n<p>{told}</p>\n{again}\
             {checks}<dl>\n{rows}</dl>\n"
        ),
    )
}

/// What a page says, put together of markup of ours and texts of anybody.
#[derive(Debug, Default)]
pub struct PageBody(String);

impl PageBody {
    /// Adds markup.
    pub fn markup(&mut self, markup: &'static str) {
        self.0.push_str(markup);
    }

    /// Adds a text, whoever wrote it.
    pub fn text(&mut self, text: &str) {
        self.0.push_str(&escaped(text));
    }
}

/// A page that is no refusal and looks the same; its forms go to us.
pub fn framed_page(title: &'static str, body: &PageBody, headers: &mut HeaderMap) -> String {
    add_headers(headers);
    let policy = POLICY.replace("form-action 'none'", "form-action 'self'");
    if let Ok(policy) = HeaderValue::try_from(policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    // With `no-referrer` a browser sends its forms as of nowhere (`origin: null`; Fetch 3.2), and they
    // could not be told from another site's.
    let referrer = HeaderValue::from_static("same-origin");
    headers.insert(header::REFERRER_POLICY, referrer);
    frame(title, &format!("<h1>{title}</h1>\n{}", body.0))
}

fn frame(title: &str, inside: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n\
         {inside}</main>\n</body>\n</html>\n"
    )
}

/// Adds what a page needs beyond the fields of every answer.
pub(super) fn add_headers(headers: &mut HeaderMap) {
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(POLICY),
    );
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
}

fn checks(refusal: &Refusal) -> String {
    let checks = refusal
        .explanation()
        .map_or(&[][..], |explanation| &explanation.checks);
    if checks.is_empty() {
        return String::new();
    }
    let rows: String = checks.iter().take(CHECKS).map(check_row).collect();
    format!(
        "<table>\n<caption>What was checked</caption>\n<thead><tr><th scope=\"col\">Check</th>\
         <th scope=\"col\">Result</th><th scope=\"col\">Yours</th></tr></thead>\n\
         <tbody>\n{rows}</tbody>\n</table>\n"
    )
}

fn check_row(check: &Check) -> String {
    let result = if check.ok { "+ yes" } else { "x no" };
    let yours = check.yours.as_deref().unwrap_or("-");
    format!(
        "<tr><th scope=\"row\">{}</th><td>{result}</td><td>{}</td></tr>\n",
        escaped(&sentence::plain(&check.check, NAME_BYTES)),
        escaped(&sentence::plain(yours, NAME_BYTES))
    )
}

fn rows(refusal: &Refusal, decision: Uuid) -> String {
    let mut rows = vec![("Reason", refusal.reason().word().to_owned())];
    if let Some(explanation) = refusal.explanation() {
        rows.push(("Action", explanation.action.clone()));
        rows.extend(
            explanation
                .nearest_rule
                .clone()
                .map(|rule| ("Nearest rule", rule)),
        );
        rows.extend(
            explanation
                .forbidden_by
                .clone()
                .map(|rule| ("Forbidden by", rule)),
        );
    }
    rows.push(("Decision", decision.to_string()));
    let row = |(name, value): &(&str, String)| {
        let value = escaped(&sentence::plain(value, NAME_BYTES));
        format!("<dt>{name}</dt><dd><code>{value}</code></dd>\n")
    };
    rows.iter().map(row).collect()
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Light and dark, contrast above 4.5:1 in both. A changed byte needs a changed digest in
/// [`POLICY`]; a test tells it.
const STYLE: &str = ":root{color-scheme:light dark}\
body{font:1rem/1.5 system-ui,sans-serif;margin:0;color:#1b1b1b;background:#fff}\
main{max-width:46rem;margin:2rem auto;padding:0 1rem;overflow-wrap:anywhere}\
h1{font-size:1.4rem}.verdict{border:2px solid;border-radius:4px;padding:0 .4rem;color:#a40000}\
table{border-collapse:collapse;width:100%}caption{text-align:left;font-weight:bold}\
th,td{text-align:left;font-weight:normal;padding:.25rem .5rem;border-bottom:1px solid #777}\
thead th{font-weight:bold}dt{font-weight:bold}dd{margin:0 0 .5rem}\
@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}.verdict{color:#ff9d94}}";

/// What the page may load: its own style sheet and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'sha256-xMC29Ynyr5jwoHqIQhSxqMKR6kptqrRgPAYmJynWlLQ='; base-uri 'none'; \
form-action 'none'; frame-ancestors 'none'";

/// The longest value, in bytes.
const NAME_BYTES: usize = 200;

/// Checks beyond these are not shown.
const CHECKS: usize = 16;

#[cfg(test)]
mod tests {
    use aws_lc_rs::digest::{SHA256, digest};
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    #[test]
    fn the_policy_names_the_style_sheet_by_its_digest() {
        let digest = STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
        assert!(
            POLICY.contains(&format!("'sha256-{digest}'")),
            "it is {digest}"
        );
    }

    #[test]
    fn nothing_in_a_text_is_markup() {
        assert_eq!(
            escaped("<a b='c'>&\""),
            "&lt;a b=&#39;c&#39;&gt;&amp;&quot;"
        );
    }
}
