//! The pages of signing in and out.
//!
//! In: the providers, and whether somebody has just left. Out: HTML that needs nothing else.
//!
//! They work before anything is known of who looks, so they say nothing of anybody.

use http::HeaderMap;

use crate::refusal::{PageBody, framed_page};

/// The choice between providers.
pub fn choice<'p>(
    providers: impl Iterator<Item = (&'p str, &'p str)>,
    return_to: Option<&str>,
) -> PageBody {
    let return_to = super::return_to::return_to(return_to);
    let mut page = PageBody::default();
    page.markup("<p>Choose how to sign in.</p>\n<ul>\n");
    for (name, label) in providers {
        page.markup("<li><a href=\"/.stile/login?provider=");
        page.text(name);
        page.markup("&amp;return_to=");
        page.text(&form_urlencoded::byte_serialize(return_to.as_bytes()).collect::<String>());
        page.markup("\">");
        page.text(label);
        page.markup("</a></li>\n");
    }
    page.markup("</ul>\n");
    page
}

/// What somebody sees who wants to leave, or has.
pub fn leaving(is_done: bool) -> PageBody {
    let mut page = PageBody::default();
    page.markup(match is_done {
        true => {
            "<p>You are signed out here.</p>\n\
             <p><a href=\"/.stile/login\">Sign in again</a></p>\n"
        }
        false => {
            "<p>This ends your session here and, where it says so, at your provider.</p>\n\
             <form method=\"post\" action=\"/.stile/logout\"><button>Sign out</button></form>\n"
        }
    });
    page
}

/// What somebody sees on the way to the provider, where the session ends, too.
pub fn going_on(url: &str) -> PageBody {
    let mut page = PageBody::default();
    page.markup("<p>Your session here has ended.</p>\n<p><a href=\"");
    page.text(url);
    page.markup("\">Go on to end it at your provider, too</a></p>\n");
    page
}

/// A whole page of these.
pub fn page(title: &'static str, body: &PageBody, headers: &mut HeaderMap) -> String {
    framed_page(title, body, headers)
}
