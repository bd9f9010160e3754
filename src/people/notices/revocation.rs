//! Reads a request to revoke all tokens of a person.
//!
//! In: the body of a request whose caller proved who it is: `{"sub_id": {…}}`. Out: whom it is about.
//!
//! draft-parecki-oauth-global-token-revocation; RFC 9493.

use super::subject::{self, Reach, Subject};
use super::{Effect, Heard, malformed};
use crate::identify::strict_json;
use crate::refusal::Refusal;

/// Whose tokens are revoked; nothing follows where the subject is named in a way that no token does.
///
/// # Errors
///
/// `malformed_token`, with what is wrong.
pub(crate) fn read(body: &[u8]) -> Result<Heard, Refusal> {
    let body = strict_json(body, DEEPEST);
    let body = body.ok_or_else(|| malformed("the body is not one strict JSON object"))?;
    let subject = body.get("sub_id");
    let subject = subject.ok_or_else(|| malformed("`sub_id` is not there"))?;
    let event = "global-token-revocation".to_owned();
    Ok(match subject::read(subject, Reach::Person)? {
        Subject::Understood(about) => Heard {
            event,
            effect: Effect::End,
            about,
        },
        Subject::NotUnderstood => Heard {
            event,
            effect: Effect::Nothing("no token names anybody as its subject does"),
            about: Vec::new(),
        },
    })
}

const DEEPEST: usize = 8;
