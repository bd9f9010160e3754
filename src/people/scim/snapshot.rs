//! Makes what requests are held against of the rows.
//!
//! In: users and groups of every provider. Out: a [`Directory`]; the last one where nothing changed.

use std::collections::HashMap;
use std::sync::Arc;

use super::entry::{Entry, Id, Kind, id_text};
use super::rows;
use crate::database::{Database, DatabaseError};
use crate::identify::directory::{
    Directory, Provided, Standing, SubjectDigest, name_digest, subject_digest,
};
use crate::identify::{Dialect, tenant_of};
use crate::people::settings::{ScimSettings, SubjectAttribute};
use crate::people::{Store, keys, random};

/// The directory as it is now.
pub(in crate::people) fn now(
    store: &mut Store,
    settings: &[ScimSettings],
    last: &Arc<Directory>,
) -> Result<Arc<Directory>, DatabaseError> {
    if settings.is_empty() {
        return Ok(Arc::clone(last));
    }
    let key = key(store)?;
    store.read(|database| {
        // One more, so that the first look finds a change.
        let version = rows::version(database)? + 1;
        if version == last.version() {
            return Ok(Arc::clone(last));
        }
        let mut providers = HashMap::new();
        for one in settings {
            let provided = provided(database, one, &key)?;
            providers.insert(one.issuer.name.clone(), provided);
        }
        Ok(Arc::new(Directory::new(version, key, providers)))
    })
}

/// The key of digests.
pub(super) fn key(store: &mut Store) -> Result<[u8; 32], DatabaseError> {
    let fresh = random::random()
        .ok_or_else(|| DatabaseError::failed("key", "the machine gives no random bytes"))?;
    keys::shared(store, "directory", fresh)
}

/// The digests of the subjects that tokens name this user by.
pub(super) fn digests_of(
    settings: &ScimSettings,
    key: &[u8; 32],
    user: &Entry,
) -> Vec<SubjectDigest> {
    let issuer = &settings.issuer;
    let exact = |subject: &str| match tenant_of(&issuer.url) {
        // A subject of Entra ID is `tenant/object`, since an object id alone is of one tenant.
        Some(tenant) if issuer.dialect == Dialect::Entra => {
            subject_digest(key, &issuer.name, &format!("{tenant}/{subject}"))
        }
        _ => subject_digest(key, &issuer.name, subject),
    };
    let digest = |attribute: &SubjectAttribute| match attribute {
        SubjectAttribute::ExternalId => user.external_id.as_deref().map(exact),
        SubjectAttribute::UserName => Some(name_digest(key, &issuer.name, &user.name)),
        SubjectAttribute::Id => Some(exact(&id_text(user.id))),
    };
    settings.subject.iter().filter_map(digest).collect()
}

fn provided(
    database: &mut dyn Database,
    settings: &ScimSettings,
    key: &[u8; 32],
) -> Result<Provided, DatabaseError> {
    let name = &settings.issuer.name;
    let mut groups = rows::all(database, name, Kind::Group)?;
    groups.sort_by(|a, b| a.name.cmp(&b.name));
    let mut places: HashMap<Id, Vec<u32>> = HashMap::new();
    for (place, group) in (0..).zip(&groups) {
        for member in &group.members {
            places.entry(*member).or_default().push(place);
        }
    }
    let gone = rows::gone(database, name)?.into_iter();
    let mut people: HashMap<_, _> = gone.map(|digest| (digest, Standing::Ended)).collect();
    for user in rows::all(database, name, Kind::User)? {
        let places = places.remove(&user.id).unwrap_or_default();
        let standing = match user.active {
            true => Standing::Active(places.into()),
            false => Standing::Ended,
        };
        for digest in digests_of(settings, key, &user) {
            people.insert(digest, standing.clone());
        }
    }
    people.shrink_to_fit();
    Ok(Provided {
        refuses_unknown: settings.refuses_unknown,
        by_name: settings.subject.contains(&SubjectAttribute::UserName),
        groups: groups.into_iter().map(|group| group.name).collect(),
        people,
    })
}
