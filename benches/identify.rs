//! Measures what knowing who asks costs: a token seen before, a new one by algorithm, and the memory
//! of many. `cargo bench --locked --bench identify`, or `make bench-identify`.
//!
//! In: nothing; the kit's issuer mints the tokens. Out: a table on standard output.
//!
//! Times are medians over single calls on one thread of this machine. Memory is what the process
//! grew by while it verified that many distinct jobs, none of which it was left holding; that all
//! of them are still remembered is told by what a second look at each of them costs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a measurement that breaks should stop"
)]

use std::hint::black_box;
use std::time::Instant;

use jsonwebtoken::Algorithm;
use serde_json::{Map, Value, json};
use stile::clock::Clock;
use stile::identify::{Dialect, IssuerSettings, Issuers, install_crypto};
use stile_kit::mint::{self, SigningKey};
use stile_kit::{Issuer, claims};

/// The allocator of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const US: &str = "https://stile.example.com";
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];
/// Tokens of each algorithm.
const NEW_TOKENS: usize = 1_000;
const MANY_TOKENS: usize = 100_000;

struct Stand {
    issuer: Issuer,
    issuers: Issuers,
    clock: Clock,
    job: Map<String, Value>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    install_crypto();
    let keys = keys();
    let mut stand = Stand::new(&keys).await;
    println!("A token never seen before, verified ({NEW_TOKENS} of each, median and 99th of 100):");
    for key in &keys {
        let (median_us, late_us) = stand.new_tokens(key).await;
        println!("  {:<6} {median_us:>8.1} us {late_us:>8.1} us", key.alg);
    }
    println!("A token seen before (median and 99th of 100):");
    for (name, key) in [("RS256", &keys[0]), ("ES256", &keys[6])] {
        let (median_us, late_us, bytes) = stand.known_token(key).await;
        println!("  {name:<6} {median_us:>8.2} us {late_us:>8.2} us   {bytes} bytes long");
    }
    // Ed25519 signs one message in one way only, so the tokens can be made again.
    stand.many(keys.last().expect("there are keys")).await;
}

/// One key for each algorithm, in their order.
fn keys() -> Vec<SigningKey> {
    let rsa = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];
    let mut keys: Vec<_> = rsa
        .into_iter()
        .map(|alg| SigningKey::rs256().with_alg(alg))
        .collect();
    keys.extend([
        SigningKey::es256(),
        SigningKey::es384(),
        SigningKey::ed25519(),
    ]);
    keys
}

impl Stand {
    async fn new(keys: &[SigningKey]) -> Stand {
        let issuer = Issuer::start().await;
        for key in keys {
            issuer.publish(key.jwk());
        }
        let clock = Clock::machine();
        let settings = IssuerSettings {
            name: "gitlab".to_owned(),
            url: issuer.url().to_owned(),
            dialect: Dialect::Gitlab,
            audiences: vec![US.to_owned()],
            algorithms: ALGORITHMS.to_vec(),
            ca_file: None,
            keys_file: None,
            longest_lifetime_s: 24 * 3600,
            longest_age_s: 24 * 3600,
            tokens_without_key_id: false,
        };
        let issuers = Issuers::build(vec![settings], clock.clone()).unwrap();
        issuers.refresh().await;
        let job = claims::gitlab_job(issuer.url(), US);
        Stand {
            issuer,
            issuers,
            clock,
            job,
        }
    }

    /// The same token for the same place, where the algorithm allows it.
    fn token(&mut self, place: usize, key: &SigningKey) -> String {
        let project = place % 1_000;
        claims::put(
            &mut self.job,
            json!({
                "jti": format!("{place:08}-0000-4000-8000-000000000000"),
                "job_id": (9_000_000 + place).to_string(),
                "pipeline_id": (700_000 + place).to_string(),
                "project_id": project.to_string(), "job_project_id": project.to_string(),
                "project_path": format!("acme/payments/api-{project}"),
                "job_project_path": format!("acme/payments/api-{project}"),
                "sub": format!("project_path:acme/payments/api-{project}:ref_type:branch:ref:main"),
            }),
        );
        mint::mint(&self.job, key)
    }

    async fn verify(&self, token: &str) -> f64 {
        let now = self.clock.now();
        let began = Instant::now();
        let verified = self.issuers.verify(black_box(token), now).await;
        let took = began.elapsed();
        black_box(verified.unwrap());
        took.as_secs_f64() * 1e6
    }

    async fn new_tokens(&mut self, key: &SigningKey) -> (f64, f64) {
        let mut took = Vec::with_capacity(NEW_TOKENS);
        for place in 0..NEW_TOKENS {
            let token = self.token(place, key);
            took.push(self.verify(&token).await);
        }
        middle_and_late(took)
    }

    async fn known_token(&mut self, key: &SigningKey) -> (f64, f64, usize) {
        let tokens: Vec<String> = (0..1_000).map(|place| self.token(place, key)).collect();
        let mut took = Vec::new();
        for round in 0..20 {
            for token in &tokens {
                let one = self.verify(token).await;
                if round > 0 {
                    took.push(one);
                }
            }
        }
        let (median, late) = middle_and_late(took);
        (median, late, tokens[0].len())
    }

    async fn many(&mut self, key: &SigningKey) {
        // A set of its own, so that nothing of before is in the way.
        let fresh = Stand::new(std::slice::from_ref(key)).await;
        *self = Stand {
            job: claims::gitlab_job(fresh.issuer.url(), US),
            ..fresh
        };
        let before = resident_bytes();
        for place in 0..MANY_TOKENS {
            let token = self.token(place, key);
            self.verify(&token).await;
        }
        let grown = resident_bytes().saturating_sub(before);
        let mut again = Vec::with_capacity(MANY_TOKENS);
        for place in 0..MANY_TOKENS {
            let token = self.token(place, key);
            again.push(self.verify(&token).await);
        }
        let forgotten = again.iter().filter(|us| **us > FORGOTTEN_US).count();
        let (median, _) = middle_and_late(again);
        let (mb, each) = (grown as f64 / 1e6, grown / MANY_TOKENS);
        println!("{MANY_TOKENS} distinct tokens verified:");
        println!("  memory grew by {mb:.0} MB, {each} bytes each");
        println!(
            "  a second look at each: median {median:.2} us; {forgotten} took over {FORGOTTEN_US} us"
        );
        assert!(mb <= 200.0, "more than 200 MB");
        assert!(forgotten < MANY_TOKENS / 100, "not all are remembered");
    }
}

fn middle_and_late(mut took: Vec<f64>) -> (f64, f64) {
    took.sort_by(f64::total_cmp);
    let at = |part: usize| took[took.len() * part / 100];
    (at(50), at(99))
}

/// What the process holds in memory (proc(5), statm).
fn resident_bytes() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = text.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

/// Longer than a look, shorter than a signature and all the rest.
const FORGOTTEN_US: f64 = 20.0;
