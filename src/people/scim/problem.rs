//! Says what is wrong with a request of SCIM.
//!
//! In: what was found. Out: a status, the RFC's word for it, and a sentence that helps.
//!
//! RFC 7644 3.12.

use serde_json::{Map, Value, json};

/// What is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) status: u16,
    pub(crate) word: Option<&'static str>,
    pub(crate) detail: String,
}

impl Problem {
    /// 400 with one of the words of RFC 7644 table 9.
    pub(super) fn bad(word: &'static str, detail: impl Into<String>) -> Problem {
        Problem {
            status: 400,
            word: Some(word),
            detail: detail.into(),
        }
    }

    /// Any other status.
    pub(crate) fn new(status: u16, detail: impl Into<String>) -> Problem {
        Problem {
            status,
            word: None,
            detail: detail.into(),
        }
    }

    /// 409: somebody else has that name.
    pub(super) fn taken(what: &str) -> Problem {
        Problem {
            status: 409,
            word: Some("uniqueness"),
            detail: format!("another one has this `{what}` already"),
        }
    }

    /// 404.
    pub(super) fn unknown() -> Problem {
        Problem::new(404, "there is nothing of this id")
    }

    /// The body that says so.
    pub(crate) fn body(&self) -> Value {
        let mut body = Map::new();
        body.insert("schemas".into(), json!([ERROR]));
        body.insert("status".into(), json!(self.status.to_string()));
        if let Some(word) = self.word {
            body.insert("scimType".into(), json!(word));
        }
        body.insert("detail".into(), json!(self.detail));
        Value::Object(body)
    }
}

const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";
