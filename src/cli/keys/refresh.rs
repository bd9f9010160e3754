//! `stile keys refresh`: lets the running stile fetch all keys now.
//!
//! In: the settings, whose journal names the process that runs by them. Out: SIGHUP to that process.
//!
//! Never: a signal to a process that does not have the journal open.

use rustix::process::{Pid, Signal, kill_process};

use crate::cli::Exit;
use crate::cli::settings_file::SettingsFile;
use crate::cli::terminal::{Paint, Terminal};
use crate::cli::trouble::Trouble;
use crate::record;
use crate::setup_error::SetupError;

/// Signals the process that holds the journal.
pub(super) fn refresh(file: &SettingsFile, terminal: &mut Terminal) -> Result<Exit, Trouble> {
    let settings = file.load()?;
    let folder = &settings.journal.folder;
    let Some(pid) = record::holder(folder) else {
        let fault = format!(
            "no stile that can be signalled has the journal `{}`",
            folder.display()
        );
        return Err(Trouble::Unknown(SetupError::new(fault).hint(
            "run it on the machine or in the container of that stile, as its user or as root; \
             `--config` names its settings",
        )));
    };
    let sent = i32::try_from(pid)
        .ok()
        .and_then(Pid::from_raw)
        .ok_or(rustix::io::Errno::SRCH)
        .and_then(|process| kill_process(process, Signal::HUP));
    if let Err(error) = sent {
        let fault = format!("stile (pid {pid}) cannot be signalled: {error}");
        let hint = "run it as the user of that process, or as root";
        return Err(Trouble::Unknown(SetupError::new(fault).hint(hint)));
    }
    let said = format!("stile (pid {pid}) to fetch all keys now and to read its settings anew");
    terminal.verdict("ASKED", Paint::Green, said)?;
    terminal.say("how it went: `stile keys`, and its log");
    Ok(Exit::Yes)
}

pub(super) const EXAMPLES: &str = "\
Examples:
  stile keys refresh && sleep 6 && stile keys

The same as SIGHUP. Exits with 0 once the signal is sent, with 3 when no stile of these settings
runs here.";
