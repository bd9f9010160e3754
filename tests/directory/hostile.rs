//! Whatever a provider's token carries in: it is answered in words of SCIM, and changes nothing.

use serde_json::{Value, json};

use super::{GROUP, MEDIA, PATCH, TOKEN, USER, call, group, scim, told, user, world};
use crate::support::close;

#[tokio::test]
async fn what_is_wrong_is_told_and_changes_nothing() {
    let world = world().await;
    let mira = user(&world, "mira@acme", "00umira").await;
    user(&world, "jon@acme", "00ujon").await;
    let admins = group(&world, "admins", &[&mira]).await;
    group(&world, "others", &[]).await;
    let before = told(&world).len();
    let (user_path, group_path) = (format!("/Users/{mira}"), format!("/Groups/{admins}"));
    let deep = format!("{}1{}", "[".repeat(40), "]".repeat(40));
    let op = |operation: &str| format!(r#"{{"schemas":["{PATCH}"],"Operations":[{operation}]}}"#);
    let of_user = |more: &str| format!(r#"{{"schemas":["{USER}"]{more}}}"#);
    let of_group = |more: &str| format!(r#"{{"schemas":["{GROUP}"]{more}}}"#);
    let good = r#","userName":"n@acme","externalId":"00un""#;
    let mut cases: Vec<(&str, &str, String, u16, &str)> = Vec::new();
    let mut case = |method, path, body: String, status, word| {
        cases.push((method, path, body, status, word));
    };
    for body in ["", "{", "[]", "1", "null", "\u{feff}{}", "{} {}", &deep] {
        case("POST", "/Users", body.to_owned(), 400, "invalidSyntax");
        case("PATCH", &group_path, body.to_owned(), 400, "invalidSyntax");
    }
    case(
        "POST",
        "/Users",
        of_user(&format!(r#"{good},"active":true,"active":false"#)),
        400,
        "invalidSyntax",
    );
    case(
        "POST",
        "/Users",
        of_user(&format!(r#"{good},"active":true,"Active":false"#)),
        400,
        "invalidSyntax",
    );
    case(
        "POST",
        "/Users",
        of_user(&format!(r#"{good},"x":{deep}"#)),
        400,
        "invalidSyntax",
    );
    case(
        "POST",
        "/Users",
        r#"{"userName":"n@acme"}"#.to_owned(),
        400,
        "invalidSyntax",
    );
    case("POST", "/Users", of_group(good), 400, "invalidSyntax");
    case(
        "POST",
        "/Users",
        of_user(r#","externalId":"e""#),
        400,
        "invalidValue",
    );
    case(
        "POST",
        "/Users",
        of_user(r#","userName":"n""#),
        400,
        "invalidValue",
    );
    case(
        "POST",
        "/Users",
        of_user(r#","userName":"MIRA@acme","externalId":"e""#),
        409,
        "uniqueness",
    );
    case(
        "POST",
        "/Users",
        of_user(r#","userName":"n","externalId":"00umira""#),
        409,
        "uniqueness",
    );
    case(
        "POST",
        "/Groups",
        of_group(r#","displayName":"Admins""#),
        409,
        "uniqueness",
    );
    case("POST", "/Groups", of_group(""), 400, "invalidValue");
    let long = "n".repeat(513);
    for value in [
        "1",
        "true",
        "[]",
        "{}",
        r#""a\u0000b""#,
        r#""a\nb""#,
        "null",
        r#""""#,
        r#"" ""#,
        &format!("\"{long}\""),
    ] {
        case(
            "POST",
            "/Users",
            of_user(&format!(r#","externalId":"e","userName":{value}"#)),
            400,
            "invalidValue",
        );
        let path = op(&format!(
            r#"{{"op":"replace","path":"userName","value":{value}}}"#
        ));
        case("PATCH", &user_path, path, 400, "invalidValue");
        case(
            "PATCH",
            &group_path,
            op(&format!(
                r#"{{"op":"replace","path":"displayName","value":{value}}}"#
            )),
            400,
            "invalidValue",
        );
    }
    for value in ["1", "0", "null", "[true]", "{}", r#""yes""#, r#""""#] {
        case(
            "POST",
            "/Users",
            of_user(&format!(r#"{good},"active":{value}"#)),
            400,
            "invalidValue",
        );
        case(
            "PATCH",
            &user_path,
            op(&format!(
                r#"{{"op":"Replace","value":{{"active":{value}}}}}"#
            )),
            400,
            "invalidValue",
        );
    }
    for value in [
        "1",
        "\"x\"",
        "[1]",
        "[[]]",
        "[{}]",
        r#"[{"value":1}]"#,
        r#"[{"value":"x"}]"#,
        r#"[{"value":"00000000-0000-4000-8000-000000000000"}]"#,
    ] {
        for how in ["add", "Replace"] {
            case(
                "PATCH",
                &group_path,
                op(&format!(
                    r#"{{"op":"{how}","path":"members","value":{value}}}"#
                )),
                400,
                "invalidValue",
            );
        }
        case(
            "POST",
            "/Groups",
            of_group(&format!(r#","displayName":"n","members":{value}"#)),
            400,
            "invalidValue",
        );
    }
    for operation in [
        "1",
        "{}",
        r#"{"op":1}"#,
        r#"{"op":"move","path":"active"}"#,
        r#"{"op":"add","Op":"remove","path":"active"}"#,
    ] {
        case("PATCH", &user_path, op(operation), 400, "invalidSyntax");
    }
    case("PATCH", &user_path, op(""), 400, "invalidSyntax");
    case(
        "PATCH",
        &user_path,
        format!(r#"{{"schemas":["{PATCH}"],"Operations":{{}}}}"#),
        400,
        "invalidSyntax",
    );
    case(
        "PATCH",
        &user_path,
        op(r#"{"op":"remove"}"#),
        400,
        "noTarget",
    );
    case(
        "PATCH",
        &user_path,
        op(r#"{"op":"remove","path":"active"}"#),
        400,
        "invalidValue",
    );
    case(
        "PATCH",
        &user_path,
        op(r#"{"op":"remove","path":"externalId"}"#),
        400,
        "invalidValue",
    );
    case(
        "PATCH",
        &user_path,
        op(r#"{"op":"replace","path":"id","value":"x"}"#),
        400,
        "mutability",
    );
    case(
        "PATCH",
        &user_path,
        op(r#"{"op":"replace","value":7}"#),
        400,
        "invalidValue",
    );
    for path in [
        "members[",
        "members[value]",
        "members[x eq \\\"1\\\"]",
        "members.value",
        "members[value eq 1]",
        "a b",
        "",
        "active.x",
        "[value eq 1]",
    ] {
        let operation = op(&format!(r#"{{"op":"remove","path":"{path}"}}"#));
        let path = if path == "active.x" {
            &user_path
        } else {
            &group_path
        };
        case("PATCH", path, operation, 400, "invalidPath");
    }
    case(
        "PATCH",
        &group_path,
        op(r#"{"op":"replace","path":7}"#),
        400,
        "invalidPath",
    );
    case(
        "PUT",
        &user_path,
        of_user(r#","userName":"jon@acme""#),
        409,
        "uniqueness",
    );
    case(
        "PUT",
        &group_path,
        of_group(r#","displayName":"OTHERS""#),
        409,
        "uniqueness",
    );
    for path in [
        "/Users/x",
        "/Users/00000000-0000-4000-8000-000000000000",
        "/Groups/",
        "/Nothing",
        "",
    ] {
        case("DELETE", path, String::new(), 404, "");
    }
    case("GET", "/Me", String::new(), 501, "");
    case("DELETE", "/Users", String::new(), 405, "");
    case("POST", "/Schemas", String::new(), 405, "");
    for filter in [
        "x",
        "userName%20sw%20%22a%22",
        "emails%20eq%20%22a%22",
        "userName%20eq%20%22a",
        "userName%20eq%20%22a%22%20or%20active%20eq%20true",
        "%5B",
    ] {
        let path: &str = format!("/Users?filter={filter}").leak();
        case("GET", path, String::new(), 400, "invalidFilter");
    }
    case("GET", "/Users?count=x", String::new(), 400, "invalidValue");
    let count = cases.len();
    for (method, path, body, status, word) in cases {
        let call = call(&world, method, path).token(TOKEN);
        let answer = call.body(MEDIA, body.clone()).send().await.unwrap();
        let what = format!("{method} {path} {body:.200}: {}", answer.text());
        assert_eq!(answer.status, status, "{what}");
        let json: Value = answer.json();
        assert_eq!(json["status"], status.to_string(), "{what}");
        assert_eq!(json["scimType"].as_str().unwrap_or(""), word, "{what}");
        assert!(json["detail"].as_str().unwrap().len() > 15, "{what}");
    }
    println!("{count} requests were refused in words of SCIM");
    assert_eq!(told(&world).len(), before, "nothing changed");
    let shown = scim(&world, "GET", &user_path, None).await;
    assert_eq!(shown.field("etag"), "W/\"1\"");
    close(world, &[]).await;
}

#[tokio::test]
async fn what_is_no_json_of_reasonable_length_is_not_read() {
    let world = world().await;
    let body = json!({"schemas": [USER], "userName": "n", "externalId": "e"}).to_string();
    for (media, status) in [
        ("application/scim+json", 201),
        ("text/json", 415),
        ("application/xml", 415),
        ("", 415),
    ] {
        let call = call(&world, "POST", "/Users").token(TOKEN);
        let answer = call.body(media, body.clone()).send().await.unwrap();
        assert_eq!(answer.status, status, "{media}");
    }
    let coded = call(&world, "POST", "/Users").token(TOKEN);
    let coded = coded.field("content-encoding", "gzip").body(MEDIA, body);
    assert_eq!(coded.send().await.unwrap().status, 415);
    let huge = call(&world, "POST", "/Users").token(TOKEN);
    let huge = huge.body(MEDIA, vec![b' '; 4 * 1024 * 1024 + 1]);
    assert_eq!(huge.send().await.unwrap().status, 413);
    close(world, &[]).await;
}

#[tokio::test]
async fn pages_begin_and_end_where_it_is_asked() {
    let world = world().await;
    for n in 0..5 {
        user(&world, &format!("user{n}"), &format!("00u{n}")).await;
    }
    for (query, start, shown) in [
        ("", 1, 5),
        ("?count=2", 1, 2),
        ("?startIndex=4&count=10", 4, 2),
        ("?startIndex=6", 6, 0),
        ("?startIndex=0&count=0", 1, 0),
        ("?startIndex=-3&count=-1", 1, 0),
        ("?startIndex=99999999999999999999999&count=1", u64::MAX, 0),
        ("?STARTINDEX=2&Count=1", 2, 1),
    ] {
        let list = scim(&world, "GET", &format!("/Users{query}"), None)
            .await
            .json();
        assert_eq!(list["totalResults"], 5, "{query}");
        assert_eq!(list["startIndex"], start, "{query}");
        assert_eq!(list["itemsPerPage"], shown, "{query}");
    }
    let some = scim(&world, "GET", "/Users?attributes=userName", None)
        .await
        .json();
    let mut keys: Vec<&String> = some["Resources"][0].as_object().unwrap().keys().collect();
    keys.sort();
    assert_eq!(keys, ["id", "schemas", "userName"]);
    for path in [
        "/ServiceProviderConfig",
        "/ResourceTypes",
        "/ResourceTypes/User",
        "/Schemas",
    ] {
        assert_eq!(scim(&world, "GET", path, None).await.status, 200, "{path}");
    }
    close(world, &[]).await;
}
