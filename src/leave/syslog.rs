//! Hands records to a syslog receiver over TLS.
//!
//! In: records. Out: one connection with a message for each, read to its end by the other side.
//!
//! Syslog has no acknowledgement. What can be known is that the receiver's program has read all of
//! it: after the last message the connection is ended (`close_notify`, then FIN), and only when the
//! receiver has ended it in turn, without a reset, does the batch count as sent. A kernel answers
//! with a reset where a program ends with bytes unread. Whether the program kept what it read stays
//! its own secret; docs/leaving.md says what that means.
//!
//! RFC 5424; RFC 5425 4.3 (octet counting), 4.4 (closure).

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Runtime;

use super::dial;
use super::receiver::{AtOnce, Missed, Receiver, Taken};
use super::settings::SyslogSettings;
use super::source::Item;
use super::tls::trusting;
use crate::clock::Time;

mod message;

use message::frame;

/// One syslog receiver.
#[derive(Debug)]
pub(super) struct SyslogReceiver {
    settings: SyslogSettings,
    host: String,
    runtime: Runtime,
}

impl SyslogReceiver {
    pub(super) fn new(settings: SyslogSettings) -> Result<SyslogReceiver, String> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|fault| format!("no runtime can be had: {fault}"))?;
        Ok(SyslogReceiver {
            settings,
            host: message::machine(),
            runtime,
        })
    }

    async fn hand_over(&self, frames: &[u8]) -> Result<(), String> {
        let (host, port) = (self.settings.host.as_str(), self.settings.port);
        let config = trusting(&self.settings.tls)?;
        let (tcp, _) = dial::tcp(host, port).await.map_err(dial::Undialled::why)?;
        let shaken = dial::tls(tcp, host, config).await;
        let mut stream = shaken.map_err(dial::Undialled::why)?;
        let broken = |fault: std::io::Error| format!("the connection broke: {fault}");
        stream.write_all(frames).await.map_err(broken)?;
        stream.shutdown().await.map_err(broken)?;
        let mut rest = [0; 1024];
        loop {
            match stream.read(&mut rest).await {
                Ok(0) => return Ok(()),
                // Nothing is expected from a syslog receiver; whatever it says is left unread.
                Ok(_) => {}
                // The end of the connection without the end of TLS: who reads to our own end of TLS
                // and then hangs up has read everything. A refused certificate of ours is an alert,
                // and a reset is another kind of fault.
                Err(fault) if fault.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(()),
                Err(fault) => return Err(broken(fault)),
            }
        }
    }
}

impl Receiver for SyslogReceiver {
    fn send(&mut self, items: &[Item], _: Time) -> Result<Taken, Missed> {
        let mut frames = Vec::new();
        for item in items {
            frame(item, self.settings.form, &self.host, &mut frames);
        }
        let limit = Duration::from_millis(self.settings.timeout_ms);
        let handed_over = self.hand_over(&frames);
        let ended = self
            .runtime
            .block_on(async { tokio::time::timeout(limit, handed_over).await });
        match ended {
            Ok(Ok(())) => Ok(Taken::All),
            Ok(Err(why)) => Err(Missed::now(why)),
            Err(_) => Err(Missed::now(format!(
                "it did not read to the end and hang up within {} ms",
                self.settings.timeout_ms
            ))),
        }
    }

    fn at_once(&self) -> AtOnce {
        AT_ONCE
    }
}

/// What is at hand stays in memory meanwhile, some ten kilobytes for each.
const AT_ONCE: AtOnce = AtOnce {
    items: 1_024,
    bytes: 2 * 1024 * 1024,
};
