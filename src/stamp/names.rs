//! Says which names of attributes are stripped.
//!
//! In: the name of an attribute. Out: whether it tells of provenance, and of which part.
//!
//! Receivers do not agree on spelling: some lower the letters, some turn dots into underscores, some
//! make `a.b.c` of the key `a` with a map inside. So a name counts as one of ours in any of these
//! spellings, and the bare family name does, too.

/// What a name tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tells {
    /// Version control, pipelines, deployments.
    Provenance,
    /// The version of the service.
    Version,
    /// Nothing of interest here.
    Nothing,
}

/// What this name tells of.
pub(super) fn tells(name: &str) -> Tells {
    let name = name.trim_matches(edge).as_bytes();
    if FAMILIES.iter().any(|family| after(name, family).is_some()) {
        return Tells::Provenance;
    }
    match after(name, b"service") {
        Some([]) => Tells::Version,
        Some([_, rest @ ..]) if after(rest, b"version").is_some() => Tells::Version,
        _ => Tells::Nothing,
    }
}

/// What follows a word in a name, from the separator on.
fn after<'n>(name: &'n [u8], word: &[u8]) -> Option<&'n [u8]> {
    let (start, rest) = name.split_at_checked(word.len())?;
    let ends = rest.first().is_none_or(|byte| is_separator(*byte));
    (start.eq_ignore_ascii_case(word) && ends).then_some(rest)
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b'.' | b'_' | b'-' | b'/' | b':' | b' ') || byte.is_ascii_control()
}

fn edge(letter: char) -> bool {
    letter.is_whitespace() || letter.is_control() || matches!(letter, '.' | '_' | '-' | '/' | ':')
}

const FAMILIES: [&[u8]; 3] = [b"vcs", b"cicd", b"deployment"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_name_is_known_and_no_other_name_is() {
        for name in [
            "vcs.ref.head.name",
            "VCS.ref",
            "vcs_ref_head_revision",
            "vcs",
            " cicd.pipeline.name",
            ".deployment.environment",
            "deployment-environment",
            "Deployment.Environment.Name",
        ] {
            assert_eq!(tells(name), Tells::Provenance, "{name:?}");
        }
        for name in [
            "service.version",
            "Service_Version",
            "service",
            "service.version.",
        ] {
            assert_eq!(tells(name), Tells::Version, "{name:?}");
        }
        for name in [
            "",
            ".",
            "vcsx",
            "v",
            "service.name",
            "service.versions",
            "k8s.deployment.name",
            "http.vcs",
            "deployments",
        ] {
            assert_eq!(tells(name), Tells::Nothing, "{name:?}");
        }
    }
}
