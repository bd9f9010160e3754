//! Where each member of a record stands in OCSF.
//!
//! In: a record and its outcome. Out: their values, at the places of [`MEMBERS`].

use serde_json::{Map, Value, json};

use super::Event;

/// The place of one member. A member may have several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name; of an outcome with `outcome.` before it.
    pub name: &'static str,
    /// Attributes of OCSF with dots between.
    pub path: &'static str,
    /// What becomes of the value, in the manual's words.
    pub how: &'static str,
}

/// All members that have a place of their own. Any other stands in `unmapped`.
pub const MEMBERS: &[Member] = &[
    // Everywhere.
    at("kind", "metadata.event_code", SAME),
    at("log", "metadata.log_name", SAME),
    at("product", "metadata.product.name", SAME),
    at("time", "time", SAME),
    at("v", "metadata.log_version", TEXT),
    at("version", "metadata.product.version", SAME),
    at("cut", "metadata.is_truncated", TRUE),
    at("cut", "unmapped.cut", SAME),
    // A decision.
    at("activity", "activity_id", BELOW),
    at("decision", "action_id", BELOW),
    at("groups", "actor.user.groups", NAMED),
    at("host", "http_request.url.hostname", HOST),
    at("id", "metadata.uid", SAME),
    at("id", "http_request.uid", SAME),
    at("inputs", "actor.user.has_mfa", MFA),
    at("inputs", "actor.idp.name", ISSUER_NAME),
    at("inputs", "unmapped.inputs", SAME),
    at("issuer", "actor.idp.issuer", SAME),
    at("issuer", "actor.session.issuer", SAME),
    at("method", "http_request.http_method", METHOD),
    at("op", "api.operation", SAME),
    at("path", "http_request.url.path", SAME),
    at("policies", "authorizations", BELOW),
    at("policy_errors", "status_detail", BELOW),
    at("policy_set", "policy.version", BELOW),
    at("proto", "http_request.version", SAME),
    at("query_keys", "http_request.url.query_string", KEYS),
    at("reason", "status_code", BELOW),
    at("reason_detail", "status_detail", BELOW),
    at("resource", "resources", RESOURCE),
    at("service", "api.service.name", SAME),
    at("service", "dst_endpoint.svc_name", SAME),
    at("src_ip", "src_endpoint.ip", SAME),
    at("src_port", "src_endpoint.port", SAME),
    at("subject", "actor.user.uid", SAME),
    at("subject_kind", "actor.user.type_id", BELOW),
    at("subject_name", "actor.user.name", SAME),
    at("subject_name", "actor.user.email_addr", EMAIL),
    at("token_exp", "actor.session.expiration_time", SECONDS),
    at("token_fp", "actor.session.credential_uid", SAME),
    at("token_iat", "actor.session.created_time", SECONDS),
    at("trace", "trace.uid", FIRST),
    at("trace", "unmapped.trace", SAME),
    at("ua", "http_request.user_agent", SAME),
    // An event.
    at("event", "activity_name", BELOW),
    // An outcome.
    at("outcome.end", "status_id", BELOW),
    at("outcome.end", "unmapped.outcome.end", SAME),
    at("outcome.lat_us", "http_response.latency", TOTAL),
    at("outcome.lat_us", "unmapped.outcome.lat_us", SAME),
    at("outcome.reason", "status_code", BELOW),
    at("outcome.req_bytes", "http_request.body_length", SAME),
    at("outcome.resp_bytes", "http_response.body_length", SAME),
    at("outcome.status", "http_response.code", SAME),
    at("outcome.status", "api.response.code", SAME),
    at("outcome.time", "end_time", SAME),
    at("outcome.upstream", "dst_endpoint.ip", ADDRESS),
];

const SAME: &str = "as it is";
const TEXT: &str = "as a text";
const TRUE: &str = "`true` where it is there";
const BELOW: &str = "see below";
const NAMED: &str = "each as `name`";
const HOST: &str = "name; a port stands in `http_request.url.port`";
const MFA: &str = "its `mfa`";
const ISSUER_NAME: &str = "its `issuer`; without one, the URL";
const METHOD: &str = "one of OCSF's nine; any other in `unmapped`";
const KEYS: &str = "each name with `=*`, values are in no record";
const RESOURCE: &str =
    "one with `type`, `uid`, `namespace`, and `name`, which is the id or the type";
const EMAIL: &str = "where it is one";
const SECONDS: &str = "in milliseconds";
const FIRST: &str = "its first";
const TOTAL: &str = "its `total`, in milliseconds";
const ADDRESS: &str = "address; the port stands in `dst_endpoint.port`";

/// Puts all members of a record and its outcome where they stand.
pub(super) fn take(event: &mut Event, record: &Value, outcome: Option<&Value>) {
    for (name, value) in record.as_object().into_iter().flatten() {
        place(event, name, &format!("unmapped.{name}"), value);
    }
    for (name, value) in outcome.and_then(Value::as_object).into_iter().flatten() {
        let listed = format!("outcome.{name}");
        // What the decision says as well is not said twice.
        let is_said = record.get(name) == Some(value) || name == "kind" || name == "ref";
        if !is_said || name == "time" {
            place(event, &listed, &format!("unmapped.{listed}"), value);
        }
    }
    if outcome.is_some()
        && let Some(time) = event.get("time").cloned()
    {
        event.put("start_time", time);
    }
    demanded(event);
}

fn place(event: &mut Event, name: &str, otherwise: &str, value: &Value) {
    let mut is_placed = false;
    for member in MEMBERS.iter().filter(|member| member.name == name) {
        is_placed = true;
        match shaped(event, member, value) {
            Some(shaped) => event.put(member.path, shaped),
            None if member.how == METHOD || member.how == HOST || member.how == ADDRESS => {
                event.put(otherwise, value.clone());
            }
            None => {}
        }
    }
    if !is_placed {
        event.put(otherwise, value.clone());
    }
}

/// The value as it stands there; none where it does not.
fn shaped(event: &mut Event, member: &Member, value: &Value) -> Option<Value> {
    match member.how {
        SAME => Some(value.clone()),
        TEXT => Some(value.to_string().into()),
        TRUE => Some(true.into()),
        NAMED => {
            let names = texts(value).map(|name| json!({ "name": name }));
            Some(names.collect::<Vec<_>>().into())
        }
        MFA => value.get("mfa").filter(|mfa| mfa.is_boolean()).cloned(),
        ISSUER_NAME => value.get("issuer").filter(|name| name.is_string()).cloned(),
        METHOD => Some(value)
            .filter(|method| method.as_str().is_some_and(is_method))
            .cloned(),
        KEYS => {
            let keys: Vec<String> = texts(value).map(|key| format!("{key}=*")).collect();
            Some(keys.join("&").into())
        }
        RESOURCE => resource(value),
        EMAIL => Some(value)
            .filter(|name| name.as_str().is_some_and(is_address))
            .cloned(),
        SECONDS => value.as_u64().map(|s| s.saturating_mul(1000).into()),
        FIRST => texts(value).next().map(Value::from),
        TOTAL => value.get("total")?.as_u64().map(|us| (us / 1000).into()),
        HOST => {
            let (host, port) = split_port(value.as_str()?);
            if let Some(port) = port {
                event.put("http_request.url.port", port.into());
            }
            (!host.is_empty()).then(|| host.into())
        }
        ADDRESS => {
            let address: std::net::SocketAddr = value.as_str()?.parse().ok()?;
            event.put("dst_endpoint.port", address.port().into());
            Some(address.ip().to_string().into())
        }
        _ => None,
    }
}

/// What objects need to stand at all.
fn demanded(event: &mut Event) {
    if event.get("actor.idp").is_some() {
        let issuer = event.get("actor.idp.issuer").cloned();
        event.or_put("actor.idp.name", || issuer.unwrap_or("unknown".into()));
    }
    if event.get("http_request.url").is_some() && event.get("http_request.url.path").is_none() {
        move_away(event, "http_request", "url");
    }
    if event.get("http_response").is_some() && event.get("http_response.code").is_none() {
        move_away(event, "", "http_response");
    }
}

/// Takes an object that lacks what its class demands to `unmapped`.
fn move_away(event: &mut Event, within: &str, name: &str) {
    let from: Option<&mut Map<String, Value>> = match within {
        "" => Some(&mut event.members),
        within => event.members.get_mut(within).and_then(Value::as_object_mut),
    };
    if let Some(value) = from.and_then(|members| members.remove(name)) {
        event.put(&format!("unmapped.{name}"), value);
    }
}

fn resource(triple: &Value) -> Option<Value> {
    let part = |at: usize| triple.get(at).and_then(Value::as_str);
    let kind = part(0)?;
    let mut members = Map::new();
    members.insert("type".to_owned(), kind.into());
    members.insert("role_id".to_owned(), 1.into());
    members.insert("name".to_owned(), part(1).unwrap_or(kind).into());
    if let Some(id) = part(1) {
        members.insert("uid".to_owned(), id.into());
    }
    if let Some(project) = part(2) {
        members.insert("namespace".to_owned(), project.into());
    }
    Some(json!([members]))
}

fn texts(list: &Value) -> impl Iterator<Item = &str> {
    let list = list.as_array().into_iter().flatten();
    list.filter_map(Value::as_str)
}

fn is_method(method: &str) -> bool {
    let known = [
        "OPTIONS", "GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "CONNECT", "PATCH",
    ];
    known.contains(&method)
}

/// Plainly an address; narrower than what may be one, as OCSF's own pattern is.
fn is_address(text: &str) -> bool {
    let plain = |part: &str, more: &[u8]| {
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || more.contains(&b);
        !part.is_empty() && part.bytes().all(is_plain)
    };
    let Some((name, domain)) = text.split_once('@') else {
        return false;
    };
    let host = domain.split_once('.');
    plain(name, b"._+-") && host.is_some_and(|(a, b)| plain(a, b"-") && plain(b, b"-."))
}

/// A host and its port; an IPv6 address keeps its brackets.
fn split_port(host: &str) -> (&str, Option<u16>) {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && !name.is_empty() => match port.parse() {
            Ok(port) if !name.contains(':') || name.ends_with(']') => (name, Some(port)),
            _ => (host, None),
        },
        _ => (host, None),
    }
}

const fn at(name: &'static str, path: &'static str, how: &'static str) -> Member {
    Member { name, path, how }
}
