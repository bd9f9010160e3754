//! Dialects: what each reads of a sample token, and what a single wrong claim comes to.

/// The tables in `docs/dialects.md` are the tables in the code.
mod documented;
/// Kinds of token, forks, actors, scopes: one thing changed in a sample.
mod kinds;
/// Each sample becomes exactly the facts beside it.
mod samples;
/// What can be set, and the types in the header.
mod settings;
/// Every claim of every table, with every wrong form.
mod wrong_forms;

use super::*;
use stile::identify::{ClaimNames, Form, Who};

/// A payload and what is made of it, from `tests/data/tokens/`.
struct Sample {
    name: String,
    settings: IssuerSettings,
    claims: Map<String, Value>,
    becomes: Option<Value>,
    refused: Option<(String, String)>,
}

impl Sample {
    fn named(name: &str) -> Sample {
        let path = folder().join(format!("{name}.json"));
        let text = std::fs::read_to_string(&path).unwrap();
        let written: Value = serde_json::from_str(&text).unwrap();
        let text = |member: &str| written[member].as_str().map(str::to_owned);
        let claims = written["claims"].as_object().unwrap().clone();
        let url = claims["iss"].as_str().unwrap();
        let groups = text("groups").unwrap_or_else(|| "groups".to_owned());
        let mut settings = settings(url, dialect(&text("dialect").unwrap(), groups));
        if let Some(audiences) = written["audiences"].as_array() {
            let texts = audiences.iter().map(|one| one.as_str().unwrap().to_owned());
            settings.audiences = texts.collect();
        }
        Sample {
            name: name.to_owned(),
            settings,
            claims,
            becomes: written.get("becomes").cloned(),
            refused: text("refused").map(|reason| (reason, text("told").unwrap())),
        }
    }

    /// All of them, in the order of their names.
    fn all() -> Vec<Sample> {
        let entries = std::fs::read_dir(folder()).unwrap();
        let mut names: Vec<String> = entries
            .filter_map(|entry| {
                let name = entry.unwrap().file_name().into_string().unwrap();
                name.strip_suffix(".json").map(str::to_owned)
            })
            .collect();
        names.sort();
        assert!(names.len() >= 30, "{names:?}");
        names.iter().map(|name| Sample::named(name)).collect()
    }

    fn with(mut self, name: &str, value: Value) -> Sample {
        self.claims.insert(name.to_owned(), value);
        self
    }

    fn without(mut self, name: &str) -> Sample {
        self.claims.remove(name);
        self
    }

    fn outcome(&self) -> Result<Arc<Principal>, Refusal> {
        let token = mint::mint(&self.claims, &BENCH.ec);
        examined(&token, &self.settings, Time::from_secs(NOW_S)).outcome
    }

    #[track_caller]
    fn who(&self) -> Who {
        match self.outcome() {
            Ok(principal) => principal.facts().who.clone(),
            Err(refusal) => panic!("{}: refused: {refusal:?}", self.name),
        }
    }

    #[track_caller]
    fn assert_refused(&self, reason: Reason) {
        assert_is(&self.name, self.outcome(), reason);
    }

    /// The claim that a line of the table stands for.
    fn claim(&self, line: &str) -> String {
        match (&self.settings.dialect, line) {
            (Dialect::Openid(names), "{name}") => names.name.clone(),
            (Dialect::Openid(ClaimNames { groups, .. }), "{groups}")
            | (Dialect::Keycloak { groups } | Dialect::Auth0 { groups }, "{groups}") => {
                groups.clone()
            }
            _ => line.to_owned(),
        }
    }
}

/// The word of a dialect, its heading in the document, and a sample that is accepted.
const DIALECTS: [(&str, &str, &str); 8] = [
    ("gitlab", "GitLab CI", "gitlab-deploy"),
    ("github", "GitHub Actions", "github-push"),
    ("okta", "Okta", "okta-agent"),
    ("keycloak", "Keycloak", "keycloak-person"),
    ("auth0", "Auth0", "auth0-person"),
    ("entra", "Entra ID", "entra-person"),
    ("google", "Google", "google-person"),
    ("openid", "Any OpenID provider", "openid-agent"),
];

fn dialect(word: &str, groups: String) -> Dialect {
    match word {
        "gitlab" => Dialect::Gitlab,
        "github" => Dialect::Github,
        "okta" => Dialect::Okta,
        "keycloak" => Dialect::Keycloak { groups },
        "auth0" => Dialect::Auth0 { groups },
        "entra" => Dialect::Entra,
        "google" => Dialect::Google,
        "openid" => Dialect::Openid(ClaimNames {
            agents: false,
            name: "preferred_username".to_owned(),
            groups,
            typ: None,
        }),
        other => panic!("no dialect `{other}`"),
    }
}

fn folder() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tokens")
}
