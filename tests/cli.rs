//! The command line: terminal sessions as text, exit codes, streams, help, completions, manuals.
//!
//! A session (`tests/cli/*.txt`) is run by the real program in a folder with the shipped settings:
//! `# ` is a comment, `% a => b` changes `stile.yaml`, `$ ` is a command, then come its standard
//! output, its standard error behind `! `, and `[exit N]`. A line `...` stands for any lines, `...`
//! at the end of a line for any rest, one space for several.

use std::fs;
use std::io::Read;
use std::process::{Command, Output, Stdio};

use crate::config::Site;

/// The program in the folder of a site, with nothing of ours in its environment.
pub(crate) fn stile(site: &Site) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stile"));
    let ours = |name: &str| name.starts_with("STILE_") || name.starts_with("CLICOLOR");
    for (name, _) in std::env::vars().filter(|(name, _)| ours(name)) {
        command.env_remove(name);
    }
    command.env_remove("NO_COLOR");
    command.current_dir(site.path(""));
    command.stdin(Stdio::null());
    command
}

pub(crate) fn run(site: &Site, words: &[&str]) -> Output {
    stile(site).args(words).output().unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Words of a command line, with quotes but without a shell.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (None, ' ') => words.push(String::new()),
            _ => words.last_mut().unwrap().push(c),
        }
    }
    words
}

/// One command of a session with what it should print.
#[derive(Default)]
struct Step {
    line: usize,
    changes: Vec<(String, String)>,
    command: String,
    out: Vec<String>,
    err: Vec<String>,
    exit: i32,
}

fn steps(session: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut step = Step::default();
    for (index, line) in session.lines().enumerate() {
        if let Some(command) = line.strip_prefix("$ ") {
            step.command = command.to_owned();
            step.line = index + 1;
        } else if let Some(change) = line.strip_prefix("% ") {
            let (from, to) = change.split_once(" => ").expect("a change has an arrow");
            step.changes
                .push((from.replace("\\n", "\n"), to.replace("\\n", "\n")));
        } else if let Some(code) = line.strip_prefix("[exit ") {
            step.exit = code.trim_end_matches(']').parse().unwrap();
            steps.push(std::mem::take(&mut step));
        } else if step.command.is_empty() {
            assert!(
                line.is_empty() || line.starts_with('#'),
                "line {}: {line}",
                index + 1
            );
        } else if let Some(line) = line.strip_prefix("! ") {
            step.err.push(line.to_owned());
        } else {
            step.out.push(line.to_owned());
        }
    }
    assert!(step.command.is_empty(), "the last command has no [exit N]");
    steps
}

/// With one space for several: how wide a column is depends on the folder's name.
fn spaced(line: &str) -> String {
    line.split(' ')
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

fn matches(wanted: &[String], found: &[&str]) -> bool {
    match wanted {
        [] => found.is_empty(),
        [any, rest @ ..] if any == "..." => (0..=found.len()).any(|n| matches(rest, &found[n..])),
        [line, rest @ ..] => found.first().is_some_and(|first| {
            let (first, line) = (spaced(first), spaced(line));
            let same = match line.strip_suffix("...") {
                Some(start) => first.starts_with(start),
                None => first == line,
            };
            same && matches(rest, &found[1..])
        }),
    }
}

fn play(name: &str, session: &str) {
    let steps = steps(session);
    assert!(!steps.is_empty(), "{name} has no commands");
    let mut site = Site::new();
    for step in steps {
        if !step.changes.is_empty() {
            site = Site::new();
            let mut file = fs::read_to_string(site.file()).unwrap();
            for (from, to) in &step.changes {
                assert!(
                    file.contains(from),
                    "{name}:{}: nothing to change",
                    step.line
                );
                file = file.replacen(from, to, 1);
            }
            fs::write(site.file(), file).unwrap();
        }
        let mut command = stile(&site);
        let mut program = false;
        for word in words(&step.command) {
            match word.split_once('=') {
                Some((name, value)) if !program => drop(command.env(name, value)),
                _ if !program => {
                    assert_eq!(word, "stile", "{name}:{}", step.line);
                    program = true;
                }
                _ => drop(command.arg(word)),
            }
        }
        let output = command.output().unwrap();
        let folder = site.path("").display().to_string();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        let seen = |text: &str| text.replace(&folder, "SITE/").trim_end().to_owned();
        let (out, err) = (seen(&out), seen(&err));
        let right = matches(&step.out, &out.lines().collect::<Vec<_>>())
            && matches(&step.err, &err.lines().collect::<Vec<_>>())
            && output.status.code() == Some(step.exit);
        assert!(
            right,
            "tests/cli/{name}:{}: $ {}\n{out}\n! {}\n[exit {:?}]",
            step.line,
            step.command,
            err.replace('\n', "\n! "),
            output.status.code()
        );
    }
}

#[test]
fn the_sessions_run_as_they_are_written() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli");
    let mut played = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        play(&name, &fs::read_to_string(&path).unwrap());
        played += 1;
    }
    assert!(played >= 3, "{played}");
}

#[test]
fn help_of_every_command_says_what_it_is_for_and_prints_nothing_else() {
    let site = Site::new();
    let whole = run(&site, &["--help"]);
    assert_eq!(whole.status.code(), Some(0));
    assert!(whole.stderr.is_empty());
    let whole = text(&whole.stdout);
    assert!(whole.contains("Exit codes:"), "{whole}");
    for command in commands(&whole) {
        let help = run(&site, &[&command, "--help"]);
        assert_eq!(help.status.code(), Some(0), "{command}");
        let help = text(&help.stdout);
        assert!(help.contains(&format!("Usage: stile {command}")), "{help}");
        if commands(&help).is_empty() {
            assert!(help.contains("Example"), "{command} has no example: {help}");
        }
        for inner in commands(&help) {
            let help = text(&run(&site, &[&command, &inner, "--help"]).stdout);
            assert!(
                help.contains("Example"),
                "{command} {inner} has no example: {help}"
            );
        }
        for line in help.lines() {
            assert!(line.chars().count() <= 100, "{command}: {line}");
        }
    }
}

/// The commands that a help text lists.
fn commands(help: &str) -> Vec<String> {
    let list = help.split("Commands:\n").nth(1).unwrap_or("");
    let lines = list.lines().take_while(|line| !line.is_empty());
    let entries = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    entries
        .map(|line| line.split_whitespace().next().unwrap().to_owned())
        .collect()
}

#[test]
fn every_shell_and_every_command_has_its_script_and_its_page() {
    let site = Site::new();
    let help = text(&run(&site, &["--help"]).stdout);
    let names = commands(&help);
    assert!(names.len() >= 5, "{names:?}");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(&site, &["completions", shell]);
        assert_eq!(script.status.code(), Some(0), "{shell}");
        let script = text(&script.stdout);
        assert!(
            names.iter().all(|name| script.contains(name.as_str())),
            "{shell}"
        );
    }
    for name in &names {
        let page = text(&run(&site, &["man", name]).stdout);
        assert!(
            page.contains(&format!(".TH stile-{name} 1")),
            "{name}: {page}"
        );
    }
    let whole = text(&run(&site, &["man"]).stdout);
    assert!(
        whole.contains(".TH stile 1") && whole.contains("Exit codes"),
        "{whole}"
    );
}

#[test]
fn the_schema_is_json_and_nothing_else_is_on_standard_output() {
    let site = Site::new();
    let output = run(&site, &["schema", "config"]);
    let schema: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(schema, stile::config::schema());
    assert!(output.stderr.is_empty());
}

#[test]
fn every_format_shows_the_same_settings() {
    let site = Site::new();
    let show = |format: &str| {
        let output = run(&site, &["config", "show", "--origin", "--format", format]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert!(output.stderr.is_empty());
        text(&output.stdout)
    };
    let json: Vec<serde_json::Value> = serde_json::from_str(&show("json")).unwrap();
    let jsonl = show("jsonl");
    let lines: Vec<serde_json::Value> = jsonl
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(json, lines);
    assert!(json.len() > 60);
    assert_eq!(show("csv").lines().count(), json.len() + 1);
    assert_eq!(show("table").lines().count(), json.len() + 1);
    for (shown, line) in json.iter().zip(show("table").lines().skip(1)) {
        assert!(line.starts_with(shown["key"].as_str().unwrap()), "{line}");
    }
}

#[test]
fn what_is_shown_can_be_written_back_as_overrides() {
    let site = Site::new();
    let output = run(&site, &["config", "show", "--format", "json"]);
    let shown: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
    // All but the values whose type the file says by quotes: the shown text is enough.
    fs::write(site.file(), "").unwrap();
    let mut command = stile(&site);
    for value in &shown {
        let key = value["key"].as_str().unwrap().to_uppercase();
        let path = key
            .replace('[', "__")
            .replace("].", "__")
            .replace(']', "")
            .replace('.', "__");
        let text = value["value"].as_str().unwrap();
        let text = text.split(" (sha256:").next().unwrap();
        let quoted = text.contains(['{', ':']) && !text.contains("://");
        let text = if quoted {
            format!("\"{text}\"")
        } else {
            text.to_owned()
        };
        command.env(format!("STILE_{path}"), text);
    }
    let again = command
        .args(["config", "show", "--format", "json"])
        .output()
        .unwrap();
    assert_eq!(again.status.code(), Some(0), "{}", text(&again.stderr));
    assert_eq!(text(&again.stdout), text(&output.stdout));
}

#[test]
fn a_key_is_never_printed() {
    let site = Site::new();
    for words in [["config", "show"], ["config", "paths"]] {
        let output = run(&site, &words);
        let all = text(&output.stdout) + &text(&output.stderr);
        assert!(!all.contains("canary"), "{all}");
    }
}

#[test]
fn colour_is_where_it_was_asked_for() {
    let site = Site::with("sites: 1\n");
    let colored = |command: &mut Command| {
        let output = command.args(["config", "show"]).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        text(&output.stderr).contains('\x1b')
    };
    assert!(!colored(&mut stile(&site)), "not into a pipe");
    assert!(colored(stile(&site).args(["--color", "always"])));
    assert!(colored(stile(&site).env("CLICOLOR_FORCE", "1")));
    assert!(!colored(
        stile(&site).env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1")
    ));
    assert!(!colored(
        stile(&site)
            .env("CLICOLOR_FORCE", "1")
            .args(["--color", "never"])
    ));
    assert!(colored(
        stile(&site)
            .env("NO_COLOR", "1")
            .args(["--color", "always"])
    ));
}

#[test]
fn a_reader_that_goes_away_is_no_fault() {
    let site = Site::new();
    for words in [
        &["schema", "config"][..],
        &["completions", "bash"],
        &["man"],
        &["config", "show"],
        &["--help"],
    ] {
        let mut child = stile(&site)
            .args(words)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let mut err = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut err)
            .unwrap();
        let status = child.wait().unwrap();
        assert_eq!((status.code(), err.as_str()), (Some(0), ""), "{words:?}");
    }
}

#[test]
fn a_full_disk_is_told() {
    let site = Site::new();
    let Ok(full) = fs::OpenOptions::new().write(true).open("/dev/full") else {
        return;
    };
    let output = stile(&site)
        .args(["schema", "config"])
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).starts_with("error: standard output cannot be written"));
}

/// Words of the command, exit code, what standard error begins with.
#[rustfmt::skip] // a table reads as one
const EXITS: &[(&[&str], i32, &str)] = &[
    (&["version"], 0, ""),
    (&["--version"], 0, ""),
    (&["--help"], 0, ""),
    (&["config", "show"], 0, ""),
    (&["config", "paths"], 0, ""),
    (&["schema", "config"], 0, ""),
    (&["man", "config", "show"], 0, ""),
    (&["check"], 0, ""),
    (&["test"], 0, ""),
    (&["operations", "list"], 0, ""),
    (&["schema", "cedar"], 0, ""),
    (&["schema", "bindings"], 0, ""),
    (&["audit", "verify"], 2, "error: there is no folder"),
    (&["audit", "verify", "nowhere"], 2, "error: there is no folder `nowhere`"),
    (&["token", "verify", "x"], 2, "error: the following required arguments"),
    (&["token", "explain", "--as-of", "yesterday", "x"], 2, "error: invalid value 'yesterday' for '--as-of <TIME>'"),
    (&["token", "verify", "--jwks", "x", "--as-of", "-1", "x"], 2, "error:"),
    (&["token", "verify", "--jwks", "x", "--as-of", "1", "--signature-only", "x"], 2, "error: the argument '--as-of"),
    (&["explain", "GET"], 2, "error: `GET` is not the id of a decision"),
    (&["explain", "GET", "/", "--ci", "a", "--user", "b"], 2, "error: the argument '--ci"),
    (&["explain", "GET", "/", "--user", "b", "--protected"], 2, "error: the argument '--user <NAME>' cannot be used"),
    (&[], 2, "An identity-aware"),
    (&["config"], 2, "Show the settings"),
    (&["confg"], 2, "error: unrecognized subcommand 'confg'"),
    (&["config", "shwo"], 2, "error: unrecognized subcommand 'shwo'"),
    (&["config", "show", "extra"], 2, "error: unexpected argument 'extra'"),
    (&["--confg", "x", "version"], 2, "error: unexpected argument '--confg'"),
    (&["--config"], 2, "error: a value is required for '--config <FILE>'"),
    (&["--config", "no.yaml", "config", "show"], 2, "error: the settings file cannot be read"),
    (&["--config", "no.yaml", "config", "paths"], 2, "error: the settings file cannot be read"),
    (&["--config", "secrets", "config", "show"], 2, "error: the settings file cannot be read"),
    (&["--config", "secrets/ingest.key", "config", "show"], 2, "error:"),
    (&["--color", "blue", "version"], 2, "error: invalid value 'blue' for '--color <WHEN>'"),
    (&["--format", "xml", "version"], 2, "error: invalid value 'xml' for '--format <FORMAT>'"),
    (&["schema"], 2, "error: the following required arguments"),
    (&["schema", "configs"], 2, "error: invalid value 'configs'"),
    (&["completions", "sh"], 2, "error: invalid value 'sh'"),
    (&["man", "serv"], 2, "error: there is no command `stile serv`"),
    (&["man", "config", "shows"], 2, "error: there is no command `stile-config shows`"),
];

#[test]
fn exit_codes_hold() {
    assert!(EXITS.len() >= 25);
    for (words, exit, begins) in EXITS {
        let site = Site::new();
        let output = run(&site, words);
        let err = text(&output.stderr);
        assert_eq!(output.status.code(), Some(*exit), "{words:?}: {err}");
        assert!(err.starts_with(begins), "{words:?}: {err}");
        assert_eq!(err.is_empty(), *exit == 0, "{words:?}: {err}");
        let data = words != &["--config", "no.yaml", "config", "paths"];
        assert!(
            !data || output.stdout.is_empty() == (*exit != 0),
            "{words:?}"
        );
    }
}

#[test]
fn a_policy_folder_whose_cases_fail_is_told_by_test_and_refused_by_check() {
    let site = Site::new();
    let rules = fs::read_dir(site.path("policies/guardrails")).unwrap();
    let file = rules
        .map(|entry| entry.unwrap().path())
        .find(|path| path.is_file())
        .unwrap();
    fs::remove_file(&file).unwrap();
    let test = run(&site, &["test"]);
    let check = run(&site, &["check"]);
    assert_ne!(test.status.code(), Some(0), "{}", text(&test.stdout));
    assert_eq!(check.status.code(), Some(2), "{}", text(&check.stdout));
    assert!(check.stdout.is_empty());
}

/// A journal with a start and a stop, as `serve` leaves one behind when nobody came.
fn journal(site: &Site) {
    let settings = stile::config::Settings::load(&site.file(), []).unwrap();
    let identity = stile::record::Identity {
        version: "test".to_owned(),
        config_digest: settings.digest.clone(),
    };
    let clock = stile::clock::Clock::machine();
    let opened = stile::record::Journal::open(settings.journal, clock, identity).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(opened.journal.close()).unwrap();
}

#[test]
fn a_journal_is_verified_and_a_changed_byte_is_found() {
    let site = Site::new();
    journal(&site);
    let whole = run(&site, &["audit", "verify"]);
    let said = text(&whole.stdout);
    assert_eq!(
        whole.status.code(),
        Some(0),
        "{said}{}",
        text(&whole.stderr)
    );
    assert!(
        said.lines()
            .last()
            .unwrap()
            .starts_with("INTACT records 0 to "),
        "{said}"
    );
    let json = run(&site, &["audit", "verify", "journal", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(
        (&report["verdict"], &report["exit_code"]),
        (&"intact".into(), &10.into())
    );

    let segments = fs::read_dir(site.path("journal")).unwrap();
    let mut segments = segments.map(|entry| entry.unwrap().path());
    let segment = segments
        .find(|path| path.extension().is_some_and(|e| e == "seg"))
        .unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    let at = bytes
        .windows(6)
        .position(|window| window == b"\"boot\"")
        .unwrap()
        + 9;
    bytes[at] ^= 1;
    fs::remove_file(&segment).unwrap();
    fs::write(&segment, bytes).unwrap();
    let broken = run(&site, &["audit", "verify"]);
    let said = text(&broken.stdout);
    assert_eq!(broken.status.code(), Some(1), "{said}");
    assert!(said.contains("\nBROKEN at record 0 "), "{said}");
    let json = run(&site, &["audit", "verify", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(
        (&report["verdict"], &report["exit_code"]),
        (&"invalid".into(), &40.into())
    );

    fs::remove_file(&segment).unwrap();
    let empty = run(&site, &["audit", "verify"]);
    assert_eq!(empty.status.code(), Some(3), "{}", text(&empty.stdout));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_explained_as_of_another_time() {
    let ground = crate::support::ground().await;
    let file = ground.write().unwrap();
    let jwks = serde_json::json!({ "keys": [ground.gitlab.rsa().jwk()] }).to_string();
    let keys = ground.folder().write("keys.json", &jwks).unwrap();
    let mut job = stile_kit::claims::gitlab_job(ground.gitlab.url(), stile_kit::world::AUDIENCE);
    stile_kit::claims::at(&mut job, 1_790_000_000);
    let token = ground.gitlab.mint(&job);
    let config = file.to_str().unwrap().to_owned();
    let keys = keys.to_str().unwrap().to_owned();
    let explain = ["--config", &config, "token", "explain"];
    let verify = ["--config", &config, "token", "verify", "--jwks", &keys];
    for (as_of, verdict, code) in [
        ("1790000060", "VERIFIED", 0),
        ("2026-09-21T14:14:20Z", "VERIFIED", 0),
        ("2026-09-21T16:14:20+02:00", "VERIFIED", 0),
        ("1789999000", "REFUSED not_yet_valid", 1),
        ("1790010000", "REFUSED expired", 1),
    ] {
        for command in [explain.as_slice(), verify.as_slice()] {
            let mut program = Command::new(env!("CARGO_BIN_EXE_stile"));
            let program = program.args(command).args(["--as-of", as_of, &token]);
            let output = program.output().unwrap();
            let said = text(&output.stdout);
            assert!(
                said.contains(verdict),
                "{as_of}: {said}{}",
                text(&output.stderr)
            );
            assert_eq!(output.status.code(), Some(code), "{as_of}: {said}");
        }
    }
}
