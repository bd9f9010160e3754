//! Settings, catalogue and policies, loaded for a command in the order in which `serve` does.
//!
//! In: the settings file. Out: what decides, or every fault that could be found.

use super::settings_file::SettingsFile;
use super::trouble::Trouble;
use crate::authorize::Policies;
use crate::clock::Time;
use crate::config::Settings;
use crate::resolve::Catalogue;

/// What decides.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) settings: Settings,
    pub(super) catalogue: Catalogue,
    pub(super) policies: Policies,
}

/// Loads everything that decides; a policy folder whose cases fail is refused, as `serve` does.
pub(super) fn load(file: &SettingsFile, now: Time) -> Result<Loaded, Trouble> {
    let settings = file.load()?;
    let catalogue = Catalogue::load(&settings.catalogue)?;
    let policies = Policies::load(&settings.policies, catalogue.entries(), now)?;
    Ok(Loaded {
        settings,
        catalogue,
        policies,
    })
}

/// The same, but the policies' cases are not run: `stile test` reports them itself.
pub(super) fn load_untested(file: &SettingsFile, now: Time) -> Result<Loaded, Trouble> {
    let settings = file.load()?;
    let catalogue = Catalogue::load(&settings.catalogue)?;
    let policies = Policies::load_untested(&settings.policies, catalogue.entries(), now)?;
    Ok(Loaded {
        settings,
        catalogue,
        policies,
    })
}
