//! Everything that stile stands between: two issuers, an upstream, and stile itself in front of it.
//!
//! In: the program and the shipped `policies` folder. Out: a running [`World`].
//!
//! The settings are written as an operator would write them; a test that wants others edits their
//! text before the start.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::caller::Call;
use crate::issuer::{Issuer, claims};
use crate::proxy::{Folder, Proxy};
use crate::tls::DevCa;
use crate::upstream::{API_KEY, INGEST_KEY, Upstream};

/// Whom the tokens of a world are made for.
pub const AUDIENCE: &str = "https://stile.example.com";

/// A world before stile runs in it: change its settings, then [`Ground::serve`].
#[derive(Debug)]
pub struct Ground {
    /// Signs tokens of GitLab jobs.
    pub gitlab: Issuer,
    /// Signs tokens of people and agents.
    pub okta: Issuer,
    /// Answers like Lightstep and like an OTLP receiver.
    pub upstream: Upstream,
    /// Signs the certificate of the TLS listener.
    pub ca: DevCa,
    /// The settings file's text.
    pub settings: String,
    folder: Folder,
}

/// A world with stile running in it.
#[derive(Debug)]
pub struct World {
    /// Signs tokens of GitLab jobs.
    pub gitlab: Issuer,
    /// Signs tokens of people and agents.
    pub okta: Issuer,
    /// Answers like Lightstep and like an OTLP receiver.
    pub upstream: Upstream,
    /// Signs the certificate of the TLS listener.
    pub ca: DevCa,
    /// The real program.
    pub stile: Proxy,
}

impl Ground {
    /// Starts issuers and upstream, and writes settings, keys, certificates and policies.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub async fn lay(policies: &Path) -> io::Result<Ground> {
        let (gitlab, okta) = (
            Issuer::start().await,
            Issuer::start_under("/oauth2/default").await,
        );
        let (upstream, ca) = (Upstream::start().await, DevCa::new());
        let folder = Folder::new()?;
        folder.copy(policies, "policies")?;
        folder.write_secret("secrets/lightstep.key", &format!("{API_KEY}\n"))?;
        folder.write_secret("secrets/ingest.key", &format!("{INGEST_KEY}\n"))?;
        let server = ca.server(&["localhost", "127.0.0.1"]);
        let (_, key) = server.write_to(folder.path(), "stile");
        std::fs::set_permissions(key, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        let settings = settings(gitlab.url(), okta.url(), &upstream.url());
        Ok(Ground {
            gitlab,
            okta,
            upstream,
            ca,
            settings,
            folder,
        })
    }

    /// Replaces a piece of the settings, which must be there.
    ///
    /// # Panics
    /// When it is not.
    #[must_use]
    pub fn with(mut self, piece: &str, other: &str) -> Ground {
        assert!(
            self.settings.contains(piece),
            "the settings have no `{piece}`"
        );
        self.settings = self.settings.replace(piece, other);
        self
    }

    /// The folder that stile will run in.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Starts stile.
    ///
    /// # Errors
    /// When it ends before it serves.
    pub async fn serve(self, program: &Path) -> io::Result<World> {
        self.folder.write("stile.yaml", &self.settings)?;
        let stile = self.folder.serve(program).await?;
        let (gitlab, okta, upstream, ca) = (self.gitlab, self.okta, self.upstream, self.ca);
        Ok(World {
            gitlab,
            okta,
            upstream,
            ca,
            stile,
        })
    }

    /// Writes the settings and leaves the start to the caller.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self) -> io::Result<PathBuf> {
        self.folder.write("stile.yaml", &self.settings)
    }
}

impl World {
    /// Kills stile and starts it again in the same folder; `between` has the folder meanwhile.
    ///
    /// # Errors
    /// When it does not end, or ends before it serves.
    pub async fn killed(self, program: &Path, between: impl FnOnce(&Path)) -> io::Result<World> {
        let folder = self.stile.kill().await?;
        between(folder.path());
        let stile = folder.serve(program).await?;
        Ok(World { stile, ..self })
    }

    /// A job of `acme/shop/api` that deploys to production from the protected `main`.
    pub fn job(&self) -> Map<String, Value> {
        claims::gitlab_job_of(self.gitlab.url(), AUDIENCE, "acme/shop/api", "31")
    }

    /// That job's token, with some claims changed.
    pub fn job_token(&self, changes: Value) -> String {
        let mut claims = self.job();
        claims::put(&mut claims, changes);
        self.gitlab.mint(&claims)
    }

    /// The token of a job of the same project on an unprotected branch.
    pub fn feature_token(&self) -> String {
        let mut claims = self.job();
        claims::without_environment(&mut claims);
        claims::put(
            &mut claims,
            json!({"ref": "feat/x", "ref_path": "refs/heads/feat/x", "ref_protected": "false",
                   "sub": "project_path:acme/shop/api:ref_type:branch:ref:feat/x"}),
        );
        self.gitlab.mint(&claims)
    }

    /// The token of a person with these groups.
    pub fn person_token(&self, login: &str, groups: &[&str]) -> String {
        self.okta.mint(&claims::okta_person(
            self.okta.url(),
            AUDIENCE,
            login,
            groups,
        ))
    }

    /// A call of the API below its project folder: `X/streams`.
    pub fn api(&self, method: &str, below: &str) -> Call {
        let url = self.stile.url();
        Call::new(method, format!("{url}/public/v0.2/acme/projects/{below}"))
    }
}

/// The settings as an operator would write them.
fn settings(gitlab: &str, okta: &str, upstream: &str) -> String {
    format!(
        "\
site:
  url: {AUDIENCE}
listen:
  - address: 127.0.0.1:0
  - address: 127.0.0.1:0
    tls: {{ certificate: stile.pem, key: stile.key }}
admin:
  address: 127.0.0.1:0
issuers:
  - name: gitlab
    url: {gitlab}
    dialect: gitlab
  - name: okta
    url: {okta}
    dialect: okta
upstreams:
  - name: lightstep
    url: {upstream}
    operations: lightstep
    pinned: {{ organization: acme }}
    headers:
      - {{ name: authorization, value: \"bearer {{key}}\", key_file: secrets/lightstep.key }}
      - {{ name: x-lightstep-org, value: acme }}
  - name: telemetry
    url: {upstream}
    operations: otlp
    headers:
      - {{ name: lightstep-access-token, value: \"{{key}}\", key_file: secrets/ingest.key }}
    deployments: true
policies:
  folder: policies
journal:
  folder: journal
  origin: stile.example.com/world
  # Longer than the default: beside hundreds of other tests a disk may keep a sync for seconds.
  commit_timeout: 45s
"
    )
}
