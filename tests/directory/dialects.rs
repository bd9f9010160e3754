//! The documented requests of Okta and of Entra ID, in their order, and what each does to access.

use serde_json::Value;

use super::{MEDIA, scim, told, until, world};
use crate::support::close;

/// Plays the steps of a file; what `may` says is what the person meets afterwards.
async fn plays(steps: &str) {
    let world = world().await;
    let token = world.person_token("mira@acme", &["of-the-token"]);
    let steps: Vec<Value> = serde_json::from_str(steps).unwrap();
    let (mut kept, mut changes) = (Vec::<(String, String)>::new(), 0);
    for step in &steps {
        let filled = |text: &str| {
            let mut text = text.to_owned();
            for (name, id) in &kept {
                text = text.replace(&format!("{{{name}}}"), id);
            }
            text
        };
        let says = step["says"].as_str().unwrap();
        let method = step["method"].as_str().unwrap();
        let path = filled(step["path"].as_str().unwrap());
        let body = step.get("body").map(|body| filled(&body.to_string()));
        let body = body.map(|body| serde_json::from_str::<Value>(&body).unwrap());
        let before = told(&world).len();
        let answer = scim(&world, method, &path, body.as_ref()).await;
        assert_eq!(
            u64::from(answer.status.as_u16()),
            step["status"],
            "{says}: {}",
            answer.text()
        );
        if answer.status == 204 {
            assert_eq!(answer.text(), "", "{says}");
        } else {
            assert_eq!(answer.field("content-type"), MEDIA, "{says}");
        }
        if let Some(name) = step["keep"].as_str() {
            let id = answer.json()["id"].as_str().unwrap().to_owned();
            assert!(answer.field("location").ends_with(&id), "{says}");
            kept.push((name.to_owned(), id));
        }
        for (place, value) in step["has"].as_object().into_iter().flatten() {
            let mut value = value.clone();
            if let Some(text) = value.as_str() {
                let mut text = text.to_owned();
                for (name, id) in &kept {
                    text = text.replace(&format!("{{{name}}}"), id);
                }
                value = text.into();
            }
            let json = answer.json();
            let has = json.pointer(place).cloned().unwrap_or_default();
            assert_eq!(has, value, "{says}: {place} of {}", answer.text());
        }
        // An event for whatever is written, and none for what is read or refused.
        let events = told(&world).len() - before;
        match (method, answer.status.is_success()) {
            ("GET", _) | (_, false) => assert_eq!(events, 0, "{says}"),
            _ => changes += events,
        }
        if let Some(may) = step["may"].as_u64() {
            let took = until(&world, &token, u16::try_from(may).unwrap()).await;
            println!("{says}: obeyed after {took:?}");
        }
    }
    assert!(changes >= 8, "{changes} changes in the journal");
    let text: String = told(&world)
        .iter()
        .map(|one| one.json["detail"].to_string())
        .collect();
    for private in [
        "mira",
        "Mira",
        "Lang",
        "Berg",
        "example.com",
        "00ujl29",
        "58342554",
    ] {
        assert!(
            !text.contains(private),
            "{private} is in the journal: {text}"
        );
    }
    close(world, &[super::TOKEN.to_owned(), token]).await;
}

#[tokio::test]
async fn teams_follow_okta() {
    plays(include_str!("../data/scim/okta.json")).await;
}

#[tokio::test]
async fn teams_follow_entra_id() {
    plays(include_str!("../data/scim/entra.json")).await;
}
