//! What this step is set to.
//!
//! In: the checked settings file. Out: values that are possible by construction.

use std::path::PathBuf;

/// Which catalogues are in use, and for which upstream.
#[derive(Clone, Debug)]
pub struct CatalogueSettings {
    /// The folder with one YAML file per catalogue: `policies/operations`.
    pub folder: PathBuf,
    /// One per upstream, in the order of the settings file.
    pub uses: Vec<CatalogueUse>,
}

/// One upstream's catalogue.
#[derive(Clone, Debug)]
pub struct CatalogueUse {
    /// The upstream's name in `stile.yaml`.
    pub upstream: String,
    /// The catalogue's file name without `.yaml`.
    pub operations: String,
    /// Template parameters that the upstream's key is good for, by name: another value is
    /// `misdirected`.
    pub pinned: Vec<(String, String)>,
}
