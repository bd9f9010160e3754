//! Reads the keys that the upstreams want and makes the fields that carry them.
//!
//! In: the settings of one upstream. Out: [`InjectedHeaders`], set last on every request, and
//! `LiveKeys`, which say whose they are and let a newer key take an older one's place.
//!
//! A key is read from a file that only its owner can read, or printed by a program, and held as a
//! [`Secret`]; the field made of it is marked sensitive, so that HTTP/2 never indexes it and no
//! debug print shows it.
//!
//! Never: a key in the settings file, in the environment, in an error message or in a log line.
//!
//! When a key cannot be read, the start-up or the reload is refused.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue};

use super::headers::is_ours;
use super::settings::{InjectedHeader, KeyCommand, UpstreamSettings};
use crate::clock::{Clock, Time};
use crate::secret::Secret;
use crate::setup_error::SetupError;

mod command;
mod live;

pub use live::UpstreamKeyState;
pub(crate) use live::{LiveKeys, Slot};

/// Which of an upstream's keys.
#[derive(Clone, Debug)]
enum Which {
    /// That of whoever has none of their own.
    Usual,
    /// The one that follows it.
    Next,
    /// That of a project or team.
    Project(String),
}

impl Which {
    fn source<'h>(&self, header: &'h InjectedHeader) -> Option<Source<'h>> {
        let own = match self {
            Which::Usual => None,
            Which::Next => header.next_key_file.as_deref(),
            Which::Project(name) => header.keys_by_project.get(name).map(PathBuf::as_path),
        };
        let usual = || header.key_file.as_deref().map(Source::File);
        let asked = || header.key_command.as_ref().map(Source::Command);
        own.map(Source::File).or_else(usual).or_else(asked)
    }
}

/// Where a key comes from.
#[derive(Clone, Copy, Debug)]
enum Source<'h> {
    File(&'h Path),
    Command(&'h KeyCommand),
}

impl Source<'_> {
    /// The key, and when it was written.
    fn read(self) -> Result<(Secret, Option<Time>), SetupError> {
        match self {
            Source::File(path) => read_key(path),
            Source::Command(command) => {
                let fault = |what: String| {
                    let program = command.words.first().map_or("", String::as_str);
                    SetupError::new(format!("`key_command` `{program}`: {what}"))
                        .hint("it must print the upstream's key, one line, and end with 0")
                };
                let text = command::printed(&command.words, MOST_TIME).map_err(fault)?;
                let key = one_line(&text).map_err(|what| fault(what.to_owned()))?;
                Ok((key, Some(Clock::machine().now())))
            }
        }
    }
}

/// The fields that stile sets on every request to one upstream.
#[derive(Clone, Debug)]
pub struct InjectedHeaders {
    fields: Vec<(HeaderName, HeaderValue)>,
    keys: Vec<Secret>,
    key_written: Option<Time>,
}

impl InjectedHeaders {
    /// Reads the key files and makes the fields.
    ///
    /// # Errors
    ///
    /// One for each field that cannot be made: its name is reserved or doubled, its key file is
    /// missing, readable by others, or not one line of visible ASCII of 8 to 8192 characters, or
    /// its value and its file do not fit each other. One more when no field carries a key.
    pub fn load(settings: &UpstreamSettings) -> Result<InjectedHeaders, Vec<SetupError>> {
        InjectedHeaders::load_for(settings, &Which::Usual)
    }

    fn load_for(
        settings: &UpstreamSettings,
        which: &Which,
    ) -> Result<InjectedHeaders, Vec<SetupError>> {
        let mut loaded = InjectedHeaders {
            fields: Vec::new(),
            keys: Vec::new(),
            key_written: None,
        };
        let errors: Vec<SetupError> = settings
            .headers
            .iter()
            .filter_map(|header| {
                loaded
                    .add(&settings.name, header, which.source(header))
                    .err()
            })
            .collect();
        if !errors.is_empty() {
            return Err(errors);
        }
        if loaded.keys.is_empty() {
            let fault = format!("upstream `{}` has no header with a key", settings.name);
            return Err(vec![SetupError::new(fault).hint(
                "give at least one of its headers a `key_file` and a value with `{key}`",
            )]);
        }
        Ok(loaded)
    }

    /// Whether any of the keys has one that follows it.
    fn has_next(settings: &UpstreamSettings) -> bool {
        let mut headers = settings.headers.iter();
        headers.any(|header| header.next_key_file.is_some())
    }

    /// Whether the keys are the same.
    fn same_keys(&self, other: &InjectedHeaders) -> bool {
        let pairs = self.keys.iter().zip(&other.keys);
        self.keys.len() == other.keys.len() && pairs.into_iter().all(|(a, b)| a.equals(b))
    }

    /// The names that are set.
    fn names(&self) -> impl Iterator<Item = &HeaderName> {
        self.fields.iter().map(|(name, _)| name)
    }

    /// Sets the fields; whatever stood under these names is gone.
    pub(crate) fn put(&self, to: &mut HeaderMap) {
        for (name, value) in &self.fields {
            to.insert(name.clone(), value.clone());
        }
    }

    /// When the oldest of the key files was written.
    pub(crate) fn key_written(&self) -> Option<Time> {
        self.key_written
    }

    fn add(
        &mut self,
        upstream: &str,
        header: &InjectedHeader,
        source: Option<Source<'_>>,
    ) -> Result<(), SetupError> {
        let name = &header.name;
        let fault = |what: &str| SetupError::new(format!("upstream `{upstream}`: `{name}` {what}"));
        if is_ours(name) {
            return Err(fault("is set by stile itself").hint("take it out of `headers`"));
        }
        if self.names().any(|known| known == name) {
            return Err(fault("is set twice").hint("keep one of them"));
        }
        let value = match (source, header.value.contains(KEY)) {
            (None, false) => plain(&header.value).map_err(|()| fault("has a malformed value"))?,
            (Some(source), true) => {
                let (key, written) = source.read()?;
                let text = header.value.replace(KEY, key.reveal());
                let mut value = plain(&text).map_err(|()| fault("has a malformed value"))?;
                value.set_sensitive(true);
                self.keys.push(key);
                self.key_written = [self.key_written, written].into_iter().flatten().min();
                value
            }
            (None, true) => {
                return Err(fault("names `{key}` but no key file").hint("add `key_file`"));
            }
            (Some(_), false) => {
                return Err(fault("has a key file that its value does not use")
                    .hint("write `{key}` where the key belongs, such as `bearer {key}`"));
            }
        };
        self.fields.push((name.clone(), value));
        Ok(())
    }
}

/// The value of one field outside the way of a request, its key read anew.
///
/// # Errors
///
/// When the key cannot be read or the value cannot be one.
pub(crate) fn header_with_key(header: &InjectedHeader) -> Result<HeaderValue, SetupError> {
    let malformed = |()| SetupError::new(format!("`{}` has a malformed value", header.name));
    let Some(path) = &header.key_file else {
        return plain(&header.value).map_err(malformed);
    };
    let (key, _) = read_key(path)?;
    let mut value = plain(&header.value.replace(KEY, key.reveal())).map_err(malformed)?;
    value.set_sensitive(true);
    Ok(value)
}

fn plain(text: &str) -> Result<HeaderValue, ()> {
    let visible = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    if text.is_empty() || text.trim() != text || !text.bytes().all(visible) {
        return Err(());
    }
    HeaderValue::from_str(text).map_err(|_| ())
}

/// The key, and when its file was written.
fn read_key(path: &Path) -> Result<(Secret, Option<Time>), SetupError> {
    let cannot = |error: std::io::Error| {
        SetupError::in_file(
            path,
            format!("the key file cannot be read: {}", error.kind()),
        )
        .hint("write the upstream's key into it, one line, and `chmod 600` it")
    };
    let file = std::fs::File::open(path).map_err(cannot)?;
    let facts = file.metadata().map_err(cannot)?;
    if !facts.is_file() {
        return Err(SetupError::in_file(
            path,
            "the key file is not a plain file",
        ));
    }
    // Of the opened file, so that it cannot be exchanged in between.
    if facts.permissions().mode() & OTHERS != 0 {
        return Err(
            SetupError::in_file(path, "the key file can be read by others")
                .hint(format!("run `chmod 600 {}`", path.display())),
        );
    }
    let mut text = zeroize::Zeroizing::new(String::new());
    file.take(MOST_BYTES + 2)
        .read_to_string(&mut text)
        .map_err(cannot)?;
    let key = one_line(&text).map_err(|what| {
        SetupError::in_file(path, what).hint("write the key alone, without spaces or quotes")
    })?;
    let written = facts.modified().ok();
    let since = written.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    let written = since.and_then(|since| u64::try_from(since.as_millis()).ok());
    Ok((key, written.map(Time::from_ms)))
}

fn one_line(text: &str) -> Result<Secret, &'static str> {
    let line = text.strip_suffix('\n').unwrap_or(text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    let fits = FEWEST_BYTES..=usize::try_from(MOST_BYTES).unwrap_or(usize::MAX);
    if !fits.contains(&line.len()) || !line.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("the key is not one line of 8 to 8192 visible characters");
    }
    Ok(Secret::new(line.to_owned()))
}

/// Stands for the key in a value.
const KEY: &str = "{key}";

/// For a program that prints a key: it runs in the middle of a reload.
const MOST_TIME: Duration = Duration::from_secs(10);

/// Group and others, to read, write or run.
const OTHERS: u32 = 0o077;

/// A shorter key would be found in values that have nothing to do with it.
const FEWEST_BYTES: usize = 8;

const MOST_BYTES: u64 = 8192;
