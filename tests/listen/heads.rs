//! Heads as well-behaved callers send them.

use super::stand::{Call, Stand};

const GET: &str = "GET /a?b=c HTTP/1.1\r\nhost: api.example\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn a_plain_request_is_received_as_sent() {
    let stand = Stand::clear();
    let answers = stand.exchange(GET.as_bytes()).await;
    assert_eq!(answers[0].status, 200);
    assert_eq!(answers[0].body, "received /a");
    assert_eq!(
        stand.memory.calls(),
        [Call::Received {
            method: "GET".to_owned(),
            target: "/a?b=c".to_owned(),
            host: "api.example".to_owned(),
            protocol: "http/1.1",
            tls: None,
            body: Ok(String::new()),
            trailers: vec![],
        }]
    );
}

#[tokio::test]
async fn good_heads_are_received_whole_and_byte_by_byte() {
    let close = "connection: close";
    for head in [
        format!("OPTIONS /a HTTP/1.1\r\nhost: \t api.example:8080 \t\r\n{close}\r\n\r\n"),
        format!("DELETE /a/b%20c;d HTTP/1.1\r\nhost: [::1]:80\r\n{close}\r\n\r\n"),
        format!(
            "GET /?a[]=b&c={{d|e}} HTTP/1.1\r\nhost: a\r\nx:\r\ny: \u{e9}\t z\r\n{close}\r\n\r\n"
        ),
        "GET / HTTP/1.0\r\nhost: a\r\n\r\n".to_owned(),
        format!("POST /p HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n{close}\r\n\r\nhello"),
        format!("PUT /p HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n{close}\r\n\r\n"),
        format!(
            "PATCH /p HTTP/1.1\r\nhost: a\r\nTransfer-Encoding: Chunked\r\n{close}\r\n\r\n\
                 5;a=b\r\nhello\r\n0\r\nx-sum: 1\r\n\r\n"
        ),
        format!("GET http://api.example/a HTTP/1.1\r\nhost: API.example\r\n{close}\r\n\r\n"),
        format!("GET http://api.example HTTP/1.1\r\nhost: api.example\r\n{close}\r\n\r\n"),
        "GET / HTTP/1.1\r\nhost: a\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n".to_owned(),
    ] {
        let stand = Stand::clear();
        let at_once = stand.exchange(head.as_bytes()).await;
        let dribbled = stand.dribble(head.as_bytes()).await;
        assert_eq!(at_once[0].status, 200, "{head}");
        assert_eq!(at_once[0].status, dribbled[0].status, "{head}");
        let calls = stand.memory.calls();
        assert_eq!(calls.len(), 2, "{head}");
        assert_eq!(calls[0], calls[1], "{head}");
        assert!(
            matches!(calls[0], Call::Received { body: Ok(_), .. }),
            "{head}"
        );
    }
}

#[tokio::test]
async fn an_absolute_target_goes_on_in_origin_form() {
    let stand = Stand::clear();
    let head =
        "GET http://api.example/a?b HTTP/1.1\r\nhost: api.example\r\nconnection: close\r\n\r\n";
    stand.exchange(head.as_bytes()).await;
    let [Call::Received { target, host, .. }] = &stand.memory.calls()[..] else {
        panic!("{:?}", stand.memory.calls());
    };
    assert_eq!((target.as_str(), host.as_str()), ("/a?b", "api.example"));
}

#[tokio::test]
async fn an_absolute_target_on_another_host_is_misdirected() {
    let stand = Stand::clear();
    let head = "GET http://b.example/ HTTP/1.1\r\nhost: a.example\r\nconnection: close\r\n\r\n";
    assert_eq!(stand.exchange(head.as_bytes()).await[0].status, 421);
}

#[tokio::test]
async fn pipelined_requests_are_each_answered_in_order() {
    let stand = Stand::clear();
    let mut bytes = Vec::new();
    for at in 0..20 {
        let size = at % 7;
        let body = "x".repeat(size);
        bytes.extend(
            format!("POST /{at} HTTP/1.1\r\nhost: a\r\ncontent-length: {size}\r\n\r\n{body}")
                .bytes(),
        );
        bytes.extend(format!("POST /{at}c HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n").bytes());
    }
    bytes.extend(GET.bytes());
    for answers in [stand.exchange(&bytes).await, stand.dribble(&bytes).await] {
        let bodies: Vec<_> = answers.iter().map(|answer| answer.body.clone()).collect();
        let mut expected: Vec<_> = (0..20)
            .flat_map(|at| [format!("received /{at}"), format!("received /{at}c")])
            .collect();
        expected.push("received /a".to_owned());
        assert_eq!(bodies, expected);
    }
    assert_eq!(stand.memory.calls().len(), 82);
}

#[tokio::test]
async fn a_refused_head_behind_good_ones_is_answered_after_them_and_nothing_behind_it() {
    let stand = Stand::clear();
    let good = "GET /wait?large HTTP/1.1\r\nhost: a\r\n\r\n";
    let bad = "GET /bad HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n";
    let bytes = [good, good, bad, GET].concat();
    stand.memory.may_answer.add_permits(4);
    for (how, answers) in [
        ("whole", stand.exchange(bytes.as_bytes()).await),
        ("dribbled", stand.dribble(bytes.as_bytes()).await),
    ] {
        let seen: Vec<_> = answers.iter().map(|a| (a.status, a.body.len())).collect();
        assert_eq!(seen, [(200, 4 << 20), (200, 4 << 20), (400, 8)], "{how}");
        assert_eq!(answers[2].field("connection"), Some("close"));
        assert!(answers[2].field("date").is_some());
    }
    let calls = stand.memory.calls();
    assert_eq!(calls.len(), 6);
    assert_eq!(
        calls[2],
        Call::TurnedAway {
            reason: "bad_host",
            method: Some("GET".to_owned()),
            path: Some("/bad".to_owned()),
            host: Some("a".to_owned()),
        }
    );
}

#[tokio::test]
async fn nothing_is_served_behind_an_upgrade() {
    let stand = Stand::clear();
    let upgrade = "GET / HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n";
    let answers = stand.exchange([upgrade, GET].concat().as_bytes()).await;
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].field("connection"), Some("close"));
    assert_eq!(stand.memory.calls().len(), 1);
}

#[tokio::test]
async fn a_refusal_behind_a_closing_request_is_not_answered() {
    let stand = Stand::clear();
    let answers = stand
        .exchange([GET, "junk\r\n\r\n"].concat().as_bytes())
        .await;
    assert_eq!(answers.len(), 1);
    assert_eq!(stand.memory.calls().len(), 1);
}

#[tokio::test]
async fn a_connection_without_a_byte_is_no_request() {
    let stand = Stand::clear();
    drop(stand.connect().await);
    stand.exchange(GET.as_bytes()).await;
    assert_eq!(stand.memory.calls().len(), 1);
}
