//! Makes a few kilobytes of gzip that unpack to as many megabytes.
//!
//! In: how much it unpacks to. Out: the bytes.
//!
//! One block with fixed codes: a zero, then "the last byte again, 258 times" over and over, which
//! is the best that the format can do: 13 bits each.
//!
//! RFC 1951 3.2.5 and 3.2.6; RFC 1952 2.3.

/// At least so many zero bytes, packed.
pub(super) fn bomb(unpacked_bytes: usize) -> Vec<u8> {
    let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let mut bits = Bits::default();
    bits.push(0b1, 1); // the last block
    bits.push(0b01, 2); // with fixed codes
    bits.push_code(0x30, 8); // the literal 0
    let repeats = unpacked_bytes.div_ceil(258);
    for _ in 0..repeats {
        bits.push_code(0b1100_0101, 8); // length 258
        bits.push_code(0, 5); // distance 1
    }
    bits.push_code(0, 7); // the end
    packed.extend(bits.bytes());
    let zeros = 1 + repeats * 258;
    packed.extend(crc32_of_zeros(zeros).to_le_bytes());
    packed.extend(u32::try_from(zeros).unwrap_or(u32::MAX).to_le_bytes());
    packed
}

/// Bits, the lowest of each byte first.
#[derive(Debug, Default)]
struct Bits {
    whole: Vec<u8>,
    rest: u32,
    count: u32,
}

impl Bits {
    fn push(&mut self, value: u32, bits: u32) {
        self.rest |= value << self.count;
        self.count += bits;
        while self.count >= 8 {
            self.whole.push((self.rest & 0xff) as u8);
            self.rest >>= 8;
            self.count -= 8;
        }
    }

    /// Codes are written from their highest bit on.
    fn push_code(&mut self, code: u32, bits: u32) {
        self.push(code.reverse_bits() >> (32 - bits), bits);
    }

    fn bytes(mut self) -> Vec<u8> {
        if self.count > 0 {
            self.whole.push((self.rest & 0xff) as u8);
        }
        self.whole
    }
}

fn crc32_of_zeros(zeros: usize) -> u32 {
    let mut table = [0u32; 256];
    for (byte, entry) in (0u32..).zip(table.iter_mut()) {
        *entry = (0..8).fold(byte, |crc, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1)));
    }
    let step = |crc: u32| table.get((crc & 0xff) as usize).unwrap_or(&0) ^ (crc >> 8);
    !(0..zeros).fold(u32::MAX, |crc, _| step(crc))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    #[test]
    fn it_unpacks_to_what_it_says() {
        let packed = super::bomb(1 << 20);
        assert!(packed.len() < 8 << 10, "{}", packed.len());
        let mut gzip = Command::new("gzip")
            .arg("-dc")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        gzip.stdin.take().unwrap().write_all(&packed).unwrap();
        let unpacked = gzip.wait_with_output().unwrap();
        assert!(unpacked.status.success());
        assert!(unpacked.stdout.len() > 1 << 20 && unpacked.stdout.iter().all(|byte| *byte == 0));
    }
}
