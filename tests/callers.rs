//! Real callers: programs that people run today, sent through a running stile.
//!
//! In: where stile listens, a token, a CA file. Out: the line of JSON that each program prints.
//!
//! The programs are in `tests/callers/`, their packages in `target/callers`. Each is first checked
//! by itself, against a recorder instead of stile: a caller that does not send what the real one
//! sends would prove nothing. Programs end by themselves within a minute.
//!
//! Where a tool is missing a test says so and passes, so that plain `cargo test` works everywhere;
//! with `CI` or `STILE_TEST_TOOLS=required` in the environment (`make test`) it fails instead.

mod gitlab_component;
mod interop;
mod litewitness;
mod protocols;
mod rotating;
mod second_verifier;
mod sign_in;
mod slow_http;
mod tessera;
mod timeline_page;
mod through_stile;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

/// Whom a caller calls, and by what right.
#[derive(Clone, Debug)]
pub(crate) struct Called {
    /// Scheme, host and port, such as `https://127.0.0.1:4711`.
    pub(crate) address: String,
    /// The token; empty for none.
    pub(crate) token: String,
    /// Whom to trust for TLS; none for clear text.
    pub(crate) ca_file: Option<PathBuf>,
}

/// Spans by OpenTelemetry's Python SDK; `flags` as in `python_otlp.py`.
///
/// `None` where the tools are missing; so in all functions below.
pub(crate) async fn python_otlp(called: &Called, flags: &[&str]) -> Option<Value> {
    run("venv/bin/python", "python_otlp.py", called, flags).await
}

/// Spans by OpenTelemetry's JavaScript SDK; `flags` as in `node_otlp.mjs`.
pub(crate) async fn node_otlp(called: &Called, flags: &[&str]) -> Option<Value> {
    run("node", "node_otlp.mjs", called, flags).await
}

/// One request as a CI job's script line; `flags` are method, path, body file, media type.
pub(crate) async fn curl_job(called: &Called, flags: &[&str]) -> Option<Value> {
    run("sh", "curl_job.sh", called, flags).await
}

/// A run of Lightstep's Terraform provider; `flags` as in `terraform_like.py`.
pub(crate) async fn terraform_like(called: &Called, flags: &[&str]) -> Option<Value> {
    run("venv/bin/python", "terraform_like.py", called, flags).await
}

/// A page in a browser, without scripts, wide and narrow, by keyboard; `flags` are its path and a folder
/// for pictures.
pub(crate) async fn look_at_page(called: &Called, flags: &[&str]) -> Option<Value> {
    run("node", "look_at_page.mjs", called, flags).await
}

/// An issuer that is not ours, running until dropped: npm's `oidc-provider`, or Keycloak.
#[derive(Debug)]
pub(crate) struct ForeignIssuer {
    process: Child,
    asking: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    /// Its `iss`, on http and loopback.
    pub(crate) url: String,
    /// The `client_id` of its tokens.
    pub(crate) client_id: String,
    /// A token for the audience it was started with.
    pub(crate) token: String,
}

impl ForeignIssuer {
    /// Starts `oidc-provider` and takes a first token for `audience`, in at most a few seconds.
    pub(crate) fn start(audience: &str) -> Option<ForeignIssuer> {
        ForeignIssuer::run("oidc_provider.mjs", audience)
    }

    /// The same with Keycloak, in half a minute; `None` where it was not installed, which wants Java.
    pub(crate) fn keycloak(audience: &str) -> Option<ForeignIssuer> {
        if !tools().join("keycloak/installed").exists() {
            eprintln!("skipped keycloak.mjs: install Java 17 and Maven, and the tools again");
            return None;
        }
        ForeignIssuer::run("keycloak.mjs", audience)
    }

    fn run(script: &str, audience: &str) -> Option<ForeignIssuer> {
        let mut process = command("node", script)?
            .env("STILE_AUDIENCE", audience)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("node starts");
        let asking = process.stdin.take();
        let mut answers = BufReader::new(process.stdout.take().expect("was asked for"));
        let first = next_line(&mut answers);
        let text = |name: &str| first[name].as_str().expect(name).to_owned();
        Some(ForeignIssuer {
            url: text("issuer"),
            client_id: text("client_id"),
            token: text("token"),
            process,
            asking,
            answers,
        })
    }

    /// Another token, for any audience.
    pub(crate) fn mint(&mut self, audience: &str) -> String {
        let said = self.obey(audience);
        said["token"].as_str().expect("a token").to_owned()
    }

    /// Does what a line of its script says, such as `rotate`.
    pub(crate) fn obey(&mut self, line: &str) -> Value {
        let asking = self.asking.as_mut().expect("open until dropped");
        writeln!(asking, "{line}").expect("the issuer reads");
        next_line(&mut self.answers)
    }
}

impl Drop for ForeignIssuer {
    fn drop(&mut self) {
        self.asking.take(); // it ends when nobody can ask any more
        let _ = self.process.wait();
    }
}

/// Runs one caller to its end, off the async threads.
async fn run(program: &str, script: &str, called: &Called, flags: &[&str]) -> Option<Value> {
    let mut command = command(program, script)?;
    command
        .args(flags)
        .env("STILE_ADDRESS", &called.address)
        .env("STILE_TOKEN", &called.token);
    match &called.ca_file {
        Some(file) => command.env("STILE_CA_FILE", file),
        None => command.env_remove("STILE_CA_FILE"),
    };
    let ended = tokio::task::spawn_blocking(move || command.output())
        .await
        .expect("not cancelled")
        .expect("the caller starts");
    let said = String::from_utf8_lossy(&ended.stdout);
    Some(serde_json::from_str(&said).unwrap_or_else(|fault| {
        let complaint = String::from_utf8_lossy(&ended.stderr);
        panic!("{script} printed no JSON ({fault}): {said}\n{complaint}")
    }))
}

/// The command for a script of `tests/callers`, or a word about what is missing.
pub(super) fn command(program: &str, script: &str) -> Option<Command> {
    let tools = tools();
    let program = match program.contains('/') {
        true => tools.join(program),
        false => PathBuf::from(program),
    };
    if !tools.join("installed").exists() {
        let missing = "run scripts/install-test-tools.sh";
        assert!(!must_be_there(), "{script} cannot run: {missing}");
        eprintln!("skipped {script}: {missing}");
        return None;
    }
    let mut command = Command::new(program);
    command
        .arg(scripts().join(script))
        .env("STILE_CALLERS", tools)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null());
    Some(command)
}

/// A program that stands in for cvc5, laid into `folder`; none, and a word about it, where its
/// package is not installed.
pub(crate) fn solver(folder: &Path) -> Option<PathBuf> {
    let script = "smt_solver.py";
    command("venv/bin/python", script)?;
    let python = tools().join("venv/bin/python");
    let program = folder.join("cvc5");
    let text = format!(
        "#!/bin/sh\nexec '{}' '{}' \"$@\"\n",
        python.display(),
        scripts().join(script).display()
    );
    std::fs::write(&program, text).expect("a script");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&program, mode).expect("a script that runs");
    Some(program)
}

/// Whether tools that tests need must be installed.
pub(crate) fn must_be_there() -> bool {
    let required = std::env::var_os("STILE_TEST_TOOLS").is_some_and(|value| value == "required");
    required || std::env::var_os("CI").is_some()
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/callers")
}

pub(crate) fn tools() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("callers")
}

fn next_line(from: &mut impl BufRead) -> Value {
    let mut line = String::new();
    from.read_line(&mut line).expect("the peer answers");
    serde_json::from_str(&line).expect("a line of JSON")
}

/// Makes development certificates in `folder` by the script that people use.
fn generate_certificates(folder: &Path) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("certs/generate.sh");
    let made = Command::new("bash")
        .arg(script)
        .arg(folder)
        .output()
        .expect("bash starts");
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
}

/// Runs `openssl` in `folder`; true when it says yes.
fn openssl(folder: &Path, arguments: &str) -> bool {
    let mut command = Command::new("openssl");
    command.args(arguments.split(' ')).current_dir(folder);
    command.output().expect("openssl starts").status.success()
}

/// Checks a caller by itself, in clear text and over TLS.
fn check_by_itself(caller: &str) {
    let Some(mut command) = command("venv/bin/python", "check.py") else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    generate_certificates(folder.path());
    command.args([caller]).arg(tools());
    let clear = command.output().expect("python starts");
    assert!(
        clear.status.success(),
        "{}",
        String::from_utf8_lossy(&clear.stderr)
    );
    command.args(["stile.pem", "stile-key.pem", "ca.pem"].map(|name| folder.path().join(name)));
    let tls = command.output().expect("python starts");
    assert!(
        tls.status.success(),
        "{}",
        String::from_utf8_lossy(&tls.stderr)
    );
}

#[test]
fn python_sends_what_the_real_exporter_sends() {
    check_by_itself("python");
}

#[test]
fn python_sends_what_the_real_grpc_exporter_sends() {
    check_by_itself("grpc");
}

#[test]
fn node_sends_what_the_real_exporter_sends() {
    check_by_itself("node");
}

#[test]
fn curl_fails_the_job_that_was_refused() {
    check_by_itself("curl");
}

#[test]
fn the_terraform_caller_escapes_and_repeats_as_the_provider_does() {
    check_by_itself("terraform");
}

#[test]
fn the_foreign_issuer_mints_for_the_audience_asked_for() {
    let Some(mut issuer) = ForeignIssuer::start("https://stile.example.com") else {
        return;
    };
    assert!(
        issuer.url.starts_with("http://127.0.0.1:"),
        "{}",
        issuer.url
    );
    assert_eq!(issuer.client_id, "nightly-report");
    assert_eq!(issuer.token.split('.').count(), 3);
    let other = issuer.mint("https://elsewhere.example.com");
    assert_ne!(issuer.token, other);
    check_by_itself("provider");
}

#[tokio::test]
async fn a_caller_that_reaches_nobody_says_so() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = free.local_addr().expect("bound").port();
    drop(free);
    let nobody = Called {
        address: format!("http://127.0.0.1:{port}"),
        token: "head.claims.signature".to_owned(),
        ca_file: None,
    };
    let Some(said) = python_otlp(&nobody, &["--timeout-s", "1"]).await else {
        return;
    };
    assert_eq!(said["exported"], false, "{said}");
    assert_eq!(said["statuses"], serde_json::json!([]), "{said}");

    let said = node_otlp(&nobody, &["--timeout-ms", "500"])
        .await
        .expect("installed");
    assert_eq!(said["exported"], false, "{said}");

    let said = curl_job(&nobody, &["GET", "/"]).await.expect("installed");
    assert_eq!(
        (&said["exit"], &said["status"]),
        (&7.into(), &0.into()),
        "{said}"
    );

    let flags = ["--wait-scale", "0.001", "request", "GET", "/"];
    let said = terraform_like(&nobody, &flags).await.expect("installed");
    assert_eq!(
        said["steps"][0]["statuses"],
        serde_json::json!([0, 0, 0, 0, 0]),
        "{said}"
    );
}

#[test]
fn the_development_certificate_verifies_for_each_of_its_names() {
    let folder = tempfile::tempdir().expect("a folder");
    generate_certificates(folder.path());
    let verifies = |name: &str| {
        let arguments = format!("verify -CAfile ca.pem -purpose sslserver {name} stile.pem");
        openssl(folder.path(), &arguments)
    };
    assert!(verifies("-verify_hostname localhost"));
    assert!(verifies("-verify_hostname stile.example.com"));
    assert!(verifies("-verify_ip 127.0.0.1"));
    assert!(verifies("-verify_ip ::1"));
    assert!(!verifies("-verify_hostname example.com"));
    assert!(!verifies("-verify_ip 127.0.0.2"));
    assert!(
        !openssl(folder.path(), "verify -CAfile stile.pem stile.pem"),
        "it is no CA"
    );
}

#[cfg(unix)]
#[test]
fn development_keys_are_their_owners_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    generate_certificates(folder.path());
    for name in ["ca-key.pem", "stile-key.pem"] {
        let found = std::fs::metadata(folder.path().join(name)).expect(name);
        assert_eq!(found.permissions().mode() & 0o777, 0o600, "{name}");
    }
}

#[test]
fn certificates_that_are_good_are_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let read = |name: &str| std::fs::read(folder.path().join(name)).expect(name);
    generate_certificates(folder.path());
    let (authority, certificate) = (read("ca.pem"), read("stile.pem"));
    generate_certificates(folder.path());
    assert_eq!(authority, read("ca.pem"));
    assert_eq!(certificate, read("stile.pem"));

    std::fs::remove_file(folder.path().join("ca-key.pem")).expect("was there");
    generate_certificates(folder.path());
    assert_ne!(authority, read("ca.pem"));
    assert!(
        openssl(folder.path(), "verify -CAfile ca.pem stile.pem"),
        "signed by the new CA"
    );
}
