//! Shows the timeline of deployments to whoever may see it.
//!
//! In: the query of `GET /.stile/v1/deployments`. Out: text, JSON, Atom or Grafana's annotations.
//!
//! Whether the caller may see it, a policy has said before: `deployments.list`.

use bytes::Bytes;
use jiff::tz::TimeZone;

use super::{Indexed, Own, Shown, TURN, busy};
use crate::clock::Time;
use crate::index::{Asked, Index, IndexError};
use crate::refusal::{Reason, Refusal};
use crate::timeline::{Timeline, Wanted, page, written};

/// What is asked of the timeline.
#[derive(Clone, Debug)]
pub struct Deploys {
    wanted: Wanted,
    form: Form,
    now: Time,
}

/// How it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Json,
    Text,
    Html,
    Atom,
    Grafana,
}

impl Deploys {
    /// Reads the query.
    ///
    /// # Errors
    ///
    /// `malformed_request`, with the key that is wrong and how it is written.
    pub fn asked(query: Option<&str>, now: Time) -> Result<Deploys, Refusal> {
        let asked = Asked::at(now);
        let mut deploys = Deploys {
            wanted: Wanted {
                since: Time::from_ms(now.as_ms().saturating_sub(DAY_MS)),
                until: Time::from_ms(now.as_ms().saturating_add(1)),
                environment: None,
                service: None,
                machine: None,
                most: USUAL,
            },
            form: Form::Json,
            now,
        };
        let pairs = query.unwrap_or_default().split('&');
        let mut known = Vec::new();
        for pair in pairs.filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            if known.contains(&key) {
                return Err(malformed(&format!("`{key}` is there twice")));
            }
            known.push(key);
            let wrong = |how: &str| malformed(&format!("`{key}` is {how}"));
            let moment = || {
                let moment = asked.moment(&value.replace("%3A", ":"));
                moment.ok_or_else(|| {
                    wrong("a span such as `24h` or a moment such as `2026-11-23T12:00:00Z`")
                })
            };
            let wanted = &mut deploys.wanted;
            match key {
                "since" => wanted.since = moment()?,
                "until" => wanted.until = moment()?,
                "environment" | "service" | "machine" => {
                    let plain = |c: char| c.is_ascii_alphanumeric() || "._/-".contains(c);
                    if value.is_empty() || !value.chars().all(plain) {
                        return Err(wrong("letters, digits, `.`, `_`, `/` and `-`, unescaped"));
                    }
                    let to = match key {
                        "service" => &mut wanted.service,
                        "machine" => &mut wanted.machine,
                        _ => &mut wanted.environment,
                    };
                    *to = Some(value.to_owned());
                }
                "limit" => {
                    let most = value.parse().ok().filter(|most| (1..=MOST).contains(most));
                    wanted.most = most.ok_or_else(|| wrong("a number from 1 to 500"))?;
                }
                "format" => {
                    deploys.form = match value {
                        "json" => Form::Json,
                        "text" => Form::Text,
                        "html" => Form::Html,
                        "atom" => Form::Atom,
                        "grafana" => Form::Grafana,
                        _ => return Err(wrong("one of json, text, html, atom, grafana")),
                    }
                }
                _ => {
                    return Err(malformed(
                        "its keys are since, until, environment, service, machine, limit and format",
                    ));
                }
            }
        }
        Ok(deploys)
    }
}

impl Own {
    /// Makes the page.
    ///
    /// # Errors
    ///
    /// `overloaded` when too many are being made, or the index cannot be read.
    pub async fn deploys(&self, asked: Deploys) -> Result<Shown, Refusal> {
        let turn = tokio::time::timeout(TURN, self.turns.acquire()).await;
        let (Ok(Ok(_turn)), Some(index)) = (turn, self.index.clone()) else {
            return Err(busy());
        };
        let site_url = self.site_url.clone();
        let made = tokio::task::spawn_blocking(move || asked.shown(&index, &site_url)).await;
        made.map_err(|_| busy())?.map_err(|fault| {
            Refusal::new(Reason::Overloaded)
                .telling("the index of the journal cannot be read at the moment")
                .noting(fault.to_string())
        })
    }
}

impl Deploys {
    fn shown(&self, indexed: &Indexed, site_url: &str) -> Result<Shown, IndexError> {
        let mut index = Index::open(&indexed.settings)?;
        let timeline = Timeline::read(&mut index, &self.wanted)?;
        let (media_type, body) = match self.form {
            Form::Json => ("application/json", written::json(&timeline).to_string()),
            Form::Grafana => ("application/json", written::grafana(&timeline).to_string()),
            Form::Atom => (
                "application/atom+xml; charset=utf-8",
                written::atom(&timeline, site_url, self.now),
            ),
            Form::Html => (
                "text/html; charset=utf-8",
                page::page(&timeline, &TimeZone::UTC),
            ),
            Form::Text => ("text/plain; charset=utf-8", written::text(&timeline)),
        };
        Ok(Shown {
            media_type,
            body: Bytes::from(body),
        })
    }
}

fn malformed(what: &str) -> Refusal {
    let told = format!("the query of the deployments cannot be read: {what}");
    Refusal::new(Reason::MalformedRequest).telling(told)
}

const DAY_MS: u64 = 24 * 3_600_000;
const USUAL: usize = 100;
const MOST: usize = 500;
