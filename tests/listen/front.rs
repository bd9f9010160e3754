//! Whose address a request has, when machines stand in front.

use std::net::SocketAddr;

use rustls::version::TLS13;
use stile::listen::{HopField, InFront, Limits};
use tokio::io::AsyncWriteExt;
use tokio_rustls::TlsConnector;

use super::stand::{Stand, answers, read_to_end, soon};
use super::tls::{config, get, pair};

const GOOD: &[u8] = b"GET / HTTP/1.1\r\nhost: a.example\r\nconnection: close\r\n\r\n";

/// Behind balancers at all of the loopback's addresses, or at one where no test is.
fn front(trusted: bool) -> InFront {
    let network = if trusted { "127.0.0.0/8" } else { "10.0.0.0/8" };
    InFront {
        proxy_protocol: vec![network.parse().unwrap()],
        ..InFront::default()
    }
}

/// A header, with as many bytes behind as its length says, up to 5000.
fn header(version: u8, command: u8, family: u8, length: u16) -> Vec<u8> {
    let mut bytes = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    bytes.extend_from_slice(&[version << 4 | command, family]);
    bytes.extend_from_slice(&length.to_be_bytes());
    let mut block = match family {
        0x11 => [&[192, 0, 2, 7, 10, 0, 0, 1][..], &[0x12, 0x34, 1, 0xbb]].concat(),
        0x21 => {
            let from = "2001:db8::7".parse::<std::net::Ipv6Addr>().unwrap();
            [&from.octets()[..], &[0; 16], &[0x12, 0x34, 1, 0xbb]].concat()
        }
        _ => Vec::new(),
    };
    // One value of a kind that balancers pad with takes what is left.
    if let Some(left) = usize::from(length).checked_sub(block.len() + 3) {
        block.push(4);
        block.extend_from_slice(&u16::try_from(left).unwrap().to_be_bytes());
    }
    block.resize(usize::from(length).min(5000), 0);
    bytes.extend_from_slice(&block);
    bytes
}

/// What the specification makes of it: an address, the balancer's own, or no connection.
fn wanted(version: u8, command: u8, family: u8, length: u16) -> Result<Option<&'static str>, ()> {
    if version != 2 || length > 4096 {
        return Err(());
    }
    let of_tcp = |least: u16, from| {
        // One or two bytes more are no whole value.
        let whole = length == least || length >= least + 3;
        whole.then_some(Some(from)).ok_or(())
    };
    match (command, family) {
        (0, _) => Ok(None),
        (1, 0x11) => of_tcp(12, "192.0.2.7:4660"),
        (1, 0x21) => of_tcp(36, "[2001:db8::7]:4660"),
        _ => Err(()),
    }
}

#[tokio::test]
async fn a_header_is_read_from_listed_addresses_alone_and_never_half_believed() {
    let (mut taken, mut count) = (0, 0);
    for trusted in [true, false] {
        let stand = Stand::behind(Limits::default(), None, front(trusted));
        for version in [0, 1, 2, 3, 15] {
            for command in [0, 1, 2, 15] {
                for family in [
                    0, 0x01, 0x10, 0x11, 0x12, 0x20, 0x21, 0x22, 0x31, 0x32, 0x41, 0xff,
                ] {
                    for length in [0, 4, 11, 12, 13, 15, 35, 36, 37, 39, 216, 4096, 4097, 65535] {
                        let said = header(version, command, family, length);
                        let mut stream = stand.connect().await;
                        let own = stream.local_addr().unwrap();
                        let _ = stream.write_all(&[&said, GOOD].concat()).await;
                        let read = read_to_end(&mut stream).await;
                        let statuses: Vec<_> =
                            answers(&read).iter().map(|answer| answer.status).collect();
                        let peers = std::mem::take(&mut *stand.memory.peers.lock().unwrap());
                        let case = (trusted, version, command, family, length);
                        count += 1;
                        match wanted(version, command, family, length) {
                            Ok(from) if trusted => {
                                let from = from.map_or(own, |from| from.parse().unwrap());
                                assert_eq!((statuses, peers), (vec![200], vec![from]), "{case:x?}");
                                taken += 1;
                            }
                            Err(()) if trusted => {
                                assert_eq!((statuses, peers), (vec![], vec![]), "{case:x?}");
                            }
                            // To anybody else it is no beginning of a request, and changes no address.
                            _ => {
                                assert_eq!((statuses, peers), (vec![400], vec![own]), "{case:x?}");
                            }
                        }
                    }
                }
            }
        }
    }
    assert_eq!((count, taken), (6720, 156));
}

#[tokio::test]
async fn a_listed_balancer_must_write_a_header_of_version_2_first() {
    let stand = Stand::behind(Limits::default(), None, front(true));
    let good = [&header(2, 1, 0x11, 12), GOOD].concat();
    assert_eq!(stand.exchange(&good).await[0].status, 200);
    assert_eq!(stand.dribble(&good).await[0].status, 200);
    for first in [
        "",
        "PROXY TCP4 192.0.2.7 10.0.0.1 4660 443\r\n",
        "PROXY UNKNOWN\r\n",
        "\r\n\r\n",
    ] {
        let answers = stand.exchange(&[first.as_bytes(), GOOD].concat()).await;
        assert_eq!(answers, [], "{first:?}");
    }
    // A second header is the caller's own writing.
    let twice = [header(2, 1, 0x11, 12), good].concat();
    assert_eq!(stand.exchange(&twice).await[0].status, 400);
    let said: Vec<_> = stand.memory.peers.lock().unwrap().clone();
    let balanced: SocketAddr = "192.0.2.7:4660".parse().unwrap();
    assert_eq!(said, [balanced; 3]);
}

#[tokio::test]
async fn a_header_stands_before_tls_and_none_inside_counts() {
    let folder = tempfile::tempdir().unwrap();
    let pair = pair(folder.path(), "a", 2999);
    let stand = Stand::behind(Limits::default(), Some(pair.files.clone()), front(true));
    for alpn in ["http/1.1", ""] {
        let mut stream = stand.connect().await;
        stream.write_all(&header(2, 1, 0x21, 36)).await.unwrap();
        let alpn: Vec<_> = (!alpn.is_empty()).then_some(alpn).into_iter().collect();
        let connector = TlsConnector::from(std::sync::Arc::new(config(&pair, &TLS13, &alpn)));
        let name = "a.example".try_into().unwrap();
        let mut stream = soon(connector.connect(name, stream)).await.unwrap();
        assert_eq!(get(&mut stream, "a.example").await[0].status, 200);
    }
    let inside = {
        let mut stream = stand.connect().await;
        stream.write_all(&header(2, 1, 0x11, 12)).await.unwrap();
        let connector = TlsConnector::from(std::sync::Arc::new(config(&pair, &TLS13, &[])));
        let name = "a.example".try_into().unwrap();
        let mut stream = soon(connector.connect(name, stream)).await.unwrap();
        let again = [&header(2, 1, 0x21, 36), GOOD].concat();
        stream.write_all(&again).await.unwrap();
        answers(&read_to_end(&mut stream).await)
    };
    assert_eq!(inside[0].status, 400);
    let said: Vec<_> = stand.memory.peers.lock().unwrap().clone();
    let said: Vec<_> = said.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        ["[2001:db8::7]:4660", "[2001:db8::7]:4660", "192.0.2.7:4660"]
    );
}

#[tokio::test]
async fn a_balancer_that_says_nothing_holds_up_nobody_and_ends_in_time() {
    let limits = Limits {
        head_ms: 300,
        ..Limits::default()
    };
    let stand = Stand::behind(limits, None, front(true));
    let mut silent = Vec::new();
    for size in 0..16 {
        let mut stream = stand.connect().await;
        stream
            .write_all(&header(2, 1, 0x11, 12)[..size])
            .await
            .unwrap();
        silent.push(stream);
    }
    let good = [&header(2, 1, 0x11, 12), GOOD].concat();
    assert_eq!(stand.exchange(&good).await[0].status, 200);
    for mut stream in silent {
        assert_eq!(read_to_end(&mut stream).await, b"");
    }
    assert_eq!(stand.memory.calls().len(), 1);
}

#[tokio::test]
async fn a_trusted_hop_names_the_sender_and_nobody_else_does() {
    let hops = |network: &str, hop_field| InFront {
        trusted_hops: vec![network.parse().unwrap()],
        hop_field,
        ..InFront::default()
    };
    let request = |fields: &str| {
        format!("GET / HTTP/1.1\r\nhost: a\r\n{fields}connection: close\r\n\r\n").into_bytes()
    };
    for (network, field, fields, status, sender) in [
        (
            "127.0.0.1/32",
            HopField::XForwardedFor,
            "x-forwarded-for: 192.0.2.7\r\n",
            200,
            Some("192.0.2.7:0"),
        ),
        (
            "127.0.0.1/32",
            HopField::XForwardedFor,
            "x-forwarded-for: 9.9.9.9, 192.0.2.7:1, 127.0.0.1\r\n",
            200,
            Some("192.0.2.7:1"),
        ),
        (
            "127.0.0.1/32",
            HopField::XForwardedFor,
            "forwarded: for=192.0.2.7\r\n",
            200,
            None,
        ),
        ("127.0.0.1/32", HopField::XForwardedFor, "", 200, None),
        (
            "127.0.0.1/32",
            HopField::XForwardedFor,
            "x-forwarded-for: unknown\r\n",
            400,
            None,
        ),
        (
            "127.0.0.1/32",
            HopField::Forwarded,
            "forwarded: for=192.0.2.7\r\n",
            200,
            Some("192.0.2.7:0"),
        ),
        (
            "127.0.0.1/32",
            HopField::Forwarded,
            "x-forwarded-for: 192.0.2.7\r\n",
            200,
            None,
        ),
        (
            "127.0.0.1/32",
            HopField::Forwarded,
            "forwarded: for=\"9.9.9.9, for=192.0.2.7\r\n",
            400,
            None,
        ),
        (
            "10.0.0.0/8",
            HopField::XForwardedFor,
            "x-forwarded-for: 192.0.2.7\r\n",
            200,
            None,
        ),
        (
            "10.0.0.0/8",
            HopField::XForwardedFor,
            "x-forwarded-for: unknown\r\n",
            200,
            None,
        ),
        (
            "10.0.0.0/8",
            HopField::Forwarded,
            "forwarded: for=192.0.2.7\r\n",
            200,
            None,
        ),
    ] {
        let stand = Stand::behind(Limits::default(), None, hops(network, field));
        let mut stream = stand.connect().await;
        let own = stream.local_addr().unwrap();
        stream.write_all(&request(fields)).await.unwrap();
        let read = read_to_end(&mut stream).await;
        assert_eq!(answers(&read)[0].status, status, "{field:?} {fields}");
        let sender = sender.map_or(own, |sender| sender.parse().unwrap());
        assert_eq!(
            *stand.memory.peers.lock().unwrap(),
            [sender],
            "{field:?} {fields}"
        );
    }
}

#[tokio::test]
async fn a_hop_behind_a_balancer_is_known_by_the_address_the_balancer_saw() {
    for (hop, sender) in [
        ("192.0.2.0/24", "198.51.100.9:0"),
        ("127.0.0.0/8", "192.0.2.7:4660"),
    ] {
        let both = InFront {
            trusted_hops: vec![hop.parse().unwrap()],
            ..front(true)
        };
        let stand = Stand::behind(Limits::default(), None, both);
        let request = b"GET / HTTP/1.1\r\nhost: a\r\nx-forwarded-for: 198.51.100.9\r\nconnection: close\r\n\r\n";
        let whole = [&header(2, 1, 0x11, 12)[..], request].concat();
        assert_eq!(stand.exchange(&whole).await[0].status, 200);
        let said = stand.memory.peers.lock().unwrap()[0].to_string();
        assert_eq!(said, sender, "{hop}");
    }
}
