//! What is handed out is what was asked for, and says what the records say.

mod bundle;
mod changed;
mod files;
mod interrupted;
mod ocsf;
mod served;

use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use stile::clock::Time;
use stile::export::bundle::{Checked, Journal, Plan, check, write};
use stile::export::{ExportError, Source, Written};
use stile::index::{Asked, Query};
use stile::record::epoch::Vkeys;
use stile::record::{Evidence, Vkey};

use crate::index::random::{self, Dice};

const ORIGIN: &str = "stile.example.com/main";
const NOW: Time = Time::from_ms(1_795_434_000_000);

/// A closed journal of random records, and what hands them out.
struct Stand {
    folder: tempfile::TempDir,
}

impl Stand {
    async fn of(seed: u64, count: usize) -> Stand {
        let folder = tempfile::tempdir().unwrap();
        let records = random::records(&mut Dice::new(seed), ORIGIN, count);
        crate::index::write(&folder.path().join("journal"), ORIGIN, records).await;
        Stand { folder }
    }

    fn journal(&self) -> PathBuf {
        self.folder.path().join("journal")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn key(&self) -> Vkey {
        Vkeys::read(&self.journal()).unwrap().log.unwrap()
    }

    fn plan(&self, text: &str) -> Plan {
        let asked = Asked::at(NOW).in_zone("Europe/Berlin").unwrap();
        Plan {
            asked: text.to_owned(),
            means: Query::parse(text, &asked).unwrap(),
            zone: TimeZone::get("Europe/Berlin").unwrap(),
            zone_name: "Europe/Berlin".to_owned(),
            by: "Anna <anna@acme.example>".to_owned(),
            at: NOW,
            journals: vec![Journal {
                folder: self.journal(),
                tiles: self.journal().join("tiles"),
            }],
        }
    }

    fn bundle(&self, text: &str, name: &str) -> Result<(PathBuf, Written), ExportError> {
        let path = self.path(name);
        let mut source = Source::Journal(self.journal());
        let written = write(&path, &self.plan(text), &mut source, |_| {})?;
        Ok((path, written))
    }
}

/// What a bundle proves to who knows this key.
fn checked(path: &Path, known: &[Vkey]) -> Checked {
    let evidence = Evidence {
        pinned: known.to_vec(),
        ..Evidence::default()
    };
    check(path, &evidence, |_, _, _| {}).unwrap()
}
