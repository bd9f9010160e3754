//! Measures what policies cost: to load a set, to decide by it, to replay a journal against it.
//!
//! In: `cargo bench --bench policies`, with other sizes than 10 to 10,000 behind `--`. Out: two tables; sets are made up and the same in each run.
//!
//! Decisions are asked without the memory for repeated ones, so each is judged anew. Everything runs
//! on one thread, but for loading, which uses what there is.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a measurement that cannot go on should stop, and its output is its purpose"
)]

use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use stile::authorize::{Explain, Mode, Policies, PolicySettings, Reading, Verdict};
use stile::clock::{Clock, Time};
use stile::identify::{Facts, Job, Person, Who};
use stile::listen::{Protocol, Sighting};
use stile::record::audit_record::{Asker, Constants, DecisionRecord, Inputs};
use stile::record::frame::Kind;
use stile::record::{Identity, Journal, JournalSettings, Level, Levels, Rendered, TreeSettings};
use stile::resolve::{
    Catalogue, CatalogueSettings, CatalogueUse, Entry, ListShape, Operation, Resource,
};
use stile::workbench::replay;
use uuid::Uuid;

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const NOON: Time = Time::from_secs(1_795_514_400);

fn main() {
    let entries = entries();
    println!(
        "| policies | load s | lints s | allow us | deny us | deny, nobody's rule us | list of 1,000 ms |"
    );
    println!("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    let mut last = None;
    let asked: Vec<usize> = std::env::args()
        .filter_map(|one| one.parse().ok())
        .collect();
    let sizes = match asked.as_slice() {
        [] => &[10, 100, 1_000, 10_000],
        some => some,
    };
    for size in sizes.iter().copied() {
        let folder = tempfile::tempdir().unwrap();
        lay(folder.path(), size);
        let began = Instant::now();
        let policies = load(folder.path(), &entries);
        let load = began.elapsed();
        let began = Instant::now();
        black_box(policies.findings());
        let lints = began.elapsed();
        let member = |n| person(&format!("team-{}", n % (size / 10)));
        let [allow, deny, stranger] = [
            cost(&policies, &entries, Verdict::Allow, |n| {
                (member(n), "dashboards.read", project(n, size))
            }),
            cost(&policies, &entries, Verdict::Deny, |n| {
                (member(n), "streams.create", project(n, size))
            }),
            cost(&policies, &entries, Verdict::Deny, |n| {
                (person("nobody"), "streams.create", project(n, size))
            }),
        ];
        println!(
            "| {} | {:.2} | {:.2} | {:.1} | {:.1} | {:.1} | {:.2} |",
            policies.ids().count(),
            load.as_secs_f64(),
            lints.as_secs_f64(),
            micros(allow),
            micros(deny),
            micros(stranger),
            micros(list(&policies, &entries, size)) / 1e3,
        );
        last = Some((folder, policies));
    }
    let (_, policies) = last.unwrap();
    println!("\n| journal | decisions | replay s | decisions/s |");
    println!("| --- | ---: | ---: | ---: |");
    for (name, callers) in [("500 callers", 500), ("20,000 callers", 20_000)] {
        let folder = tempfile::tempdir().unwrap();
        write_journal(folder.path(), &entries, callers);
        let began = Instant::now();
        let replayed = replay(folder.path(), &policies, Time::from_ms(0), |_| ()).unwrap();
        let took = began.elapsed().as_secs_f64();
        assert_eq!(replayed.asked, RECORDS, "{:?}", replayed.gaps);
        println!(
            "| {name} | {RECORDS} | {took:.2} | {:.0} |",
            RECORDS as f64 / took
        );
    }
}

/// The median time to take apart a list of 1,000 dashboards of 20 teams, decide on each item, and cut
/// out those that may not be read.
fn list(policies: &Policies, entries: &[Arc<Entry>], size: usize) -> Duration {
    let read = entries.iter().find(|one| one.action == "dashboards.read");
    let read = read.unwrap();
    let steps = |path: &str| path.split('/').map(str::to_owned).collect::<Vec<_>>();
    let shape = ListShape {
        read: read.action.clone(),
        items: steps("data"),
        id: steps("id"),
        labels: Some(steps("attributes/labels")),
        object: read.object.as_deref().cloned(),
        is_of_projects: false,
    };
    let mut answer = String::from("{\"data\":[");
    for n in 0..1_000 {
        let comma = if n == 0 { "" } else { "," };
        let team = n % 20 % (size / 10);
        let _ = write!(
            answer,
            "{comma}{{\"type\":\"dashboard\",\"id\":\"board-{n}\",\"attributes\":{{\"name\":\"latency of \
             service {n}, by region and by version\",\"description\":\"what a team looks at first\",\
             \"labels\":[{{\"key\":\"team\",\"value\":\"team-{team}\"}},{{\"key\":\"tier\",\"value\":\"1\"}}]}},\
             \"links\":{{\"self\":\"https://api.lightstep.com/public/v0.2/acme/projects/X/d/{n}\"}}}}"
        );
    }
    answer.push_str("],\"links\":{\"next\":null}}");
    let facts = person("team-0");
    let project = project(0, size);
    let reading = Reading {
        facts: &facts,
        read,
        project: Some(&project),
        is_of_projects: false,
        now: NOON,
    };
    let mut took: Vec<Duration> = (0..60)
        .map(|_| {
            let began = Instant::now();
            let list = shape.list_in(answer.as_bytes()).unwrap();
            let keep = policies.reads_each(&reading, &list.items);
            let left = black_box(list.keeping(answer.as_bytes(), &keep));
            let took = began.elapsed();
            assert!(!left.is_empty() && keep.len() == 1_000);
            took
        })
        .collect();
    took.drain(..10);
    took.sort_unstable();
    took[took.len() / 2]
}

/// The median time of one decision.
fn cost(
    policies: &Policies,
    entries: &[Arc<Entry>],
    expected: Verdict,
    ask: impl Fn(usize) -> (Facts, &'static str, String),
) -> Duration {
    // The first time, policies are taken apart to be told of.
    let mut took: Vec<Duration> = (0..2_000)
        .chain(0..2_000)
        .map(|n| {
            let (facts, action, project) = ask(n);
            let operation = operation(entries, action, &project);
            let began = Instant::now();
            let decision = black_box(policies.decide(&facts, &operation, NOON));
            let took = began.elapsed();
            assert_eq!(decision.verdict, expected, "{facts:?} {action} {project}");
            took
        })
        .collect();
    took.drain(..2_000);
    took.sort_unstable();
    took[took.len() / 2]
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// Half bindings of teams, half rules for jobs; each names its own team or group and project.
fn lay(folder: &Path, size: usize) {
    let few = size / 10;
    let mut directory = String::from("teams:\n");
    let mut groups = String::from("groups: [acme");
    let mut projects = String::from("projects: [");
    for n in 0..few {
        writeln!(directory, "  team-{n}: {{groups: okta:team-{n}}}").unwrap();
        write!(groups, ", acme/g{n}").unwrap();
        write!(projects, "{}p{n}", if n == 0 { "" } else { ", " }).unwrap();
    }
    write!(directory, "{groups}]\n{projects}]\n").unwrap();
    put(folder, "directory.yaml", &directory);
    put(
        folder,
        "roles.yaml",
        "viewer: [read]\neditor: [dashboards.read, dashboards.update]\n",
    );
    let mut bindings = String::new();
    for n in 0..size / 2 {
        let role = if n % 2 == 0 { "viewer" } else { "editor" };
        let (team, on) = (n % few, project(n, size));
        let until = if n % 7 == 0 {
            ", until: 2030-12-31"
        } else {
            ""
        };
        writeln!(
            bindings,
            "- {{name: b{n}, team: team-{team}, role: {role}, on: {on}{until}}}"
        )
        .unwrap();
    }
    put(folder, "bindings.yaml", &bindings);
    for part in 0..(size / 2).div_ceil(1_000) {
        let mut rules = String::new();
        for n in part * 1_000..(size / 2).min((part + 1) * 1_000) {
            let (group, on) = (n % few, project(n, size));
            writeln!(
                rules,
                "@id(\"r{n}\")\npermit (principal is Job in Group::\"acme/g{group}\", action in \
                 [Action::\"streams.create\", Action::\"dashboards.update\"], resource in \
                 Project::\"{on}\")\nwhen {{ principal.ref_protected && principal.ref == \"main\" \
                 && context.minute_of_day >= {} }};\n",
                [0, 480, 540, 600][n % 4]
            )
            .unwrap();
        }
        put(folder, &format!("rules/jobs-{part}.cedar"), &rules);
    }
    for file in ["agents", "jobs", "powers"] {
        let text = fs::read_to_string(shipped().join(format!("guardrails/{file}.cedar"))).unwrap();
        put(folder, &format!("guardrails/{file}.cedar"), &text);
    }
}

fn project(n: usize, size: usize) -> String {
    format!("p{}", n % (size / 10))
}

fn put(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("policies")
}

fn entries() -> Vec<Arc<Entry>> {
    let catalogue = Catalogue::load(&CatalogueSettings {
        folder: shipped().join("operations"),
        uses: vec![CatalogueUse {
            upstream: "lightstep".to_owned(),
            operations: "lightstep".to_owned(),
            pinned: Vec::new(),
        }],
    });
    catalogue.unwrap().entries().to_vec()
}

fn load(folder: &Path, entries: &[Arc<Entry>]) -> Policies {
    let settings = PolicySettings {
        folder: folder.to_owned(),
        time_zone: "UTC".to_owned(),
        mode: Mode::Enforce,
        shared_audience: None,
        explain: Explain::Checks,
    };
    let loaded = Policies::load(&settings, entries, NOON);
    loaded.unwrap_or_else(|faults| panic!("{}", faults[0]))
}

fn operation(entries: &[Arc<Entry>], action: &str, project: &str) -> Operation {
    let entry = entries.iter().find(|entry| entry.action == action).unwrap();
    Operation {
        entry: entry.clone(),
        resource: Resource {
            kind: entry.resource_type.clone(),
            id: entry.names_one.then(|| "d1".to_owned()),
            project: Some(project.to_owned()),
        },
        parameters: Vec::new(),
        seen: None,
    }
}

fn person(team: &str) -> Facts {
    Facts {
        issuer: "okta".to_owned(),
        subject: "00u1".to_owned(),
        who: Who::Person(Person {
            name: "mira@acme.example".to_owned(),
            groups: vec![team.to_owned()],
            mfa: true,
            ..Person::default()
        }),
    }
}

/// A job of its own repository; another commit each time.
fn job(caller: usize, n: usize) -> Facts {
    let repository = format!("acme/g{}/app-{caller}", caller % 1_000);
    Facts {
        issuer: "gitlab".to_owned(),
        subject: format!("project_path:{repository}:ref_type:branch:ref:main"),
        who: Who::Job(Job {
            repository_id: caller.to_string(),
            namespace_id: Some("7".to_owned()),
            git_ref: "main".to_owned(),
            ref_type: Some("branch".to_owned()),
            ref_protected: true,
            pipeline_source: "push".to_owned(),
            from_fork: false,
            job_repository: Some(repository.clone()),
            job_repository_id: Some(caller.to_string()),
            repository,
            workflow: None,
            runner_environment: Some("self-hosted".to_owned()),
            job_source: Some("push".to_owned()),
            access_level: Some("maintainer".to_owned()),
            visibility: Some("private".to_owned()),
            environment: Some("production".to_owned()),
            environment_protected: Some(true),
            deployment_tier: Some("production".to_owned()),
            environment_action: Some("start".to_owned()),
            sha: Some(format!("{n:040x}")),
            pipeline_id: n.to_string(),
            job_id: n.to_string(),
            started_by: Some("anna".to_owned()),
        }),
    }
}

fn write_journal(folder: &Path, entries: &[Arc<Entry>], callers: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    runtime.block_on(async {
        let settings = JournalSettings {
            folder: folder.to_owned(),
            origin: "stile.example.com/bench".to_owned(),
            segment_bytes: 64 << 20,
            queue: 8_192,
            flood_threshold: 2_000,
            compress: false,
            commit_ms: 60_000,
            levels: Levels::default(),
            retention: Default::default(),
            tree: TreeSettings::default(),
        };
        let identity = Identity {
            version: "bench".to_owned(),
            config_digest: "sha256:00".to_owned(),
        };
        let opened = Journal::open(settings, Clock::fixed(NOON), identity);
        let journal = opened.unwrap().journal;
        let constants = Constants::new("stile.example.com/bench", "boot/1", "bench", "sha256:00");
        let mut waiting = Vec::new();
        for n in 0..usize::try_from(RECORDS).unwrap() {
            let payload = decision(entries, &constants, n, callers);
            let journal = journal.clone();
            waiting.push(tokio::spawn(async move {
                journal
                    .submit(Kind::Decision, payload, Level::Write)
                    .await
                    .unwrap()
            }));
            if waiting.len() == 4_096 {
                for one in waiting.drain(..) {
                    one.await.unwrap();
                }
            }
        }
        for one in waiting {
            one.await.unwrap();
        }
        journal.close().await.unwrap();
    });
}

fn decision(entries: &[Arc<Entry>], constants: &Constants, n: usize, callers: usize) -> Rendered {
    let facts = job(n * 7 % callers, n);
    let action = ["dashboards.read", "dashboards.update", "streams.create"][n % 3];
    let operation = operation(entries, action, &format!("p{}", n % 20));
    let minute = n / 100; // a hundred a minute
    let at = format!(
        "2026-11-{:02} {:02}:{:02}",
        1 + minute / 1_440,
        minute / 60 % 24,
        minute % 60
    );
    let claims = vec![("pipeline_id", serde_json::Value::from(n.to_string()))];
    let mut line = Rendered::default();
    DecisionRecord {
        sighting: Sighting {
            id: Uuid::now_v7(),
            time: NOON,
            mono_ns: 88_123_000_000,
            peer: SocketAddr::from((Ipv4Addr::new(192, 0, 2, 7), 51_123)),
            protocol: Protocol::Http2,
            tls: None,
            method: Some("POST"),
            path: Some("/public/v0.2/acme/projects/p1/streams"),
            query: None,
            host: Some("stile.example.com"),
            user_agent: Some(b"terraform-provider-lightstep/1.2 (terraform 1.9)"),
            trace: None,
        },
        level: Level::Write,
        decision: "deny",
        reason: Some(stile::refusal::Reason::PolicyDenied),
        forbidden_by: None,
        asker: Some(Asker {
            issuer: "https://gitlab.example.com",
            subject: &facts.subject,
            who: &facts.who,
            key_id: Some("k1"),
            algorithm: "RS256",
            typ: Some("JWT"),
            issued: NOON,
            expires: NOON,
            bound: None,
            fingerprint: [0x9f; 32],
            claims,
            personal_claims: Vec::new(),
        }),
        operation: Some(&operation),
        policies: &[],
        policy_errors: &[],
        policy_set: Some("sha256:aa"),
        observed: None,
        inputs: Some(Inputs {
            issuer: "gitlab",
            who: &facts.who,
            kind: None,
            at: &at,
            seen: None,
        }),
    }
    .render(constants, &[0x5a; 16], &mut line);
    line
}

const RECORDS: u64 = 300_000;
