//! One path template: what it is made of, and when two of them overlap.
//!
//! In: `GET /projects/{project}` as written in a catalogue. Out: a [`Template`].
//!
//! A parameter is a whole segment, so a template matches a path or does not, segment by segment,
//! without a pattern language. A pinned parameter takes one value only.
//!
//! Never: a literal segment with anything in it that could be spelled in two ways.

use std::sync::Arc;

use http::Method;

use super::path::SEGMENTS;
use crate::setup_error::SetupError;

/// A method and the segments of a path.
#[derive(Clone, Debug)]
pub struct Template {
    /// The method.
    pub(super) method: Method,
    /// The path as written: `/projects/{project}`.
    pub(super) text: String,
    /// Its segments.
    pub(super) parts: Vec<Part>,
}

/// One segment of a template.
#[derive(Clone, Debug)]
pub(super) enum Part {
    /// This text, spelled plainly.
    Literal(String),
    /// Any one segment.
    Parameter(Parameter),
}

/// A named hole.
#[derive(Clone, Debug)]
pub(super) struct Parameter {
    /// Its name.
    pub(super) name: Arc<str>,
    /// Whether the upstream decodes it twice.
    pub(super) decoded_twice: bool,
    /// The only value that the upstream's key is good for.
    pub(super) pinned: Option<String>,
}

impl Template {
    /// Reads one of an upstream: `METHOD /path`, with the path under `base`.
    pub fn of_upstream(written: &str, base: &str) -> Result<Template, SetupError> {
        Template::read(written, base, false)
    }

    /// Reads `METHOD /path`, with the path under `base`. Only stile's own may begin as its own do.
    pub(super) fn read(written: &str, base: &str, own: bool) -> Result<Template, SetupError> {
        let Some((method, path)) = written.split_once(' ') else {
            return Err(
                SetupError::new(format!("`{written}` is not a method and a path"))
                    .hint("write it like `GET /projects/{project}`"),
            );
        };
        let method = read_method(method)?;
        let text = format!("{base}{path}");
        let parts = read_parts(&text, own)?;
        Ok(Template {
            method,
            text,
            parts,
        })
    }

    /// The parameters, in the order of the path.
    pub(super) fn parameters(&self) -> impl Iterator<Item = &Parameter> {
        self.parts.iter().filter_map(|part| match part {
            Part::Parameter(parameter) => Some(parameter),
            Part::Literal(_) => None,
        })
    }

    /// The same, to be changed.
    pub(super) fn parameters_mut(&mut self) -> impl Iterator<Item = &mut Parameter> {
        self.parts.iter_mut().filter_map(|part| match part {
            Part::Parameter(parameter) => Some(parameter),
            Part::Literal(_) => None,
        })
    }

    /// Whether some request matches both.
    pub fn overlaps(&self, other: &Template) -> bool {
        self.method == other.method
            && self.parts.len() == other.parts.len()
            && self
                .parts
                .iter()
                .zip(&other.parts)
                .all(|(a, b)| a.overlaps(b))
    }
}

impl Part {
    fn overlaps(&self, other: &Part) -> bool {
        match (self.only(), other.only()) {
            (Some(a), Some(b)) => a == b,
            _ => true,
        }
    }

    /// The only value that it takes, where there is one.
    fn only(&self) -> Option<&str> {
        match self {
            Part::Literal(text) => Some(text),
            Part::Parameter(parameter) => parameter.pinned.as_deref(),
        }
    }
}

fn read_method(written: &str) -> Result<Method, SetupError> {
    match METHODS.iter().find(|known| known.as_str() == written) {
        Some(method) => Ok(method.clone()),
        None => Err(SetupError::new(format!("unknown method `{written}`"))
            .hint("methods are GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS, in capitals")),
    }
}

fn read_parts(path: &str, own: bool) -> Result<Vec<Part>, SetupError> {
    let Some(rest) = path.strip_prefix('/') else {
        return Err(SetupError::new(format!(
            "the path `{path}` does not begin with a slash"
        )));
    };
    let parts: Vec<Part> = rest.split('/').map(read_part).collect::<Result<_, _>>()?;
    if parts.len() > SEGMENTS {
        let fault = format!("the path `{path}` has more than {SEGMENTS} segments");
        return Err(SetupError::new(fault));
    }
    if let Some(Part::Literal(first)) = parts.first()
        && !own
        && RESERVED.contains(&first.as_str())
    {
        return Err(SetupError::new(format!(
            "`/{first}` is stile's own and cannot be an upstream's"
        )));
    }
    let names: Vec<&str> = parts.iter().filter_map(Part::name).collect();
    if let Some(twice) = names
        .iter()
        .enumerate()
        .find(|(at, n)| names.iter().skip(at + 1).any(|m| m == *n))
    {
        let fault = format!("the parameter `{}` is in the path `{path}` twice", twice.1);
        return Err(SetupError::new(fault).hint("give each one a name of its own"));
    }
    Ok(parts)
}

impl Part {
    fn name(&self) -> Option<&str> {
        match self {
            Part::Literal(_) => None,
            Part::Parameter(parameter) => Some(&parameter.name),
        }
    }
}

fn read_part(segment: &str) -> Result<Part, SetupError> {
    if let Some(name) = segment
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
    {
        if !is_name(name) {
            return Err(
                SetupError::new(format!("`{name}` is no name for a parameter"))
                    .hint("names are lower-case letters, digits and `_`, and begin with a letter"),
            );
        }
        return Ok(Part::Parameter(Parameter {
            name: Arc::from(name),
            decoded_twice: false,
            pinned: None,
        }));
    }
    if segment.is_empty() {
        return Err(SetupError::new(
            "a path has no empty segments and no trailing slash",
        ));
    }
    if segment.bytes().all(|b| b == b'.') {
        return Err(SetupError::new(format!(
            "the segment `{segment}` is a dot segment"
        )));
    }
    if !is_plain(segment) {
        return Err(SetupError::new(format!("the segment `{segment}` can be spelled in two ways"))
            .hint("literal segments are letters, digits and `-._~!$&'()*+,=:@`; a parameter is a whole segment"));
    }
    Ok(Part::Literal(segment.to_owned()))
}

/// Whether a parameter may be called so.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// Whether a segment stands in a path without encoding, so that it has one spelling (RFC 3986, 3.3).
pub(super) fn is_plain(segment: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,=:@".contains(&byte);
    segment.bytes().all(plain)
}

/// First segments that this proxy answers for itself.
const RESERVED: [&str; 2] = [".stile", ".well-known"];

const METHODS: [Method; 7] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn template(written: &str) -> Template {
        Template::read(written, "", false).unwrap()
    }

    #[test]
    fn templates_overlap_when_one_request_matches_both() {
        let a = template("GET /a/{x}/c");
        for other in [
            "GET /a/{y}/c",
            "GET /a/b/c",
            "GET /{z}/b/c",
            "GET /{x}/{y}/{z}",
        ] {
            assert!(a.overlaps(&template(other)), "{other}");
        }
        for other in ["PUT /a/{x}/c", "GET /a/{x}/d", "GET /a/{x}", "GET /b/{x}/c"] {
            assert!(!a.overlaps(&template(other)), "{other}");
        }
    }

    #[test]
    fn two_pins_of_one_parameter_do_not_overlap() {
        let (mut a, mut b) = (template("GET /{o}/x"), template("GET /{o}/x"));
        a.parameters_mut()
            .for_each(|p| p.pinned = Some("acme".to_owned()));
        b.parameters_mut()
            .for_each(|p| p.pinned = Some("other".to_owned()));
        assert!(!a.overlaps(&b));
        assert!(a.overlaps(&template("GET /acme/x")));
        assert!(!a.overlaps(&template("GET /other/x")));
    }

    #[test]
    fn what_can_be_spelled_in_two_ways_is_no_template() {
        for written in [
            "/a",
            "GET",
            "get /a",
            "BREW /a",
            "CONNECT /a",
            "GET a",
            "GET /",
            "GET /a/",
            "GET /a//b",
            "GET /..",
            "GET /a;b",
            "GET /%61",
            "GET /a b",
            "GET /é",
            "GET /{}",
            "GET /{A}",
            "GET /{a-b}",
            "GET /x{a}",
            "GET /{a}x",
            "GET /{a}/{a}",
            "GET /a?b",
            "GET /.stile/me",
            "GET /.well-known/x",
        ] {
            assert!(Template::read(written, "", false).is_err(), "{written}");
        }
    }
}
