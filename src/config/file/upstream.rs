//! The section about the APIs behind: where each is, its key, how often it may be asked.
//!
//! In: as all of `stile.yaml`. Out: located values.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::located::Located;
use crate::config::words::{Count, Duration, LimitPer, Rate, VersionWord};

/// One API behind this proxy.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["name", "url", "operations", "headers"]))]
pub(in crate::config) struct Upstream {
    /// Its name in catalogues, records and metrics: lower case letters, digits, `-` and `_`.
    pub(in crate::config) name: Located<String>,
    /// Scheme, host and port, without a path.
    pub(in crate::config) url: Located<String>,
    /// Its catalogue: `lightstep` is `policies/operations/lightstep.yaml`.
    pub(in crate::config) operations: Located<String>,
    /// Template parameters that its key is good for, by name; other values are `misdirected`.
    pub(in crate::config) pinned: Located<BTreeMap<String, Located<String>>>,
    /// Fields set last, whatever the caller sent under these names. At least one has a key.
    pub(in crate::config) headers: Located<Vec<Located<Header>>>,
    /// Fields of callers that pass to it beside those that every API knows; never a credential's.
    pub(in crate::config) pass: Located<Vec<Located<String>>>,
    /// Whether verified deployments (`POST /.stile/v1/deployments`) go to it as OTLP spans; one
    /// upstream at most.
    pub(in crate::config) deployments: Located<bool>,
    /// Whether telemetry is stamped on its way there: claims of commits, pipelines and deployments
    /// are stripped, and what the token says is set. Off when absent.
    pub(in crate::config) stamp: Located<Stamp>,
    /// Networks that its addresses must lie in: `10.0.0.0/8`; anywhere when there is none.
    pub(in crate::config) addresses: Located<Vec<Located<String>>>,
    /// A CA certificate (PEM) to trust beside the machine's.
    pub(in crate::config) ca_file: Located<PathBuf>,
    /// What we show to it: our certificate, PEM, and those above it.
    pub(in crate::config) certificate: Located<PathBuf>,
    /// The key of that certificate, PEM; not readable by group or others.
    pub(in crate::config) key: Located<PathBuf>,
    /// The name that its certificate must have, where it is not the host of the URL.
    pub(in crate::config) server_name: Located<String>,
    /// Public keys that its certificate may have: SHA-256 of each (SPKI), in base64 after `sha256/`.
    pub(in crate::config) pins: Located<Vec<Located<String>>>,
    /// How often callers may ask.
    pub(in crate::config) limits: Located<Vec<Located<Limit>>>,
    /// When it is left alone because it does not answer.
    pub(in crate::config) rest: Located<Rest>,
    /// After a 429, the longest that further requests with that key are kept back; never when absent.
    pub(in crate::config) hold_on_429: Located<Duration>,
    /// Whether its keys are blotted out of the bodies of answers as well, which it is then asked not to
    /// compress.
    pub(in crate::config) scrub_bodies: Located<bool>,
    /// To connect and shake hands.
    pub(in crate::config) connect_timeout: Located<Duration>,
    /// From the last byte sent to the head of the answer.
    pub(in crate::config) head_timeout: Located<Duration>,
    /// The longest silence inside the body of an answer.
    pub(in crate::config) idle_timeout: Located<Duration>,
    /// Requests in flight to it.
    pub(in crate::config) requests: Located<Count>,
    /// The age of a key at which readiness and metrics say that it is due for rotation.
    pub(in crate::config) rotate_after: Located<Duration>,
    /// Whether an instance with a key that is due stops being ready.
    pub(in crate::config) rotate_strictly: Located<bool>,
}

impl Default for Upstream {
    fn default() -> Upstream {
        Upstream {
            name: Located::absent(),
            url: Located::absent(),
            operations: Located::absent(),
            pinned: Located::preset(BTreeMap::new()),
            headers: Located::absent(),
            pass: Located::preset(Vec::new()),
            deployments: Located::preset(false),
            stamp: Located::absent(),
            addresses: Located::preset(Vec::new()),
            ca_file: Located::absent(),
            certificate: Located::absent(),
            key: Located::absent(),
            server_name: Located::absent(),
            pins: Located::preset(Vec::new()),
            limits: Located::preset(Vec::new()),
            rest: Located::preset(Rest::default()),
            hold_on_429: Located::absent(),
            scrub_bodies: Located::preset(false),
            connect_timeout: Located::preset(Duration::from_ms(5_000)),
            head_timeout: Located::preset(Duration::from_ms(60_000)),
            idle_timeout: Located::preset(Duration::from_ms(60_000)),
            requests: Located::preset(Count::new(512)),
            rotate_after: Located::preset(Duration::from_ms(30 * 24 * 3_600_000)),
            rotate_strictly: Located::preset(false),
        }
    }
}

/// How telemetry is stamped.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Stamp {
    /// What becomes of `service.version`: `keep`, `commit` (it is the token's commit) or
    /// `must_be_commit` (another one is refused).
    pub(in crate::config) service_version: Located<VersionWord>,
}

impl Default for Stamp {
    fn default() -> Stamp {
        Stamp {
            service_version: Located::preset(VersionWord::Keep),
        }
    }
}

/// How often callers may ask.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["rate"]))]
pub(in crate::config) struct Limit {
    /// So many requests in so long: `20/s`, `100/m`, `600/h`.
    pub(in crate::config) rate: Located<Rate>,
    /// Who shares it: everyone, or each caller for itself. A job counts as its project.
    pub(in crate::config) per: Located<LimitPer>,
    /// Requests at once, when nothing was asked for long. Default: those of a second; a tenth of the
    /// rate where that is by minute or hour.
    pub(in crate::config) burst: Located<Count>,
    /// Actions, `dashboards.*` and classes that it is about; everything where there is none.
    pub(in crate::config) actions: Located<Vec<Located<String>>>,
}

impl Default for Limit {
    fn default() -> Limit {
        Limit {
            rate: Located::absent(),
            per: Located::preset(LimitPer::Everyone),
            burst: Located::absent(),
            actions: Located::preset(Vec::new()),
        }
    }
}

/// When an upstream that does not answer is left alone.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Rest {
    /// Requests in a row without an answer, after which it is; 0 for never.
    pub(in crate::config) failures: Located<u64>,
    /// For how long, until one request tries again.
    pub(in crate::config) pause: Located<Duration>,
}

impl Default for Rest {
    fn default() -> Rest {
        Rest {
            failures: Located::preset(10),
            pause: Located::preset(Duration::from_ms(2_000)),
        }
    }
}

/// A field that stile sets on every request to an upstream.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["name", "value"]))]
pub(in crate::config) struct Header {
    /// Its name.
    pub(in crate::config) name: Located<String>,
    /// Its value; `{key}` stands for the key: `bearer {key}`.
    pub(in crate::config) value: Located<String>,
    /// The file with the key, one line; not readable by group or others.
    pub(in crate::config) key_file: Located<PathBuf>,
    /// The program that prints the key, one line, with its arguments; in the place of `key_file`.
    pub(in crate::config) key_command: Located<Vec<Located<String>>>,
    /// How often that program is asked again. Default: 5m.
    pub(in crate::config) key_refresh: Located<Duration>,
    /// The file with the key that follows, during a rotation: tried where the upstream refuses the
    /// other (401), and used from then on.
    pub(in crate::config) next_key_file: Located<PathBuf>,
    /// Keys of some callers alone, by where the directory says that they belong: the path of a
    /// repository or group, or `team:NAME` → the file with the key.
    pub(in crate::config) keys_by_project: Located<BTreeMap<String, Located<PathBuf>>>,
}
