//! What is sent once more, and what never is: upstreams made of sockets that count what arrived.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// What the upstream does with the next request, whatever connection it comes by.
#[derive(Clone, Debug)]
enum Does {
    /// Says these bytes.
    Says(&'static [u8]),
    /// Says these bytes and closes.
    Closes(&'static [u8]),
    /// Resets the connection (TCP).
    Resets,
}

use Does::{Closes, Resets, Says};

/// An upstream by script, and what arrived: the connection's number and the bytes of each request.
struct Counting {
    port: u16,
    arrived: Arc<Mutex<Vec<Arrived>>>,
    task: tokio::task::JoinHandle<()>,
}

/// By which connection, and the bytes.
type Arrived = (usize, Vec<u8>);

type Script = Arc<Mutex<VecDeque<Does>>>;

impl Counting {
    async fn start<R>(
        script: &[Does],
        serve: impl Fn(TcpStream, Box<dyn FnMut(Vec<u8>) -> Option<Does> + Send>) -> R + Send + 'static,
    ) -> Counting
    where
        R: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let arrived = Arc::new(Mutex::new(Vec::new()));
        let script: Script = Arc::new(Mutex::new(script.iter().cloned().collect()));
        let seen = Arc::clone(&arrived);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            for number in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                let (seen, script) = (Arc::clone(&seen), Arc::clone(&script));
                let next = move |request: Vec<u8>| {
                    seen.lock().unwrap().push((number, request));
                    script.lock().unwrap().pop_front()
                };
                connections.spawn(serve(stream, Box::new(next)));
            }
        });
        Counting {
            port,
            arrived,
            task,
        }
    }

    async fn bench(&self) -> Bench {
        Bench::over(Upstream::start().await, |settings| {
            settings.url = format!("http://127.0.0.1:{}", self.port).parse().unwrap();
        })
    }

    /// The connections by which requests arrived.
    fn by(&self) -> Vec<usize> {
        let arrived = self.arrived.lock().unwrap();
        arrived.iter().map(|(number, _)| *number).collect()
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn attempts(told: &Told) -> u32 {
    told.outcome.as_ref().unwrap().attempts
}

mod http1 {
    use super::*;

    const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";
    const BAD: (&str, &str) = ("upstream_bad_response", "upstream_error");

    async fn serve(
        mut stream: TcpStream,
        mut next: Box<dyn FnMut(Vec<u8>) -> Option<Does> + Send>,
    ) {
        let mut bytes = Vec::new();
        loop {
            let mut piece = [0; 4096];
            let Ok(read @ 1..) = stream.read(&mut piece).await else {
                return;
            };
            bytes.extend_from_slice(&piece[..read]);
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            let declared = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            if body.len() < declared.map_or(0, |length| length.parse().unwrap()) {
                continue;
            }
            match next(std::mem::take(&mut bytes)) {
                Some(Says(bytes)) => stream.write_all(bytes).await.unwrap(),
                Some(Closes(bytes)) => return stream.write_all(bytes).await.unwrap(),
                Some(Resets) => return stream.set_zero_linger().unwrap(),
                None => panic!("one request too many:\n{text}"),
            }
        }
    }

    /// Asks once, so that a connection is kept, and then what is asked.
    async fn second(script: &[Does], change: impl FnOnce(&mut Ask)) -> (Told, Vec<usize>) {
        let upstream = Counting::start(script, serve).await;
        let bench = upstream.bench().await;
        let first = bench.ask().await;
        assert_eq!(
            (first.ending(), attempts(&first)),
            (("none", "complete"), 1)
        );
        let told = bench.ask_with(change).await;
        (told, upstream.by())
    }

    #[tokio::test]
    async fn a_kept_connection_closed_without_a_word_is_replaced_once() {
        for closing in [Closes(b""), Resets] {
            let (told, by) = second(&[Says(OK), closing, Says(OK)], |_| ()).await;
            assert_eq!(told.ending(), ("none", "complete"));
            assert_eq!(attempts(&told), 2);
            assert_eq!(by, [0, 0, 1], "once more, on another connection");
        }
        let script = [Says(OK), Closes(b""), Closes(b""), Says(OK)];
        let (told, by) = second(&script, |_| ()).await;
        assert_eq!((told.ending(), attempts(&told)), (BAD, 2));
        assert_eq!(by, [0, 0, 1], "and never a third time");
    }

    #[tokio::test]
    async fn only_what_done_twice_is_done_once_is_sent_again() {
        let methods = [
            (Method::GET, true),
            (Method::HEAD, true),
            (Method::OPTIONS, true),
            (Method::PUT, true),
            (Method::DELETE, true),
            (Method::POST, false),
            (Method::PATCH, false),
        ];
        const HEAD: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";
        for (method, again) in methods {
            let script = [Says(OK), Closes(b""), Says(HEAD)];
            let (told, by) = second(&script, |ask| ask.method = method.clone()).await;
            let expected = if again { ("none", "complete") } else { BAD };
            assert_eq!(told.ending(), expected, "{method}");
            assert_eq!(by.len(), if again { 3 } else { 2 }, "{method}");
            assert_eq!(attempts(&told), if again { 2 } else { 1 }, "{method}");
        }
    }

    #[tokio::test]
    async fn once_a_byte_came_back_nothing_is_sent_again() {
        for said in [b"H".as_slice(), b"HTTP/1.1 200 OK\r\ncontent", b"\r\n"] {
            let script = [Says(OK), Closes(said), Says(OK)];
            let (told, by) = second(&script, |_| ()).await;
            assert_eq!((told.ending(), attempts(&told)), (BAD, 1), "{said:?}");
            assert_eq!(by, [0, 0], "{said:?}");
        }
    }

    #[tokio::test]
    async fn once_a_byte_of_the_body_was_taken_nothing_is_sent_again() {
        for pieces in [[b"a".as_slice()].as_slice(), &[b"a", b"b"]] {
            let script = [Says(OK), Closes(b""), Says(OK)];
            let change = |ask: &mut Ask| {
                ask.method = Method::PUT;
                ask.field("content-length", &pieces.len().to_string());
                ask.body = Sent::of(pieces);
            };
            let (told, by) = second(&script, change).await;
            assert_eq!((told.ending(), attempts(&told)), (BAD, 1));
            assert_eq!(by, [0, 0]);
        }
    }

    #[tokio::test]
    async fn a_connection_of_its_own_that_closes_is_not_replaced() {
        let upstream = Counting::start(&[Closes(b""), Says(OK)], serve).await;
        let told = upstream.bench().await.ask().await;
        assert_eq!((told.ending(), attempts(&told)), (BAD, 1));
        assert_eq!(upstream.by(), [0]);
    }
}

/// Spoken with prior knowledge, as gRPC is over clear text.
mod http2 {
    use super::*;

    // RFC 9113, 4.1: length, type, flags, stream; the streams of one connection are 1, 3, 5…
    const OK_1: &[u8] = &[0, 0, 1, 1, 0x5, 0, 0, 0, 1, 0x88];
    const OK_3: &[u8] = &[0, 0, 1, 1, 0x5, 0, 0, 0, 3, 0x88];
    const REFUSED_1: &[u8] = &[0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 7];
    const CANCELLED_1: &[u8] = &[0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 8];
    const FAULT_1: &[u8] = &[0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 2];
    const GOAWAY_BELOW_1: &[u8] = &[0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    const GOAWAY_AT_1: &[u8] = &[0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0];
    const PREFACE_BYTES: usize = 24;
    const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
    const BAD: (&str, &str) = ("upstream_bad_response", "upstream_error");

    async fn frame(stream: &mut TcpStream) -> Option<(u8, u8, Vec<u8>)> {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.ok()?;
        let length = usize::from(head[1]) << 8 | usize::from(head[2]);
        let mut payload = vec![0; length];
        stream.read_exact(&mut payload).await.ok()?;
        Some((head[3], head[4], payload))
    }

    /// Takes each request to its end of stream, or at its head.
    async fn speak(
        mut stream: TcpStream,
        mut next: Box<dyn FnMut(Vec<u8>) -> Option<Does> + Send>,
        settings: &'static [u8],
        answers_heads: bool,
    ) {
        let mut preface = [0; PREFACE_BYTES];
        if stream.read_exact(&mut preface).await.is_err() {
            return;
        }
        stream.write_all(settings).await.unwrap();
        let mut body = Vec::new();
        while let Some((kind, flags, payload)) = frame(&mut stream).await {
            match kind {
                0 => body.extend(payload),
                1 => (),
                4 if flags == 0 => {
                    stream
                        .write_all(&[0, 0, 0, 4, 1, 0, 0, 0, 0])
                        .await
                        .unwrap();
                    continue;
                }
                _ => continue,
            }
            if flags & 1 == 0 && !(kind == 1 && answers_heads) {
                continue;
            }
            match next(std::mem::take(&mut body)) {
                Some(Says(bytes)) => stream.write_all(bytes).await.unwrap(),
                Some(Closes(bytes)) => return stream.write_all(bytes).await.unwrap(),
                Some(Resets) => return stream.set_zero_linger().unwrap(),
                None => panic!("one request too many"),
            }
        }
    }

    fn grpc(ask: &mut Ask) {
        ask.method = Method::POST;
        ask.field("content-type", "application/grpc");
    }

    async fn first(script: &[Does], change: impl FnOnce(&mut Ask)) -> (Told, Vec<usize>) {
        let upstream = Counting::start(script, |stream, next| speak(stream, next, SETTINGS, false));
        let upstream = upstream.await;
        let bench = upstream.bench().await;
        let told = bench.ask_with(|ask| {
            grpc(ask);
            change(ask);
        });
        let told = told.await;
        (told, upstream.by())
    }

    #[tokio::test]
    async fn a_request_that_was_answered_is_sent_once() {
        let (told, by) = first(&[Says(OK_1)], |_| ()).await;
        assert_eq!((told.ending(), attempts(&told)), (("none", "complete"), 1));
        assert_eq!(by, [0]);
    }

    #[tokio::test]
    async fn what_the_upstream_says_it_did_not_begin_is_sent_once_more_whatever_it_is() {
        for said in [REFUSED_1, GOAWAY_BELOW_1] {
            let (told, by) = first(&[Says(said), Says(OK_1)], |_| ()).await;
            assert_eq!(told.ending(), ("none", "complete"), "{said:?}");
            assert_eq!(attempts(&told), 2, "{said:?}");
            assert_eq!(by, [0, 1], "on a connection of its own: {said:?}");
            let (told, by) = first(&[Says(said), Says(said), Says(OK_1)], |_| ()).await;
            assert_eq!((told.ending(), attempts(&told)), (BAD, 2), "{said:?}");
            assert_eq!(by, [0, 1], "and never a third time");
        }
    }

    #[tokio::test]
    async fn what_it_may_have_begun_is_not_sent_again() {
        for does in [
            Says(CANCELLED_1),
            Says(FAULT_1),
            Closes(GOAWAY_AT_1),
            Closes(b""),
            Resets,
        ] {
            for method in [Method::GET, Method::POST] {
                let script = [does.clone(), Says(OK_1)];
                let (told, by) = first(&script, |ask| ask.method = method.clone()).await;
                assert_eq!((told.ending(), attempts(&told)), (BAD, 1), "{does:?}");
                assert_eq!(by, [0], "{does:?}");
            }
        }
    }

    #[tokio::test]
    async fn once_a_byte_of_the_body_was_taken_nothing_is_sent_again() {
        for said in [REFUSED_1, GOAWAY_BELOW_1] {
            let body = |ask: &mut Ask| ask.body = Sent::of(&[b"telemetry"]);
            let (told, by) = first(&[Says(said), Says(OK_1)], body).await;
            assert_eq!((told.ending(), attempts(&told)), (BAD, 1), "{said:?}");
            assert_eq!(by, [0], "{said:?}");
        }
    }

    #[tokio::test]
    async fn a_body_of_which_nothing_was_taken_goes_along_whole() {
        let connections = Arc::new(Mutex::new(0));
        let serve = move |stream, next| {
            let mut connections = connections.lock().unwrap();
            *connections += 1;
            // The first answers at the head.
            speak(stream, next, SETTINGS, *connections == 1)
        };
        let script = [Says(REFUSED_1), Says(OK_1)];
        let upstream = Counting::start(&script, serve).await;
        let bench = upstream.bench().await;
        let (feed, body) = Sent::fed();
        let feeding = async {
            while upstream.by().is_empty() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
            for piece in ["tele", "metry"] {
                let _ = feed.send(Ok(Frame::data(piece.into()))).await;
            }
            drop(feed);
        };
        let asking = bench.ask_with(|ask| {
            grpc(ask);
            ask.body = body;
        });
        let (told, ()) = tokio::join!(asking, feeding);
        assert_eq!((told.ending(), attempts(&told)), (("none", "complete"), 2));
        assert_eq!(told.outcome.unwrap().sent_bytes, 9);
        let arrived = upstream.arrived.lock().unwrap().clone();
        let whole: Vec<_> = arrived.iter().map(|(_, body)| body.as_slice()).collect();
        assert_eq!(whole, [b"".as_slice(), b"telemetry"]);
    }

    #[tokio::test]
    async fn a_refused_stream_leaves_its_connection_to_others() {
        let (told, by) = first(&[Says(OK_1)], |_| ()).await;
        assert_eq!((told.ending(), by.len()), (("none", "complete"), 1));
        let script = [Says(REFUSED_1), Says(OK_1), Says(OK_3)];
        let upstream =
            Counting::start(&script, |stream, next| speak(stream, next, SETTINGS, false));
        let upstream = upstream.await;
        let bench = upstream.bench().await;
        for _ in 0..2 {
            assert_eq!(bench.ask_with(grpc).await.ending(), ("none", "complete"));
        }
        assert_eq!(upstream.by(), [0, 1, 0]);
    }
}
