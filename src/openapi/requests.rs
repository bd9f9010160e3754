//! Finds every request that a description speaks of.
//!
//! In: a [`Document`] and the wishes. Out: method, path and operation of each, in the order of paths and
//! methods; or everything that stile could not match byte by byte.
//!
//! Never: another version than 3.0 and 3.1, a base out of doubt between two servers.
//!
//! OpenAPI 3.1: Server Object, Paths Object, Path Item Object.

use super::document::{At, Document};
use super::imported::Wishes;
use super::write::plain;
use crate::setup_error::SetupError;

/// One request that can be made.
#[derive(Clone, Debug)]
pub(super) struct Request<'d> {
    /// The method, in capitals.
    pub(super) method: &'static str,
    /// The path under the base, as the description has it.
    pub(super) path: &'d str,
    /// What is said of it.
    pub(super) operation: At<'d>,
}

impl Request<'_> {
    /// Whether somebody left it out: as it is, or as a catalogue's comment spells it.
    fn is_skipped(&self, wishes: &Wishes) -> bool {
        let name = self.name();
        let spelled = plain(&name);
        wishes
            .skip
            .iter()
            .any(|skip| *skip == name || *skip == spelled)
    }

    /// As `--skip` names it.
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// Everything that can be asked.
#[derive(Debug)]
pub(super) struct Requests<'d> {
    /// What every path begins with.
    pub(super) base: String,
    /// The requests that are wanted.
    pub(super) wanted: Vec<Request<'d>>,
    /// Those that were skipped, or have a method that stile never passes on.
    pub(super) left_out: Vec<String>,
}

impl<'d> Requests<'d> {
    /// Reads all of a document.
    pub(super) fn of(
        document: &'d Document,
        wishes: &Wishes,
    ) -> Result<Requests<'d>, Vec<SetupError>> {
        let root = document.root();
        version(&root).map_err(|fault| vec![fault])?;
        let base = base(&root, wishes).map_err(|fault| vec![fault])?;
        let mut requests = Requests {
            base,
            wanted: Vec::new(),
            left_out: Vec::new(),
        };
        let mut faults = Vec::new();
        let paths = root.get("paths").map_err(|fault| vec![fault])?;
        for (path, item) in paths.iter().flat_map(At::keys) {
            if path.starts_with("x-") {
                continue;
            }
            match item.followed() {
                Ok(item) => requests.add(path, &item, wishes, &mut faults),
                Err(fault) => faults.push(fault),
            }
        }
        if requests.wanted.is_empty() && faults.is_empty() {
            faults.push(root.fault("the description has no requests under `paths`"));
        }
        match faults.is_empty() {
            true => Ok(requests),
            false => Err(faults),
        }
    }

    /// What was to be skipped and is not there.
    pub(super) fn unknown_skips(&self, wishes: &Wishes) -> Vec<SetupError> {
        let known: Vec<String> = self.wanted.iter().map(Request::name).collect();
        let unknown = wishes
            .skip
            .iter()
            .filter(|skip| !self.left_out.contains(skip));
        let fault = |skip: &String| {
            let fault = SetupError::new(format!("the description has no `{skip}` to skip"));
            fault.did_you_mean(skip, known.iter().map(String::as_str))
        };
        unknown.map(fault).collect()
    }

    fn add(&mut self, path: &'d str, item: &At<'d>, wishes: &Wishes, faults: &mut Vec<SetupError>) {
        for (key, operation) in item.keys() {
            let Some(method) = METHODS.iter().find(|known| known.to_lowercase() == key) else {
                match key {
                    "trace" => self.left_out.push(format!("TRACE {path}")),
                    "servers" if wishes.base.is_none() => faults.push(own_servers(&operation)),
                    _ if SAID_OF_PATHS.contains(&key) || key.starts_with("x-") => {}
                    _ => faults.push(operation.fault(format!("`{key}` is no method stile knows"))),
                }
                continue;
            };
            let request = Request {
                method,
                path,
                operation,
            };
            if request.is_skipped(wishes) {
                self.left_out.push(request.name());
                continue;
            }
            if request.operation.text_of("$ref").is_some() || !request.operation.has_keys() {
                faults.push(request.operation.fault("this is no operation"));
                continue;
            }
            match request.operation.get("servers") {
                Ok(Some(servers)) if wishes.base.is_none() => faults.push(own_servers(&servers)),
                Err(fault) => faults.push(fault),
                Ok(_) => {}
            }
            match unmatchable(path) {
                Some(why) => faults.push(skippable(&request, why)),
                None => self.wanted.push(request),
            }
        }
    }
}

/// A fault that goes away when its request is skipped.
pub(super) fn skippable(request: &Request<'_>, why: &str) -> SetupError {
    let name = request.name();
    let fault = request.operation.fault(format!("`{name}` {why}"));
    fault.hint(format!(
        "`--skip '{name}'` leaves it out; then stile refuses it"
    ))
}

/// Why stile cannot match such a path, where it cannot.
fn unmatchable(path: &str) -> Option<&'static str> {
    let Some(rest) = path.strip_prefix('/') else {
        return Some("does not begin with a slash");
    };
    if path.contains('#') {
        return Some("has a fragment, which no request carries");
    }
    if path.contains('?') {
        return Some("has a query in its path, and a query decides nothing in stile");
    }
    let part = |segment: &str| {
        let inside = segment.strip_prefix('{').and_then(|s| s.strip_suffix('}'));
        match inside {
            Some(name) => name.is_empty() || name.contains(['{', '}']),
            None => segment.contains(['{', '}']),
        }
    };
    if rest.split('/').any(part) {
        return Some("has a parameter that is a part of a segment; stile takes whole segments");
    }
    None
}

fn version(root: &At<'_>) -> Result<(), SetupError> {
    if let Some(version) = root.get("swagger")? {
        let fault = version.fault("this is Swagger 2.0; stile reads OpenAPI 3.0 and 3.1");
        return Err(fault.hint("a converter from 2.0 to 3.0 makes a file that can be imported"));
    }
    let Some(version) = root.get("openapi")? else {
        return Err(root
            .fault("this is no OpenAPI file: it has no `openapi`")
            .hint("an OpenAPI file begins with `openapi: 3.1.0` or alike"));
    };
    let known = version.text().unwrap_or_default();
    match known.starts_with("3.0.") || known.starts_with("3.1.") {
        true => Ok(()),
        false => {
            let fault = "this version of OpenAPI is not known; stile reads 3.0 and 3.1";
            Err(version.fault(fault).hint("write it as text: `3.1.0`"))
        }
    }
}

/// What every path begins with: as wished, else as all servers agree.
fn base(root: &At<'_>, wishes: &Wishes) -> Result<String, SetupError> {
    if let Some(base) = &wishes.base {
        return Ok(base.trim_end_matches('/').to_owned());
    }
    let Some(servers) = root.get("servers")? else {
        return Ok(String::new());
    };
    let mut found: Option<String> = None;
    for server in servers.elements()? {
        let url = filled(&server)?;
        let base = path_of(&url).ok_or_else(|| {
            let fault = server.fault("the path of this server cannot be told");
            fault.hint("`--base /api` says what every path begins with")
        })?;
        let base = base.trim_end_matches('/').to_owned();
        if found.as_ref().is_some_and(|before| *before != base) {
            let fault = server.fault("servers have different paths");
            return Err(fault.hint("`--base /api` says what every path begins with"));
        }
        found = Some(base);
    }
    Ok(found.unwrap_or_default())
}

/// A server's URL with its variables at their defaults.
fn filled(server: &At<'_>) -> Result<String, SetupError> {
    let mut url = server.text_of("url").unwrap_or_default().to_owned();
    if let Some(variables) = server.get("variables")? {
        for (name, variable) in variables.keys() {
            let variable = variable.followed()?;
            let value = variable.text_of("default").unwrap_or_default();
            url = url.replace(&format!("{{{name}}}"), value);
        }
    }
    Ok(url)
}

fn path_of(url: &str) -> Option<&str> {
    let path = match url.split_once("://") {
        Some((_, rest)) => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or(""),
        None => url,
    };
    let rooted = path.is_empty() || path.starts_with('/');
    (rooted && !path.contains(['?', '#', '{'])).then_some(path)
}

fn own_servers(servers: &At<'_>) -> SetupError {
    let fault = servers.fault("this has servers of its own, and a catalogue has one base");
    fault.hint("`--base /api` says what every path begins with, wherever it is served")
}

/// The methods that stile passes on; TRACE is none (RFC 9110 9.3.8 reflects credentials).
const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

const SAID_OF_PATHS: &[&str] = &["$ref", "summary", "description", "servers", "parameters"];
