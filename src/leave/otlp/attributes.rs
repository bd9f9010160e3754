//! Names what a record says as OpenTelemetry does.
//!
//! In: a record. Out: attributes of the log record and of its resource.
//!
//! A member that OpenTelemetry's semantic conventions have a name for gets that name, every other one
//! is `stile.` and its own name, so nothing that the journal says is left out. docs/leaving.md has the
//! table; a test holds it against the ones here.

use std::borrow::Cow;

use serde_json::Value;

use crate::leave::source::Item;

/// A name and a value.
pub(super) type Attribute<'i> = (Cow<'static, str>, Cow<'i, Value>);

/// What is the same for every record of one process.
pub(super) fn resource(item: &Item) -> Vec<Attribute<'_>> {
    let named = [
        ("product", "service.name"),
        ("version", "service.version"),
        ("boot", "service.instance.id"),
        ("log", "stile.log"),
    ];
    let found = named.into_iter().filter_map(|(member, name)| {
        let value = item.members.get(member)?;
        Some((Cow::Borrowed(name), Cow::Borrowed(value)))
    });
    found.collect()
}

/// What the record itself says.
pub(super) fn attributes(item: &Item) -> Vec<Attribute<'_>> {
    let owned = |name: &'static str, value: Value| (Cow::Borrowed(name), Cow::Owned(value));
    let mut found = vec![
        owned("log.record.uid", item.uid().into()),
        owned("stile.seq", item.row.seq.into()),
    ];
    for (member, value) in item.members.as_object().into_iter().flatten() {
        match (member.as_str(), value) {
            (member, _) if ELSEWHERE.contains(&member) => {}
            ("claims", Value::Object(claims)) => found.extend(named(claims, CLAIMS, "claims.")),
            ("tls", Value::Object(tls)) => found.extend(named(tls, TLS, "tls.")),
            ("lat_us", Value::Object(spans)) => found.extend(named(spans, &[], "lat_us.")),
            ("proto", Value::String(word)) => {
                let version = word.trim_start_matches("http/").trim_start_matches('h');
                found.push(owned("network.protocol.version", version.into()));
            }
            (member, value) => found.push((name_of(member, MEMBERS, ""), Cow::Borrowed(value))),
        }
    }
    if let Some(kind) = error_type(item) {
        found.push(owned("error.type", kind.into()));
    }
    found
}

fn named<'i>(
    members: &'i serde_json::Map<String, Value>,
    table: &'static [(&'static str, &'static str)],
    under: &'static str,
) -> impl Iterator<Item = Attribute<'i>> {
    let members = members.iter();
    members.map(move |(member, value)| (name_of(member, table, under), Cow::Borrowed(value)))
}

fn name_of(member: &str, table: &[(&'static str, &'static str)], under: &str) -> Cow<'static, str> {
    let known = table.iter().find(|(ours, _)| *ours == member);
    match known {
        Some((_, name)) => Cow::Borrowed(name),
        None => Cow::Owned(format!("stile.{under}{member}")),
    }
}

/// The word for what went wrong, where something did.
fn error_type(item: &Item) -> Option<&str> {
    let unfinished = item.word("end").filter(|end| *end != "complete");
    item.word("reason").or(unfinished)
}

/// Said by the log record's own fields or by its resource.
const ELSEWHERE: &[&str] = &["boot", "kind", "log", "product", "time", "trace", "version"];

/// The names that OpenTelemetry has, each with what it is in a record: `claims.ref`.
pub fn otel_names() -> impl Iterator<Item = (String, &'static str)> {
    let tables = [("", MEMBERS), ("claims.", CLAIMS), ("tls.", TLS)];
    tables.into_iter().flat_map(|(under, table)| {
        let named = table.iter();
        named.map(move |(member, name)| (format!("{under}{member}"), *name))
    })
}

/// Members of records.
const MEMBERS: &[(&str, &str)] = &[
    ("groups", "user.roles"),
    ("grpc", "rpc.grpc.status_code"),
    ("host", "server.address"),
    ("method", "http.request.method"),
    ("path", "url.path"),
    ("req_bytes", "http.request.body.size"),
    ("resp_bytes", "http.response.body.size"),
    ("service", "service.peer.name"),
    ("session", "session.id"),
    ("src_ip", "network.peer.address"),
    ("src_port", "network.peer.port"),
    ("status", "http.response.status_code"),
    ("subject", "user.id"),
    ("subject_name", "user.name"),
    ("ua", "user_agent.original"),
];

/// Claims of jobs.
const CLAIMS: &[(&str, &str)] = &[
    ("environment", "deployment.environment.name"),
    ("job_id", "cicd.pipeline.task.run.id"),
    ("pipeline_id", "cicd.pipeline.run.id"),
    ("project_path", "vcs.repository.name"),
    ("ref", "vcs.ref.head.name"),
    ("repository", "vcs.repository.name"),
    ("run_id", "cicd.pipeline.run.id"),
    ("sha", "vcs.ref.head.revision"),
];

/// What a TLS handshake settled.
const TLS: &[(&str, &str)] = &[
    ("alpn", "tls.next_protocol"),
    ("sni", "tls.client.server_name"),
    ("suite", "tls.cipher"),
    ("version", "tls.protocol.version"),
];
