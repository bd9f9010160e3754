//! Says which provider shows its token.
//!
//! In: the files with the tokens, and the fields of a request. Out: the place of the provider.
//!
//! Every token is compared with what was sent, in time that depends on no byte of it.

use std::path::PathBuf;

use http::{HeaderMap, header};

use crate::people::settings::ScimSettings;
use crate::refusal::{Reason, Refusal};
use crate::secret::Secret;
use crate::setup_error::SetupError;

/// The tokens of all providers.
#[derive(Debug)]
pub(super) struct Tokens(Vec<Vec<Secret>>);

impl Tokens {
    pub(super) fn read(settings: &[ScimSettings]) -> Result<Tokens, Vec<SetupError>> {
        let (mut tokens, mut faults): (Vec<Vec<Secret>>, Vec<SetupError>) = Default::default();
        for one in settings {
            let mut own = Vec::new();
            for file in &one.token_files {
                match token_in(file) {
                    Ok(token) if tokens.iter().flatten().any(|other| other.equals(&token)) => {
                        let what = format!(
                            "`{}` holds the token of another provider as well",
                            file.display()
                        );
                        let hint = "give each provider a token of its own";
                        faults.push(SetupError::new(what).hint(hint));
                    }
                    Ok(token) => own.push(token),
                    Err(fault) => faults.push(fault),
                }
            }
            tokens.push(own);
        }
        match faults.is_empty() {
            true => Ok(Tokens(tokens)),
            false => Err(faults),
        }
    }

    /// Whose token is sent.
    pub(super) fn prove(&self, headers: &HeaderMap) -> Result<usize, Refusal> {
        let mut fields = headers.get_all(header::AUTHORIZATION).iter();
        let (sent, second) = (fields.next(), fields.next());
        if second.is_some() {
            return Err(Refusal::new(Reason::MultipleCredentials));
        }
        let sent = sent.ok_or_else(|| {
            Refusal::new(Reason::NoCredential).telling(
                "a provider of users and groups shows its token: `authorization: Bearer ...`",
            )
        })?;
        let sent = sent.to_str().ok().and_then(|text| text.split_once(' '));
        let token = match sent {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim_start(),
            _ => return Err(unproven()),
        };
        let token = Secret::new(token.to_owned());
        let mut found = None;
        for (which, own) in self.0.iter().enumerate() {
            for one in own {
                if one.equals(&token) {
                    found = Some(which);
                }
            }
        }
        found.ok_or_else(unproven)
    }
}

pub(super) fn unproven() -> Refusal {
    Refusal::new(Reason::BadSignature).telling(
        "the token is not that of a provider that is known here: compare the one in the provider \
         with the file that `people.scim` names",
    )
}

fn token_in(file: &PathBuf) -> Result<Secret, SetupError> {
    let text = std::fs::read_to_string(file).map_err(|fault| {
        SetupError::new(format!("`{}` cannot be read: {fault}", file.display()))
    })?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.len() < SHORTEST || text.bytes().any(|byte| !(33..=126).contains(&byte)) {
        let what = format!("`{}` holds no token of a provider", file.display());
        return Err(SetupError::new(what).hint(
            "32 printable characters or more on one line, such as `openssl rand -hex 32` makes",
        ));
    }
    Ok(Secret::new(text.to_owned()))
}

const SHORTEST: usize = 32;
