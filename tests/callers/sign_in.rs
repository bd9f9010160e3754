//! People in a real browser, at a provider that is not ours: npm's `oidc-provider`.

use std::io::{BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use serde_json::Value;
use stile_kit::World;

use super::command;
use crate::support::{self, close, records};

/// A provider that people sign in with, running until dropped.
struct Provider {
    process: Child,
    asking: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    first: Value,
}

impl Provider {
    fn start() -> Option<Provider> {
        let mut process = command("node", "sign_in_provider.mjs")?
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("node starts");
        let asking = process.stdin.take();
        let mut answers = BufReader::new(process.stdout.take().expect("was asked for"));
        let first = super::next_line(&mut answers);
        Some(Provider {
            process,
            asking,
            answers,
            first,
        })
    }

    fn obey(&mut self, line: &str) -> Value {
        let asking = self.asking.as_mut().expect("open until dropped");
        writeln!(asking, "{line}").expect("the provider reads");
        super::next_line(&mut self.answers)
    }

    fn said(&self, name: &str) -> &str {
        self.first[name].as_str().expect(name)
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.asking.take(); // it ends when nobody can ask any more
        let _ = self.process.wait();
    }
}

/// stile with this provider.
async fn world(provider: &Provider) -> World {
    let ground = support::ground().await;
    let secret = provider.said("secret");
    ground
        .folder()
        .write_secret("secrets/client.key", &format!("{secret}\n"))
        .unwrap();
    // By the name that browsers call it by.
    let certificate = ground.ca.server(&["stile.example.com"]);
    let (_, key) = certificate.write_to(ground.folder().path(), "stile");
    std::fs::set_permissions(key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let issuer = provider.said("issuer");
    let entry = format!("  - name: acme\n    url: {issuer}\n    dialect: openid\nupstreams:\n");
    let people = format!(
        "console: true\npeople:\n  ended_by:\n    - issuer: acme\n      logout_audience: {client}\n  \
         sign_in:\n    - issuer: acme\n      client_id: {client}\n      \
         client_secret_file: secrets/client.key\npolicies:\n",
        client = provider.said("client_id"),
    );
    let ground = ground
        .with("upstreams:\n", &entry)
        .with("policies:\n", &people);
    ground.serve(support::program()).await.unwrap()
}

/// The port of its TLS listener.
fn port(world: &World) -> &str {
    let url = world.stile.urls.iter().find(|url| url.starts_with("https"));
    url.unwrap().rsplit(':').next().unwrap()
}

/// What a browser saw.
async fn browses(world: &World, who: &str, scripts: &str, pictures: &str) -> Value {
    let mut browser = command("node", "sign_in_browser.mjs").expect("node was there before");
    browser
        .args([who, scripts, pictures])
        .env("STILE_PORT", port(world));
    let ended = tokio::task::spawn_blocking(move || browser.output());
    let ended = ended.await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&ended.stdout);
    serde_json::from_str(&said).unwrap_or_else(|fault| {
        panic!(
            "no JSON ({fault}): {said}\n{}",
            String::from_utf8_lossy(&ended.stderr)
        )
    })
}

#[tokio::test]
async fn a_person_signs_in_and_out_in_a_browser_with_and_without_scripts() {
    let Some(mut provider) = Provider::start() else {
        return;
    };
    let world = world(&provider).await;
    provider.obey("groups mira@acme.example lightstep-payments");
    provider.obey(&format!(
        "tell {}/.stile/backchannel-logout",
        world.stile.url()
    ));
    let folder = tempfile::tempdir().unwrap();
    let pictures = folder.path().to_str().unwrap();
    for scripts in ["scripts", "none"] {
        let said = browses(&world, "mira@acme.example", scripts, pictures).await;
        assert_eq!(said["landed"], "/.stile/console", "{said}");
        let cookie = serde_json::json!({
            "secure": true, "httpOnly": true, "sameSite": "Lax", "path": "/",
        });
        assert_eq!(said["cookie"], cookie);
        assert_eq!(said["axe"], serde_json::json!([]), "{said}");
        assert_eq!(said["left"], "/.stile/logout?done", "{said}");
        assert_eq!(said["cookies_left"], serde_json::json!([]), "{said}");
        // Without a session the browser is led to the provider again.
        assert_eq!(said["after"], provider.said("issuer"), "{said}");
        if scripts == "scripts" {
            assert_eq!(said["seen_by_scripts"], "", "the cookie is not for scripts");
        }
    }
    let own = records(&world.stile.journal());
    let of = |path: &str| {
        let own = own.iter().filter(|one| one.json["path"] == path);
        own.filter(|one| one.json["decision"] == "own").count()
    };
    assert_eq!((of("/.stile/callback"), of("/.stile/logout")), (2, 2));
    // The provider told of the end as well, and was believed.
    let taken = own
        .iter()
        .filter(|one| one.json["event"] == "notice.taken")
        .count();
    assert!(taken >= 1, "the provider's logout tokens were taken");
    close(world, &[provider.said("secret").to_owned()]).await;
}
