//! Which settings file is meant, and the settings in it.
//!
//! In: `--config`, if it was given. Out: a path, and [`Settings`] or every fault of the file.
//!
//! `--config`, else `./stile.yaml` if it is there, else `/etc/stile/stile.yaml`.

use std::path::{Path, PathBuf};

use super::trouble::Trouble;
use crate::config::{Explained, Settings, environment, explain};

/// The settings file, before it is read.
#[derive(Clone, Debug)]
pub(super) struct SettingsFile {
    said: Option<PathBuf>,
}

impl SettingsFile {
    /// The file that was named, or one of the usual ones.
    pub(super) fn new(said: Option<PathBuf>) -> SettingsFile {
        SettingsFile { said }
    }

    /// The file to read.
    pub(super) fn path(&self) -> &Path {
        match &self.said {
            Some(said) => said,
            None => USUAL
                .iter()
                .map(Path::new)
                .find(|path| path.exists())
                .unwrap_or(Path::new(HERE)),
        }
    }

    /// The places looked at, in order, each with where it comes from.
    pub(super) fn candidates(&self) -> Vec<(&Path, &'static str)> {
        match &self.said {
            Some(said) => vec![(said.as_path(), "--config")],
            None => vec![
                (Path::new(HERE), "this folder"),
                (Path::new(MACHINE), "this machine"),
            ],
        }
    }

    /// The settings in it, with the environment laid over them.
    pub(super) fn load(&self) -> Result<Settings, Trouble> {
        Ok(Settings::load(self.path(), environment::machine())?)
    }

    /// The settings with the origin of each value.
    pub(super) fn explain(&self) -> Result<Explained, Trouble> {
        Ok(explain(self.path(), environment::machine())?)
    }
}

const HERE: &str = "stile.yaml";
const MACHINE: &str = "/etc/stile/stile.yaml";
const USUAL: [&str; 2] = [HERE, MACHINE];
