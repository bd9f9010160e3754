//! Says where a browser may go after it signed in.
//!
//! In: the `return_to` of a link. Out: a path of ours.
//!
//! An address that somebody else wrote must not lead elsewhere. So only what is plainly a path of ours is
//! taken, letter by letter: it begins with `/.stile/`, has no empty or dotted part, and none of the
//! characters by which two readers could disagree. Everything else leads to the start page.

/// Where to; the start page for what is not plainly ours.
pub(super) fn return_to(asked: Option<&str>) -> &str {
    asked.filter(|path| is_ours(path)).unwrap_or(START)
}

fn is_ours(path: &str) -> bool {
    let Some(rest) = path.strip_prefix("/.stile/") else {
        return false;
    };
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.~".contains(c);
    let in_query = |c: char| plain(c) || "=&%:+*@,/()".contains(c);
    let is_part =
        |part: &str| !part.is_empty() && !part.starts_with('.') && part.chars().all(plain);
    path.len() <= LONGEST
        && !LOOPS.contains(&rest)
        && rest.split('/').all(is_part)
        && query.chars().all(in_query)
}

const START: &str = "/.stile/console";
const LONGEST: usize = 1024;
/// Those would sign in again, or out.
const LOOPS: &[&str] = &["login", "callback", "logout"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_ours_is_returned_to() {
        for path in [
            "/.stile/console",
            "/.stile/me",
            "/.stile/console/requests?q=team%3Apayments&tz=Europe/Berlin",
            "/.stile/d/0197-ab",
        ] {
            assert_eq!(return_to(Some(path)), path);
        }
    }

    #[test]
    fn an_address_that_could_lead_elsewhere_is_not() {
        let evil = [
            "",
            "/",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/%09/evil.example",
            "/\t/evil.example",
            "https:evil.example",
            "https://evil.example",
            "https:/evil.example",
            "//evil.example/.stile/console",
            "/.evil",
            "/.stile",
            "/.stile/",
            "/.stile//evil.example",
            "/.stile/../..//evil.example",
            "/.stile/%2e%2e/x",
            "/.stile/..",
            "/.stile/./x",
            "/.stile\\evil",
            "/.stile/x\\y",
            "/.stile@evil.example/",
            "https://stile.example@evil.example",
            "javascript:alert(1)",
            "data:text/html,x",
            "/.stile/x#y",
            "/.stile/x\r\nset-cookie: a=b",
            "/.stile/x\u{202e}",
            "/.STILE/console",
            " /.stile/console",
            "/.stile/console ",
            "/.stile/login",
            "/.stile/login?return_to=x",
            "/.stile/logout",
            "/.stile/callback?code=x",
            "/.stile/x?y=<script>",
            "/.stile/x?y=\"",
            "/.stile/;x",
            "/./.stile/x",
            "/public/v0.2/x",
        ];
        for path in evil {
            assert_eq!(return_to(Some(path)), START, "{path:?}");
        }
        assert_eq!(
            return_to(Some(&format!("/.stile/{}", "x".repeat(2000)))),
            START
        );
        assert_eq!(return_to(None), START);
    }
}
