//! Reads the header that a balancer writes before the first byte of a connection (PROXY, version 2).
//!
//! In: a stream of which nothing was read. Out: the address that the balancer was connected from, or
//! nothing when the connection is the balancer's own; the stream stands right behind the header.
//!
//! Everything that is not clearly a TCP connection from one address is refused: another version, a
//! family without addresses, lengths that do not fit, a checksum that is wrong. To take the
//! balancer's own address then would give a stranger the trust that the balancer has.
//!
//! Never: guesses whether there is a header, reads a byte behind it.
//!
//! The PROXY protocol, versions 1 & 2, sections 2.2 and 2.2.3; RFC 9293 gives the ports.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::{AsyncRead, AsyncReadExt};

/// Reads one header.
///
/// # Errors
/// When the stream does not begin with one, or it tells of no TCP connection.
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<SocketAddr>> {
    let mut header = vec![0; FIXED];
    let mut read = 0;
    while read < FIXED {
        let size = stream
            .read(header.get_mut(read..).unwrap_or_default())
            .await?;
        if size == 0 {
            return Err(wrong("the connection ended inside its PROXY header"));
        }
        read += size;
        // Told as soon as it shows: who writes no header may wait for us before writing more.
        let seen = header.get(..read.min(SIGNATURE.len())).unwrap_or_default();
        if !SIGNATURE.starts_with(seen) {
            return Err(wrong("it does not begin with a PROXY header of version 2"));
        }
    }
    let [version_and_command, family, high, low] = *header.last_chunk().unwrap_or(&[0; 4]);
    if version_and_command >> 4 != 2 {
        return Err(wrong("its PROXY header has another version than 2"));
    }
    let size = usize::from(u16::from_be_bytes([high, low]));
    if size > MOST {
        return Err(wrong("its PROXY header is longer than 4 KiB"));
    }
    header.resize(FIXED + size, 0);
    let rest = header.get_mut(FIXED..).unwrap_or_default();
    stream.read_exact(rest).await?;
    let rest = header.get(FIXED..).unwrap_or_default();
    match version_and_command & 0x0f {
        LOCAL => Ok(None),
        PROXY => {
            let (from, more) = source(family, rest)
                .ok_or_else(|| wrong("its PROXY header tells of no TCP connection"))?;
            check_more(&header, more)?;
            Ok(Some(from))
        }
        _ => Err(wrong("its PROXY header has an unknown command")),
    }
}

/// The address it came from, and what follows both addresses.
fn source(family: u8, rest: &[u8]) -> Option<(SocketAddr, &[u8])> {
    let (ip, ports, more): (IpAddr, [u8; 4], &[u8]) = match family {
        TCP_IPV4 => {
            let (from, rest) = rest.split_first_chunk::<4>()?;
            let (_to, rest) = rest.split_first_chunk::<4>()?;
            let (ports, more) = rest.split_first_chunk()?;
            (Ipv4Addr::from(*from).into(), *ports, more)
        }
        TCP_IPV6 => {
            let (from, rest) = rest.split_first_chunk::<16>()?;
            let (_to, rest) = rest.split_first_chunk::<16>()?;
            let (ports, more) = rest.split_first_chunk()?;
            (Ipv6Addr::from(*from).into(), *ports, more)
        }
        _ => return None,
    };
    let [high, low, ..] = ports;
    Some((SocketAddr::new(ip, u16::from_be_bytes([high, low])), more))
}

/// What may follow: types with a length and a value each, of which only the checksum says anything.
fn check_more(header: &[u8], mut more: &[u8]) -> io::Result<()> {
    while let [kind, high, low, rest @ ..] = more {
        let size = usize::from(u16::from_be_bytes([*high, *low]));
        let (value, behind) = rest
            .split_at_checked(size)
            .ok_or_else(|| wrong("a value of its PROXY header goes beyond the end"))?;
        if *kind == CRC32C {
            // It was made while four zeros stood in its place.
            let at = header.len() - behind.len() - value.len();
            let before = crc32c::crc32c(header.get(..at).unwrap_or_default());
            let zeroed = crc32c::crc32c_append(before, &[0; 4]);
            let sum = crc32c::crc32c_append(zeroed, behind);
            if value != sum.to_be_bytes() {
                return Err(wrong("the checksum of its PROXY header is wrong"));
            }
        }
        more = behind;
    }
    if more.is_empty() {
        return Ok(());
    }
    Err(wrong("a value of its PROXY header has no length"))
}

fn wrong(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family, length.
const FIXED: usize = 16;
/// Addresses and what balancers add to them, such as the name that TLS asked for.
const MOST: usize = 4096;
const LOCAL: u8 = 0;
const PROXY: u8 = 1;
const TCP_IPV4: u8 = 0x11;
const TCP_IPV6: u8 = 0x21;
const CRC32C: u8 = 0x03;

#[cfg(test)]
mod tests {
    use super::*;

    fn header(version_and_command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let size = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[version_and_command, family], &size, rest].concat()
    }

    fn addresses() -> Vec<u8> {
        vec![192, 0, 2, 7, 10, 0, 0, 1, 0x12, 0x34, 0x01, 0xbb]
    }

    async fn told(bytes: &[u8]) -> Result<Option<SocketAddr>, String> {
        let mut stream = bytes;
        let read = read(&mut stream).await;
        if read.is_ok() {
            assert_eq!(stream, b"what follows");
        }
        read.map_err(|error| error.to_string())
    }

    async fn of(
        version_and_command: u8,
        family: u8,
        rest: &[u8],
    ) -> Result<Option<SocketAddr>, String> {
        let whole = [
            header(version_and_command, family, rest),
            b"what follows".to_vec(),
        ];
        told(&whole.concat()).await
    }

    fn with_checksum(mut rest: Vec<u8>, behind: &[u8]) -> Vec<u8> {
        rest.extend_from_slice(&[CRC32C, 0, 4]);
        let at = rest.len();
        rest.extend_from_slice(&[0; 4]);
        rest.extend_from_slice(behind);
        let sum = crc32c::crc32c(&header(0x21, TCP_IPV4, &rest));
        rest[at..at + 4].copy_from_slice(&sum.to_be_bytes());
        rest
    }

    #[tokio::test]
    async fn what_follows_the_addresses_must_be_whole_and_a_checksum_right() {
        let from = Ok(Some("192.0.2.7:4660".parse().unwrap()));
        assert_eq!(of(0x21, TCP_IPV4, &addresses()).await, from);
        let noop = [0x04, 0, 2, 9, 9];
        let with = |more: &[u8]| [addresses(), more.to_vec()].concat();
        assert_eq!(of(0x21, TCP_IPV4, &with(&noop)).await, from);
        for behind in [&[][..], &noop] {
            let summed = with_checksum(addresses(), behind);
            assert_eq!(of(0x21, TCP_IPV4, &summed).await, from);
            // All but the kind of the checksum, without which nothing says that there is one.
            for place in (0..summed.len()).filter(|place| *place != 12) {
                let mut changed = summed.clone();
                changed[place] ^= 1;
                assert!(of(0x21, TCP_IPV4, &changed).await.is_err(), "{place}");
            }
        }
        for more in [
            &[1][..],
            &[1, 0],
            &[1, 0, 1],
            &[1, 255, 255, 0],
            &[CRC32C, 0, 0],
        ] {
            assert!(of(0x21, TCP_IPV4, &with(more)).await.is_err(), "{more:?}");
        }
    }

    #[tokio::test]
    async fn a_header_cut_short_or_of_version_1_is_none() {
        let whole = header(0x21, TCP_IPV4, &addresses());
        for size in 0..whole.len() {
            assert!(told(&whole[..size]).await.is_err(), "{size}");
        }
        for first in [
            "PROXY TCP4 192.0.2.7 10.0.0.1 4660 443\r\n",
            "PROXY UNKNOWN\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\n\r\n",
            "\x16\x03\x01\x02\x00\x01\x00\x01\x7c\x03\x03\x00\x00\x00\x00\x00",
        ] {
            let why = told(first.as_bytes()).await.unwrap_err();
            assert!(why.contains("version 2"), "{first}: {why}");
        }
    }
}
