//! Says which page a request asks for.
//!
//! In: an arrival. Out: a [`Page`], or a refusal that says how to spell it.
//!
//! The path counts letter by letter: another spelling is no page of ours, and the catalogue has none
//! under `/.stile/` that it could be taken for.

use http::Method;

use crate::listen::Arrival;
use crate::refusal::{Reason, Refusal};

/// A page about its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// `/.stile/me`: who it is to us, and what it may do.
    Me(Form),
    /// `/.stile/me/report`: what became of its requests.
    Report(Form),
}

/// How the page is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// For people and job logs.
    Text,
    /// For programs.
    Json,
    /// GitLab's `artifacts:reports:annotations`: links on the page of the job.
    GitlabAnnotations,
}

/// The page that an arrival asks for, if it asks for one.
pub fn asked_for(arrival: &Arrival) -> Option<Result<Page, Refusal>> {
    if arrival.method() != Method::GET {
        return None;
    }
    let (forms, otherwise, page): (&[Form], _, fn(Form) -> Page) = match arrival.path() {
        "/.stile/me" => (&[Form::Json, Form::Text], Form::Json, Page::Me),
        "/.stile/me/report" => (
            &[Form::Text, Form::Json, Form::GitlabAnnotations],
            Form::Text,
            Page::Report,
        ),
        _ => return None,
    };
    let form = match arrival.query() {
        None | Some("") => Ok(otherwise),
        Some(query) => {
            let wanted = |form: &&Form| query.strip_prefix("format=") == Some(form.word());
            let found = forms.iter().find(wanted).copied();
            found.ok_or_else(|| unknown(forms))
        }
    };
    Some(form.map(page))
}

impl Form {
    fn word(self) -> &'static str {
        match self {
            Form::Text => "text",
            Form::Json => "json",
            Form::GitlabAnnotations => "gitlab-annotations",
        }
    }
}

fn unknown(forms: &[Form]) -> Refusal {
    let words: Vec<&str> = forms.iter().map(|form| form.word()).collect();
    let told = format!(
        "the query of this page is `format=` and one of {}",
        words.join(", ")
    );
    Refusal::new(Reason::MalformedRequest).telling(told)
}
