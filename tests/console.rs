//! The console shows each what the policies let them see, the same on page and twin, and nothing of a
//! caller as markup.

mod exported;
mod hostile;
mod in_a_browser;
mod live;
mod pages;
mod scopes;

use std::time::Duration;

use serde_json::{Value, json};
use stile_kit::{Answer, Call, World};

use crate::support::{self, ask, program};

/// A world with a console, and somebody of each kind.
pub(super) struct Stage {
    pub(super) world: World,
    pub(super) rita: String,
    pub(super) lea: String,
    pub(super) mira: String,
    pub(super) sam: String,
    pub(super) nora: String,
    pub(super) ada: String,
    pub(super) job: String,
    pub(super) payments_job: String,
}

impl Stage {
    pub(super) async fn set() -> Stage {
        let mut ground = support::ground().await;
        // Auditors of these tests work at night, too.
        let bindings = ground.folder().path().join("policies/bindings.yaml");
        let text = std::fs::read_to_string(&bindings).unwrap();
        let hours = "  hours: mon-fri 08:00-20:00\n";
        assert!(text.contains(hours));
        std::fs::write(&bindings, text.replace(hours, "")).unwrap();
        let cases = ground.folder().path().join("policies/tests");
        for file in std::fs::read_dir(&cases).unwrap() {
            let file = file.unwrap().path();
            let text = std::fs::read_to_string(&file).unwrap();
            let kept = text
                .lines()
                .filter(|line| !(line.contains("- rita") && line.contains(" at ")));
            let kept: Vec<&str> = kept.collect();
            std::fs::write(&file, kept.join("\n") + "\n").unwrap();
        }
        ground.settings += "console: true\n";
        let world = ground.serve(program()).await.unwrap();
        let person = |name: &str, groups: &[&str]| {
            world.person_token(&format!("{name}@acme.example"), groups)
        };
        let payments = json!({
            "project_path": "acme/payments/api", "project_id": "32",
            "job_project_path": "acme/payments/api", "job_project_id": "32",
            "namespace_path": "acme/payments", "job_namespace_path": "acme/payments",
            "sub": "project_path:acme/payments/api:ref_type:branch:ref:main",
        });
        Stage {
            rita: person("rita", &["lightstep-auditors"]),
            lea: person("lea", &["lightstep-payments", "lightstep-payments-leads"]),
            mira: person("mira", &["lightstep-payments"]),
            sam: person("sam", &["lightstep-search"]),
            nora: person("nora", &[]),
            ada: person("ada", &["lightstep-sre-admins"]),
            job: world.job_token(json!({})),
            payments_job: world.job_token(payments),
            world,
        }
    }

    pub(super) fn tokens(&self) -> Vec<String> {
        let all = [
            &self.rita,
            &self.lea,
            &self.mira,
            &self.sam,
            &self.nora,
            &self.ada,
            &self.job,
            &self.payments_job,
        ];
        all.into_iter().cloned().collect()
    }

    /// Somebody looks at a page.
    pub(super) async fn looks(&self, token: &str, below: &str) -> Answer {
        let url = format!("{}/.stile/console{below}", self.world.stile.url());
        for _ in 0..200 {
            let answer = ask(&self.world, Call::new("GET", &url).token(token)).await;
            let is_early = answer.status == 503 && answer.text().contains("cannot be read");
            if !is_early {
                return answer;
            }
            // The index is still being made.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{below} was never there");
    }

    pub(super) async fn twin(&self, token: &str, below: &str) -> Value {
        let answer = self.looks(token, below).await;
        assert_eq!(answer.status, 200, "{below}: {}", answer.text());
        answer.json()
    }

    /// Everybody asks the API for something: some of it is allowed.
    pub(super) async fn works(&self) {
        let stream = json!({"data": {"type": "stream", "attributes": {"name": "n", "query": "q"}}});
        for token in [
            &self.job,
            &self.payments_job,
            &self.mira,
            &self.lea,
            &self.sam,
            &self.nora,
        ] {
            for project in ["X", "Y"] {
                let call = self
                    .world
                    .api("GET", &format!("{project}/streams"))
                    .token(token);
                ask(&self.world, call).await;
                let call = self
                    .world
                    .api("POST", &format!("{project}/streams"))
                    .token(token);
                let call = call.body("application/vnd.api+json", stream.to_string());
                ask(&self.world, call).await;
            }
        }
        let call = self.world.api("GET", "X/streams");
        assert_eq!(ask(&self.world, call).await.status, 401);
    }

    pub(super) async fn close(self) {
        let tokens = self.tokens();
        support::close(self.world, &tokens).await;
    }
}

/// Every text that a row of a page says.
pub(super) fn said(lines: &Value, member: &str) -> Vec<String> {
    let lines = lines["lines"].as_array().expect("rows").iter();
    lines
        .map(|line| line[member].as_str().unwrap_or("").to_owned())
        .collect()
}
