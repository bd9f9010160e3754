//! Lays the environment over the settings file. The only place that reads the environment.
//!
//! In: pairs of name and value, and the tree of the file. Out: the tree with overrides in it.
//!
//! `STILE_LISTEN__0__ADDRESS=127.0.0.1:0` sets `listen[0].address`: the path in capitals, keys apart
//! by two underscores, positions of lists from 0. The value is a YAML scalar or flow value. A path
//! that leads nowhere is reported with the variable's name, as an unknown key of the file would be.
//!
//! A name with single underscores that begins with a section, such as `STILE_ADMIN_ADDRESS`, is
//! refused, so that the commonest slip does not pass in silence. Other names that begin with
//! `STILE_` are somebody else's.

use std::ffi::{OsStr, OsString};

use super::origin::{Origin, Place};
use super::tree::{Key, Node, Value};
use crate::setup_error::SetupError;

/// The environment of this process.
pub fn machine() -> Vec<(OsString, OsString)> {
    std::env::vars_os().collect()
}

/// Whether a variable is set to something, as `NO_COLOR` asks.
pub fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

/// The program that a variable names, as `CVC5` names a solver.
pub fn program(name: &str) -> Option<std::path::PathBuf> {
    std::env::var_os(name)
        .filter(|value| !value.is_empty())
        .map(std::path::PathBuf::from)
}

/// Lays every override over the tree. Those that cannot be read become faults.
pub(super) fn overlay(
    root: &mut Node,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
    faults: &mut Vec<SetupError>,
) {
    let mut overrides = Vec::new();
    for (name, value) in environment {
        match Override::parse(&name, &value) {
            Ok(Some(found)) => overrides.push(found),
            Ok(None) => {}
            Err(fault) => faults.push(fault),
        }
    }
    // Shorter paths first, positions in order: a list may be set whole and then in part.
    overrides.sort_by(|a, b| a.steps.cmp(&b.steps));
    for found in overrides {
        if let Err(fault) = found.apply(root) {
            faults.push(fault);
        }
    }
}

/// One variable that sets one path.
struct Override {
    origin: Origin,
    steps: Vec<Step>,
    value: Value,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Index(usize),
    Key(String),
}

impl Override {
    fn parse(name: &OsStr, value: &OsStr) -> Result<Option<Override>, SetupError> {
        let Some(name) = name.to_str() else {
            return Ok(None);
        };
        let Some(path) = name.strip_prefix("STILE_") else {
            return Ok(None);
        };
        let is_plain = PLAIN.iter().any(|key| path.eq_ignore_ascii_case(key));
        if !path.contains("__") && !is_plain {
            return if meant_as_path(path) {
                Err(no_path(name))
            } else {
                Ok(None)
            };
        }
        let root = Place {
            path: String::new(),
            origin: Origin::Environment(name.to_owned()),
        };
        let steps = path
            .split("__")
            .map(Step::parse)
            .collect::<Option<Vec<_>>>();
        let steps = steps.ok_or_else(|| no_path(name))?;
        let text = value
            .to_str()
            .ok_or_else(|| root.fault("its value is not UTF-8"))?;
        if text.len() > LARGEST_VALUE {
            return Err(root.fault(format!("its value is larger than {LARGEST_VALUE} bytes")));
        }
        let value = Node::read(text, &root)?.value;
        Ok(Some(Override {
            origin: root.origin,
            steps,
            value,
        }))
    }

    fn apply(self, root: &mut Node) -> Result<(), SetupError> {
        let mut place = Place {
            path: String::new(),
            origin: self.origin,
        };
        let mut node = root;
        for step in &self.steps {
            node = match step {
                Step::Key(name) => {
                    place = place.key(name);
                    under_key(node, name, &place)?
                }
                Step::Index(index) => {
                    place = place.index(*index);
                    under_index(node, *index, &place)?
                }
            };
        }
        *node = rooted(self.value, &place);
        Ok(())
    }
}

impl Step {
    fn parse(word: &str) -> Option<Step> {
        if word.is_empty() || word.bytes().any(|b| b.is_ascii_lowercase()) {
            None
        } else if word.bytes().all(|b| b.is_ascii_digit()) {
            word.parse().ok().map(Step::Index)
        } else {
            Some(Step::Key(word.to_ascii_lowercase()))
        }
    }
}

/// The value of a key, made if it is not there. Unknown keys are the reader's to report.
fn under_key<'n>(
    node: &'n mut Node,
    name: &str,
    place: &Place,
) -> Result<&'n mut Node, SetupError> {
    if node.value == Value::Nothing {
        node.value = Value::Keys(Vec::new());
        node.place.origin = place.origin.clone();
    }
    let found = node.value.found();
    let Value::Keys(keys) = &mut node.value else {
        return Err(place
            .fault(format!("there is no key `{name}` in {found}"))
            .hint("positions of a list are numbers: STILE_LISTEN__0__ADDRESS"));
    };
    let found = keys.iter().position(|(key, _)| key.name == name);
    let index = found.unwrap_or_else(|| {
        let key = Key {
            place: place.clone(),
            name: name.to_owned(),
        };
        keys.push((
            key,
            Node {
                place: place.clone(),
                value: Value::Nothing,
            },
        ));
        keys.len() - 1
    });
    match keys.get_mut(index) {
        Some((_, node)) => Ok(node),
        None => Err(place.fault("leads nowhere")),
    }
}

/// A position of a list that is there, or the one after the last.
fn under_index<'n>(
    node: &'n mut Node,
    index: usize,
    place: &Place,
) -> Result<&'n mut Node, SetupError> {
    if node.value == Value::Nothing {
        node.value = Value::List(Vec::new());
        node.place.origin = place.origin.clone();
    }
    let found = node.value.found();
    let Value::List(list) = &mut node.value else {
        return Err(place.fault(format!("there is no position {index} in {found}")));
    };
    let length = list.len();
    if index == length {
        list.push(Node {
            place: place.clone(),
            value: Value::Nothing,
        });
    }
    list.get_mut(index).ok_or_else(|| {
        place
            .fault(format!(
                "there is no position {index} in a list of {length}"
            ))
            .hint(format!(
                "positions count from 0; the next free one is {length}"
            ))
    })
}

/// The value with every place in it under the path that the variable set.
fn rooted(value: Value, place: &Place) -> Node {
    let value = match value {
        Value::List(list) => Value::List(
            list.into_iter()
                .enumerate()
                .map(|(index, node)| rooted(node.value, &place.index(index)))
                .collect(),
        ),
        Value::Keys(keys) => Value::Keys(
            keys.into_iter()
                .map(|(key, node)| {
                    let place = place.key(&key.name);
                    let key = Key {
                        place: place.clone(),
                        name: key.name,
                    };
                    (key, rooted(node.value, &place))
                })
                .collect(),
        ),
        scalar => scalar,
    };
    Node {
        place: place.clone(),
        value,
    }
}

fn no_path(name: &str) -> SetupError {
    SetupError::new(format!("environment `{name}`: not a path of the settings"))
        .hint("write the path in capitals, with two underscores between keys: STILE_ADMIN__ADDRESS")
}

/// Whether a name without two underscores was probably meant as a path: it begins with a section,
/// and is not what Kubernetes sets in every container beside a service named `stile-admin`, such as
/// `STILE_ADMIN_SERVICE_HOST` or `STILE_ADMIN_PORT_9090_TCP_ADDR`.
fn meant_as_path(rest: &str) -> bool {
    let rest = rest.to_ascii_lowercase();
    let section = SECTIONS.iter().any(|section| {
        let after = rest.strip_prefix(section);
        after.is_some_and(|after| after.is_empty() || after.starts_with('_'))
    });
    let spaced = format!("_{rest}_");
    let of_kubernetes = spaced.contains("_service_host_")
        || spaced.contains("_service_port_")
        || spaced.ends_with("_port_")
        || (spaced.contains("_port_") && (spaced.contains("_tcp_") || spaced.contains("_udp_")));
    section && !of_kubernetes
}

/// The keys of the whole file; a unit test holds them against the schema.
const SECTIONS: &[&str] = &[
    "site",
    "listen",
    "admin",
    "issuers",
    "workloads",
    "keys",
    "upstreams",
    "policies",
    "mode",
    "journal",
    "index",
    "people",
    "console",
    "hooks",
    "leave",
    "limits",
];

/// Those of them that are values and no groups, so that their path is one word.
const PLAIN: &[&str] = &["mode", "console"];

/// Bytes of one variable.
const LARGEST_VALUE: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn laid(file: &str, pairs: &[(&str, &str)]) -> (Node, Vec<SetupError>) {
        let mut root = Node::read(file, &Place::nowhere()).unwrap();
        let mut faults = Vec::new();
        let pairs = pairs
            .iter()
            .map(|(name, value)| (name.into(), value.into()));
        overlay(&mut root, pairs, &mut faults);
        (root, faults)
    }

    fn at<'n>(node: &'n Node, path: &[&str]) -> Option<&'n Node> {
        path.iter().try_fold(node, |node, step| match &node.value {
            Value::Keys(keys) => keys
                .iter()
                .find(|(key, _)| key.name == *step)
                .map(|(_, n)| n),
            Value::List(list) => list.get(step.parse::<usize>().ok()?),
            _ => None,
        })
    }

    #[test]
    fn a_path_sets_the_value_and_its_origin() {
        let file = "listen: [{address: a}, {address: b}]\n";
        let (root, faults) = laid(file, &[("STILE_LISTEN__1__ADDRESS", "127.0.0.1:0")]);
        assert_eq!(faults, []);
        let node = at(&root, &["listen", "1", "address"]).unwrap();
        assert_eq!(node.value, Value::Text("127.0.0.1:0".into()));
        assert_eq!(
            node.place.to_owned().origin,
            Origin::Environment("STILE_LISTEN__1__ADDRESS".into())
        );
        assert_eq!(node.place.path, "listen[1].address");
    }

    #[test]
    fn flow_values_set_whole_groups_and_new_positions() {
        let pairs = [
            ("STILE_JOURNAL__COMMIT", "{read: write, write: sync}"),
            ("STILE_ISSUERS__0__URL", "https://a"),
            ("STILE_ISSUERS__1__URL", "https://b"),
        ];
        let (root, faults) = laid("site: {}\n", &pairs);
        assert_eq!(faults, []);
        assert!(at(&root, &["journal", "commit", "write"]).is_some());
        let second = at(&root, &["issuers", "1", "url"]).unwrap();
        assert_eq!(second.value, Value::Text("https://b".into()));
    }

    #[test]
    fn what_leads_nowhere_names_its_variable() {
        for (name, value) in [
            ("STILE_LISTEN__7__ADDRESS", "x"),
            ("STILE_LISTEN__ADDRESS", "x"),
            ("STILE_SITE__0", "x"),
            ("STILE_ADMIN_ADDRESS", "x"),
            ("STILE_LISTEN", "[]"),
            ("STILE_listen_0_address", "x"),
            ("STILE_ADMIN__", "x"),
            ("STILE_admin__address", "x"),
            ("STILE_SITE__URL", "[1"),
            ("STILE_SITE__URL", "*x"),
            ("STILE_LISTEN__99999999999999999999", "x"),
        ] {
            let (_, faults) = laid("site: {url: u}\nlisten: [{address: a}]\n", &[(name, value)]);
            assert_eq!(faults.len(), 1, "{name}: {faults:?}");
            assert!(faults[0].fault.contains(name), "{faults:?}");
        }
    }

    #[test]
    fn the_sections_are_those_of_the_file() {
        let schema = crate::config::schema();
        let known = schema["properties"].as_object().unwrap();
        assert_eq!(known.len(), SECTIONS.len());
        assert!(SECTIONS.iter().all(|section| known.contains_key(*section)));
    }

    #[test]
    fn what_is_not_ours_is_left_alone() {
        let names = [
            "PATH",
            "STILE_LOG",
            "STILE_PORT",
            "STILE_SERVICE_HOST",
            "STILE_SERVICE_PORT_HTTPS",
            "STILE_PORT_8443_TCP_ADDR",
            "STILE_ADMIN_SERVICE_HOST",
            "STILE_ADMIN_SERVICE_PORT_HTTP",
            "STILE_ADMIN_PORT",
            "STILE_ADMIN_PORT_9090_TCP_ADDR",
            "STILE_ADDRESS",
            "STILE_SITEMAP",
            "STILEX__A",
        ];
        let pairs: Vec<(&str, &str)> = names
            .iter()
            .map(|name| (*name, "tcp://10.0.0.1:1"))
            .collect();
        assert_eq!(laid("site: {}\n", &pairs).1, []);
    }
}
