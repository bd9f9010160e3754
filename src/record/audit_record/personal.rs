//! What a decision's record says of a person: what lies beside the leaf and can be erased.
//!
//! In: a [`DecisionRecord`]. Out: its disclosure, at the beginning of the record's buffer.
//!
//! Personal is what names, finds or describes a human being: the peer's address and port and what
//! its program says of itself, name and subject of a person or an agent, their groups, whom an agent
//! acts for and through whom, who started a job, claims that the dialect's table calls personal, and
//! whether an e-mail address is the name. A job's own subject names a project and a ref, and stays.
//! `token_fp` stays, too: it is a pseudonym under a key that never leaves the host.

use crate::identify::Who;
use crate::record::frame::Digest;
use crate::record::frame::disclosure::{self, Salt};
use crate::record::render::Line;

use super::{Asker, DecisionRecord, LONG_NAME, MANY, NAME, SOME};

impl DecisionRecord<'_> {
    /// Renders the disclosure into a buffer, which is emptied first; the digest for the leaf.
    pub(super) fn disclose(&self, salt: &Salt, out: &mut Vec<u8>) -> Digest {
        disclosure::begin(out, salt);
        let seen = &self.sighting;
        let asker = self.asker.as_ref();
        let mut line = Line::behind(out);
        if let Some(actors) = asker.and_then(Asker::actors).filter(|a| !a.is_empty()) {
            line.texts("actors", actors.iter().map(String::as_str), SOME);
        }
        line.text_if("acts_for", asker.and_then(Asker::acts_for), NAME);
        if let Some(claims) = asker.map(|a| &a.personal_claims).filter(|c| !c.is_empty()) {
            let claims = claims.iter().map(|(name, value)| (*name, value));
            line.map("claims", claims, MANY);
        }
        line.cut_goes_here();
        if let Some(groups) = asker.and_then(Asker::groups).filter(|g| !g.is_empty()) {
            line.texts("groups", groups.iter().map(String::as_str), MANY);
        }
        if let Some(same) = self.inputs.as_ref().and_then(|inputs| inputs.email()) {
            let json: &[u8] = if same { IS_NAME } else { IS_ANOTHER };
            line.rendered("inputs", json);
        }
        line.plain("src_ip", seen.peer.ip().to_canonical());
        if seen.peer.port() != 0 {
            line.count("src_port", u64::from(seen.peer.port()));
        }
        if let Some(asker) = asker.filter(|asker| asker.is_human()) {
            line.text("subject", asker.subject, LONG_NAME);
        }
        line.text_if("subject_name", asker.and_then(Asker::name), LONG_NAME);
        if let Some(agent) = seen.user_agent {
            line_user_agent(&mut line, agent);
        }
        line.finish();
        disclosure::finish(out)
    }
}

impl Asker<'_> {
    /// Whether the subject is that of a person or of an agent, who may act for one.
    pub(super) fn is_human(&self) -> bool {
        !matches!(self.who, Who::Job(_))
    }
}

/// Bytes that are no UTF-8 stand in `ua` as U+FFFD and exactly in `ua_hex`.
fn line_user_agent(line: &mut Line<'_>, agent: &[u8]) {
    match std::str::from_utf8(agent) {
        Ok(text) => line.text("ua", text, NAME),
        Err(_) => {
            line.text("ua", &String::from_utf8_lossy(agent), NAME);
            line.hex("ua_hex", agent, LONG_NAME);
        }
    }
}

const IS_NAME: &[u8] = br#"{"email":true}"#;
const IS_ANOTHER: &[u8] = br#"{"email":false}"#;
