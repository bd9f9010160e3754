//! Writes a journal of many requests that nobody made, by the format's page alone.
//!
//! In: how many records, and a seed. Out: a folder of segments that `stile audit verify` proves.
//!
//! For measuring the index at sizes that take months to come about. Names follow a skewed
//! distribution, as in real use: few projects make most of the requests.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{self, SHA256};

mod lines;

use lines::Lines;

/// What to write.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The folder, made if missing.
    pub folder: PathBuf,
    /// The journal's name.
    pub origin: String,
    /// How many records.
    pub records: u64,
    /// When the last one was, ms since 1970.
    pub until_ms: u64,
    /// Over how many days they are spread.
    pub days: u64,
}

/// Writes the journal.
///
/// # Errors
///
/// As writing files.
pub fn write(plan: &Plan) -> io::Result<()> {
    std::fs::create_dir_all(&plan.folder)?;
    let mut chain = sha256(&[b"stile journal 1\n", plan.origin.as_bytes()]);
    let mut lines = Lines::new(plan);
    let mut seq = 0;
    let mut payload = String::new();
    while seq < plan.records {
        let mut segment =
            BufWriter::with_capacity(1 << 20, File::create(named(&plan.folder, seq))?);
        segment.write_all(&head(&plan.origin, seq, &chain))?;
        let mut bytes = HEAD_BYTES;
        while seq < plan.records && bytes < SEGMENT_BYTES {
            let kind = lines.next(seq, &mut payload);
            let leaf = sha256(&[&[0], payload.as_bytes()]);
            chain = sha256(&[&chain, &leaf]);
            bytes += frame(&mut segment, kind, seq, &chain, payload.as_bytes())?;
            seq += 1;
        }
        segment.flush()?;
    }
    Ok(())
}

fn named(folder: &Path, seq: u64) -> PathBuf {
    folder.join(format!("{seq:020}.seg"))
}

fn head(origin: &str, seq: u64, chain: &[u8; 32]) -> Vec<u8> {
    let mut begin = b"stile\xf5\r\n".to_vec();
    begin.extend(1_u32.to_be_bytes());
    begin.extend(512_u32.to_be_bytes());
    let mut rest = seq.to_be_bytes().to_vec();
    rest.extend(chain);
    rest.extend(1_795_434_000_000_u64.to_be_bytes());
    rest.extend(u16::try_from(origin.len()).unwrap_or(0).to_be_bytes());
    rest.extend(4_u16.to_be_bytes());
    rest.extend(origin.as_bytes());
    rest.extend(b"boot");
    rest.resize(HEAD_BYTES - 20, 0);
    let sum = crc32c::crc32c_append(crc32c::crc32c(&begin), &rest);
    [begin, sum.to_be_bytes().to_vec(), rest].concat()
}

fn frame(
    out: &mut impl Write,
    kind: u8,
    seq: u64,
    chain: &[u8; 32],
    payload: &[u8],
) -> io::Result<usize> {
    let length = u32::try_from(payload.len()).map_err(io::Error::other)?;
    let begin = [[0xf5, b'S', b'T', b'L'], length.to_be_bytes()].concat();
    let rest = [&[kind][..], &seq.to_be_bytes(), chain, payload].concat();
    let sum = crc32c::crc32c_append(crc32c::crc32c(&begin), &rest);
    out.write_all(&begin)?;
    out.write_all(&sum.to_be_bytes())?;
    out.write_all(&rest)?;
    Ok(begin.len() + 4 + rest.len())
}

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = digest::Context::new(&SHA256);
    parts.iter().for_each(|part| hash.update(part));
    let mut out = [0; 32];
    out.copy_from_slice(hash.finish().as_ref());
    out
}

const HEAD_BYTES: usize = 512;
const SEGMENT_BYTES: usize = 64 << 20;
