//! `stile keys block` and `unblock`: change the list of blocked keys.
//!
//! In: an issuer, a key id, a reason. Out: the list written anew, and what happens next.
//!
//! The list is replaced as a whole: written beside, synced, renamed, and the folder synced, so that
//! a running stile reads the old list or the new one and nothing in between. One writer at a time.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use crate::cli::Exit;
use crate::cli::settings_file::SettingsFile;
use crate::cli::terminal::{Paint, Terminal};
use crate::cli::trouble::Trouble;
use crate::clock::Clock;
use crate::config::Settings;
use crate::identify::{BlockedKey, BlockedKeys};
use crate::record;
use crate::setup_error::SetupError;

/// Adds a key to the list.
pub(super) fn block(
    issuer: &str,
    kid: &str,
    why: &str,
    file: &SettingsFile,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    if kid.is_empty() || why.trim().is_empty() {
        let fault = SetupError::new("the key id and the reason must say something");
        return Err(Trouble::input(
            fault.hint("stile keys block ISSUER KID --why TEXT"),
        ));
    }
    let settings = file.load()?;
    let path = list_of(&settings)?;
    let names = || settings.issuers.iter().map(|issuer| issuer.name.as_str());
    if !names().any(|name| name == issuer) {
        let fault = SetupError::new(format!("no issuer is named `{issuer}`"));
        return Err(Trouble::input(fault.did_you_mean(issuer, names())));
    }
    let _writer = only_writer(path)?;
    let mut list = match path.exists() {
        true => BlockedKeys::read(path, names()).map_err(Trouble::input)?,
        false => BlockedKeys::default(),
    };
    let key = BlockedKey {
        issuer: issuer.to_owned(),
        kid: kid.to_owned(),
        why: why.to_owned(),
        since: now(),
    };
    let shown = kid.escape_debug();
    if !list.add(key) {
        let said = format!("key `{shown}` of {issuer} was blocked already; nothing changed");
        terminal.verdict("BLOCKED", Paint::Green, said)?;
        return Ok(Exit::Yes);
    }
    replace(path, &list)?;
    let said = format!("key `{shown}` of {issuer}, in {}", path.display());
    terminal.verdict("BLOCKED", Paint::Green, said)?;
    terminal.say(next(&settings, "its tokens get 401 `unknown_key`"));
    Ok(Exit::Yes)
}

/// Takes a key off the list.
pub(super) fn unblock(
    issuer: &str,
    kid: &str,
    file: &SettingsFile,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    let settings = file.load()?;
    let path = list_of(&settings)?;
    let _writer = only_writer(path)?;
    let names = settings.issuers.iter().map(|issuer| issuer.name.as_str());
    let mut list = BlockedKeys::read(path, names).map_err(Trouble::input)?;
    let shown = kid.escape_debug();
    if !list.remove(issuer, kid) {
        let said = format!("key `{shown}` of {issuer} is not in {}", path.display());
        terminal.verdict("NOT BLOCKED", Paint::Yellow, said)?;
        return Ok(Exit::No);
    }
    replace(path, &list)?;
    let said = format!("key `{shown}` of {issuer}, in {}", path.display());
    terminal.verdict("UNBLOCKED", Paint::Green, said)?;
    terminal.say(next(
        &settings,
        "it verifies again if its issuer publishes it",
    ));
    Ok(Exit::Yes)
}

fn list_of(settings: &Settings) -> Result<&Path, Trouble> {
    settings.blocked_file.as_deref().ok_or_else(|| {
        let fault = SetupError::new("the settings name no list of blocked keys");
        Trouble::input(fault.hint(
            "set `keys: { blocked_file: blocked-keys.yaml }`, write `[]` into that file, and reload",
        ))
    })
}

/// What follows from a changed list, told honestly.
fn next(settings: &Settings, then: &str) -> String {
    match record::holder(&settings.journal.folder) {
        Some(pid) => format!("stile (pid {pid}) obeys within 1 s: {then}"),
        None => format!(
            "no stile of these settings runs here; where one reads this file: {then}. Other \
             instances have lists of their own"
        ),
    }
}

/// Held until the list is written: two operators at once must not undo each other.
fn only_writer(path: &Path) -> Result<File, Trouble> {
    let folder = folder_of(path);
    let locked = File::open(folder).and_then(|folder| folder.lock().map(|()| folder));
    locked.map_err(|error| unwritten(path, &error))
}

fn replace(path: &Path, list: &BlockedKeys) -> Result<(), Trouble> {
    written(path, list).map_err(|error| unwritten(path, &error))
}

fn written(path: &Path, list: &BlockedKeys) -> io::Result<()> {
    // Where the name is a link, what it leads to is the list.
    let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let before = fs::metadata(path).ok();
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let beside = path.with_file_name(name);
    let mode = before.as_ref().map_or(0o644, |there| there.mode() & 0o777);
    let result = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&beside)
        .and_then(|mut file| {
            if let Some(before) = &before {
                // stile must be able to read it as it read the old one, whoever runs this.
                file.set_permissions(fs::Permissions::from_mode(mode))?;
                if (before.uid(), before.gid()) != (file.metadata()?.uid(), file.metadata()?.gid())
                {
                    std::os::unix::fs::fchown(&file, Some(before.uid()), Some(before.gid()))?;
                }
            }
            file.write_all(list.to_yaml().as_bytes())?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&beside, path))
        .and_then(|()| File::open(folder_of(path))?.sync_all());
    if result.is_err() {
        // Ours alone; what cannot be removed is at least not taken for the list.
        let _ = fs::remove_file(&beside);
    }
    result
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn unwritten(path: &Path, error: &io::Error) -> Trouble {
    let said = error.to_string().to_lowercase();
    let fault = SetupError::in_file(path, format!("the list cannot be written: {said}"));
    Trouble::Unknown(fault.hint("nothing changed; run it as the user who owns the folder"))
}

fn now() -> String {
    let ms = i64::try_from(Clock::machine().now().as_ms()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(ms)
        .unwrap_or_default()
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}

pub(super) const BLOCK_EXAMPLES: &str = "\
Examples:
  stile keys block gitlab 4i3s...kQ --why 'leaked, ticket 4711'
  stile keys block okta \"$KID\" --why 'rotated early' && stile keys refresh

Obeyed within a second, also for tokens that were verified before. Exits with 0, with 2 when the
settings name no list or no such issuer, with 3 when the list cannot be written.";

pub(super) const UNBLOCK_EXAMPLES: &str = "\
Examples:
  stile keys unblock gitlab 4i3s...kQ

Exits with 0, with 1 when the key was not blocked.";
