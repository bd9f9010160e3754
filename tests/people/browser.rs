//! A browser that keeps cookies and goes where it is sent, one step at a time.

use std::collections::BTreeMap;

use stile_kit::{Answer, Call, World};

/// A browser, at stile's plain listener.
#[derive(Clone, Debug)]
pub(super) struct Browser {
    url: String,
    pub(super) cookies: BTreeMap<String, String>,
}

/// Where a sign-in leads to.
#[derive(Clone, Debug)]
pub(super) struct Begun {
    pub(super) url: String,
    query: Vec<(String, String)>,
}

impl Begun {
    /// A value in the provider's address.
    pub(super) fn value(&self, name: &str) -> &str {
        let found = self.query.iter().find(|(key, _)| key == name);
        &found
            .unwrap_or_else(|| panic!("no {name} in {}", self.url))
            .1
    }
}

impl Browser {
    pub(super) fn new(world: &World) -> Browser {
        Browser {
            url: world.stile.url().to_owned(),
            cookies: BTreeMap::new(),
        }
    }

    /// A call with the cookies that it has.
    pub(super) fn call(&self, method: &str, path: &str) -> Call {
        let call = Call::new(method, format!("{}{path}", self.url));
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        match cookies.is_empty() {
            true => call,
            false => call.field("cookie", &cookies.join("; ")),
        }
    }

    /// Asks as a script would, and keeps the cookies of the answer.
    pub(super) async fn asks(&mut self, method: &str, path: &str) -> Answer {
        let call = self.call(method, path);
        self.sends(call).await
    }

    /// Sends a call, and keeps the cookies of the answer.
    pub(super) async fn sends(&mut self, call: Call) -> Answer {
        let answer = call.send().await.unwrap();
        for field in answer.headers.get_all("set-cookie") {
            let text = field.to_str().unwrap();
            let (pair, attributes) = text.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            for attribute in ["Path=/", "Secure", "HttpOnly", "SameSite=Lax"] {
                assert!(attributes.contains(attribute), "{text}");
            }
            assert!(!attributes.contains("Domain"), "{text}");
            match value {
                "" => self.cookies.remove(name),
                value => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        answer
    }

    /// Begins to sign in: where the provider is.
    pub(super) async fn begins(&mut self, path: &str) -> Begun {
        let answer = self.asks("GET", path).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        let url = answer.field("location").to_owned();
        let (_, query) = url.split_once('?').unwrap();
        let query = form_urlencoded::parse(query.as_bytes());
        Begun {
            query: query.into_owned().collect(),
            url,
        }
    }

    /// Comes back from the provider, with these changes to what it says; an empty value leaves a
    /// parameter out.
    pub(super) async fn comes_back(&mut self, begun: &Begun, changes: &[(&str, &str)]) -> Answer {
        let path = callback(begun, changes);
        self.asks("GET", &path).await
    }

    /// Its session's cookie.
    pub(super) fn session(&self) -> &str {
        self.cookies.get("__Host-stile").map_or("", String::as_str)
    }

    /// The page about whoever asks.
    pub(super) async fn me(&mut self) -> Answer {
        self.asks("GET", "/.stile/me").await
    }
}

/// The path that the provider sends a browser back to.
pub(super) fn callback(begun: &Begun, changes: &[(&str, &str)]) -> String {
    let mut said = vec![("code", "code-canary-1"), ("state", begun.value("state"))];
    for (name, value) in changes {
        said.retain(|(other, _)| other != name);
        if !value.is_empty() {
            said.push((name, value));
        }
    }
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(said);
    format!("/.stile/callback?{}", query.finish())
}
