//! What this step is set to.
//!
//! In: the checked settings file. Out: values that are possible by construction, and the secrets.

use std::collections::BTreeMap;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::secret::Secret;
use crate::setup_error::SetupError;

/// One GitLab that may tell us something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookSettings {
    /// The issuer whose jobs these are, by its name.
    pub issuer: String,
    /// Groups and projects that it may speak of, by their full paths.
    pub groups: Vec<String>,
    /// Files with what it sends in `X-Gitlab-Token`.
    pub secret_files: Vec<PathBuf>,
    /// Files with what it signs with: `whsec_` and 32 bytes in base64.
    pub signing_key_files: Vec<PathBuf>,
    /// The service that a project's deployments are of, where its name is another than the project's.
    pub services: BTreeMap<String, String>,
    /// Words in a commit's co-author lines that mean a machine, in lower case.
    pub machines: Vec<String>,
}

/// Every GitLab that may tell us something, with its secrets.
#[derive(Clone, Debug, Default)]
pub struct Hooks(pub(super) Vec<Hook>);

/// One of them.
#[derive(Clone, Debug)]
pub(super) struct Hook {
    pub(super) settings: HookSettings,
    pub(super) secrets: Vec<Secret>,
    pub(super) signing_keys: Vec<SigningKey>,
}

/// A key of HMAC-SHA256.
#[derive(Clone, Debug)]
pub(super) struct SigningKey(pub(super) aws_lc_rs::hmac::Key);

impl Hooks {
    /// Reads the secrets.
    ///
    /// # Errors
    ///
    /// Every file that is none, with its path.
    pub fn read(settings: &[HookSettings]) -> Result<Hooks, Vec<SetupError>> {
        let mut hooks = Vec::new();
        let mut faults = Vec::new();
        for one in settings {
            let secrets = one.secret_files.iter().map(secret_in).collect();
            let keys = one.signing_key_files.iter().map(signing_key_in).collect();
            match (both(secrets), both(keys)) {
                (Ok(secrets), Ok(signing_keys)) => hooks.push(Hook {
                    settings: one.clone(),
                    secrets,
                    signing_keys,
                }),
                (secrets, keys) => {
                    faults.extend(secrets.err().into_iter().flatten());
                    faults.extend(keys.err().into_iter().flatten());
                }
            }
        }
        match faults.is_empty() {
            true => Ok(Hooks(hooks)),
            false => Err(faults),
        }
    }

    /// Whether nobody may.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn both<T>(read: Vec<Result<T, SetupError>>) -> Result<Vec<T>, Vec<SetupError>> {
    let (good, bad): (Vec<_>, Vec<_>) = read.into_iter().partition(Result::is_ok);
    match bad.is_empty() {
        true => Ok(good.into_iter().flatten().collect()),
        false => Err(bad.into_iter().filter_map(Result::err).collect()),
    }
}

fn text_in(file: &PathBuf) -> Result<String, SetupError> {
    let text = std::fs::read_to_string(file).map_err(|fault| {
        SetupError::new(format!("`{}` cannot be read: {fault}", file.display()))
    })?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

fn secret_in(file: &PathBuf) -> Result<Secret, SetupError> {
    let text = text_in(file)?;
    if text.len() < SHORTEST || text.bytes().any(|byte| !(33..=126).contains(&byte)) {
        let what = format!("`{}` holds no secret of a webhook", file.display());
        return Err(SetupError::new(what).hint(
            "16 printable characters or more on one line, such as `openssl rand -hex 32` makes",
        ));
    }
    Ok(Secret::new(text))
}

fn signing_key_in(file: &PathBuf) -> Result<SigningKey, SetupError> {
    let text = text_in(file)?;
    let key = text.strip_prefix("whsec_").map(|key| STANDARD.decode(key));
    match key {
        Some(Ok(key)) if key.len() >= SHORTEST => {
            let algorithm = aws_lc_rs::hmac::HMAC_SHA256;
            Ok(SigningKey(aws_lc_rs::hmac::Key::new(algorithm, &key)))
        }
        _ => {
            let what = format!("`{}` holds no signing token of a webhook", file.display());
            Err(SetupError::new(what).hint(
                "GitLab takes `whsec_` and 32 random bytes in base64 (`openssl rand -base64 32`)",
            ))
        }
    }
}

/// Of a secret, in bytes.
const SHORTEST: usize = 16;
