//! The records of a journal that nobody wrote.
//!
//! In: a sequence number. Out: its record's kind and line. One in twenty requests is denied; the
//! outcome of the others comes a few records later.

#![allow(
    clippy::indexing_slicing,
    reason = "a drawn number is below the length of its list"
)]

use std::collections::VecDeque;
use std::fmt::Write;

use super::Plan;

/// Makes one record after the other.
#[derive(Debug)]
pub(super) struct Lines {
    origin: String,
    begin_ms: u64,
    span_ms: u64,
    records: u64,
    state: u64,
    /// Ids of requests in flight.
    owed: VecDeque<String>,
}

impl Lines {
    pub(super) fn new(plan: &Plan) -> Lines {
        let span_ms = plan.days * 86_400_000;
        Lines {
            origin: plan.origin.clone(),
            begin_ms: plan.until_ms - span_ms,
            span_ms,
            records: plan.records.max(1),
            state: 0x9e37_79b9_7f4a_7c15,
            owed: VecDeque::new(),
        }
    }

    /// Writes the next line and says of which kind it is.
    pub(super) fn next(&mut self, seq: u64, line: &mut String) -> u8 {
        line.clear();
        let time = self.begin_ms
            + u64::try_from(u128::from(self.span_ms) * u128::from(seq) / u128::from(self.records))
                .unwrap_or(0);
        // Writing to a String cannot fail.
        if seq == 0 {
            let _ = write!(
                line,
                r#"{{"boot":"b","config":"sha256:00","event":"start","kind":"event","log":"{}","mono":{seq},"product":"stile","time":{time},"v":1,"version":"0.1.0"}}"#,
                self.origin
            );
            return 4;
        }
        if self.owed.len() > 8 || (!self.owed.is_empty() && self.below(2) == 0) {
            let id = self.owed.pop_front().unwrap_or_default();
            let status = [200, 200, 200, 200, 200, 201, 204, 404, 409, 500][self.below(10)];
            let (bytes, us) = (self.below(9000), 900 + self.below(90_000));
            let _ = write!(
                line,
                r#"{{"boot":"8f14e45f-ceea-467f-9575-1b1b1b1b1b1b/4711","config":"sha256:4f1c{:04x}","end":"complete","kind":"outcome","lat_us":{{"commit":212,"total":{us},"upstream_ttfb":{us}}},"log":"{}","mono":{seq}000,"product":"stile","ref":"{id}","req_bytes":{bytes},"resp_bytes":{bytes},"status":{status},"time":{time},"upstream":"192.0.2.80:443","v":1,"version":"0.1.0"}}"#,
                time / 400_000_000,
                self.origin
            );
            return 2;
        }
        self.decision(seq, time, line);
        1
    }

    fn decision(&mut self, seq: u64, time: u64, line: &mut String) {
        let id = format!(
            "{:08x}-{:04x}-7{:03x}-8{:03x}-{:012x}",
            time >> 16,
            time & 0xffff,
            self.below(4096),
            self.below(4096),
            self.below(1 << 30)
        );
        let denied = self.below(20) == 0;
        let action = self.skewed(60);
        let verb = ["read", "create", "update", "list", "delete"][action % 5];
        let class = ["read", "write", "write", "read", "delete"][action % 5];
        let kind = ["streams", "dashboards", "alerts", "snapshots"][action % 4];
        let (resource, place) = (self.skewed(4000), ["X", "Y", "Z"][self.skewed(3)]);
        let policy = time / 200_000_000;
        let _ = write!(
            line,
            r#"{{"activity":"{class}","alg":"RS256","boot":"8f14e45f-ceea-467f-9575-1b1b1b1b1b1b/4711""#
        );
        let person = self.below(4) == 0;
        let who = self.skewed(if person { 500 } else { 200 });
        if !person {
            let git_ref = match self.below(3) {
                0 => format!("feat/{}", self.below(400)),
                _ => "main".to_owned(),
            };
            let (sha, pipeline) = (self.below(20_000), seq / 37);
            let _ = write!(
                line,
                r#","claims":{{"environment":"{}","job_id":"{}","namespace_path":"acme/g{}","pipeline_id":"{pipeline}","project_id":"{who}","project_path":"acme/g{}/p{who}","ref":"{git_ref}","ref_protected":"true","sha":"{sha:040x}","user_login":"u{}"}}"#,
                ["production", "staging", "review"][self.skewed(3)],
                pipeline * 3,
                who % 12,
                who % 12,
                self.skewed(300)
            );
        }
        let _ = write!(
            line,
            r#","config":"sha256:4f1c{:04x}","cred":"bearer_jwt","decision":"{}""#,
            time / 400_000_000,
            if denied { "deny" } else { "allow" }
        );
        if person {
            let _ = write!(
                line,
                r#","groups":["everyone","lightstep-team-{}"]"#,
                who % 40
            );
        }
        let (issuer, dialect) = if person {
            ("https://acme.okta.example.com/oauth2/default", "person")
        } else {
            ("https://gitlab.example.com", "job")
        };
        let _ = write!(
            line,
            r#","host":"stile.example.com","id":"{id}","issuer":"{issuer}","kid":"k1","kind":"decision","level":"sync","log":"{}","method":"{}","mono":{seq}000,"op":"{kind}.{verb}","path":"/public/v0.2/acme/projects/{place}/{kind}/{resource}","policies":["{}"],"policy_set":"sha256:{policy:064x}","product":"stile","proto":"h2""#,
            self.origin,
            if class == "read" { "GET" } else { "POST" },
            if denied { "no-fork" } else { "ci-create-in-X" }
        );
        if denied {
            let _ = write!(
                line,
                r#","reason":"policy_denied","reason_detail":"forbid:no-fork""#
            );
        }
        let _ = write!(
            line,
            r#","resource":["{kind}","{resource}","{place}"],"service":"lightstep","src_ip":"192.0.2.{}","src_port":{},"subject":"{dialect}-{who}","subject_kind":"{dialect}","subject_name":"u{who}@acme","time":{time},"tls":{{"alpn":"h2","sni":"stile.example.com","suite":"TLS13_AES_256_GCM_SHA384","version":"1.3"}},"token_exp":{},"token_fp":"{:064x}","token_iat":{},"typ":"JWT","ua":"Terraform/1.9 provider/2","v":1,"version":"0.1.0"}}"#,
            self.below(250),
            1024 + self.below(60_000),
            time / 1000 + 300,
            u128::from(seq) * 0x1234_5678_9abc_def1,
            time / 1000
        );
        if !denied {
            self.owed.push_back(id);
        }
    }

    /// A number below the bound (xorshift64*).
    fn below(&mut self, bound: usize) -> usize {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        let drawn = self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(drawn).unwrap_or(0) % bound
    }

    /// The same, small numbers much more often.
    fn skewed(&mut self, bound: usize) -> usize {
        let (a, b) = (self.below(bound), self.below(bound));
        a * b / bound
    }
}
