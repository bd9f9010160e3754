//! Says how many records a log has and what they sum up to, under signatures.
//!
//! In: origin, size and root. Out: the text that keys sign; or a [`Checkpoint`] read from a note,
//! believed as far as its signatures go.
//!
//! The text is three lines: origin, size in decimal, root in base 64. stile writes no more lines
//! and reads past more of them in what others cosigned.
//!
//! C2SP tlog-checkpoint.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::frame::Digest;
use super::signed_note::SignedNote;

/// What a log says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name.
    pub origin: String,
    /// How many records it has.
    pub size: u64,
    /// The root over them.
    pub root: Digest,
}

impl Checkpoint {
    /// The text to be signed.
    pub fn text(&self) -> String {
        let root = STANDARD.encode(self.root);
        format!("{}\n{}\n{root}\n", self.origin, self.size)
    }

    /// Reads a note's text.
    ///
    /// # Errors
    ///
    /// A few words on what makes it no checkpoint.
    pub fn read(text: &str) -> Result<Checkpoint, &'static str> {
        let mut lines = text.split('\n');
        let (Some(origin), Some(size), Some(root), Some(_)) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err("a checkpoint has three lines: origin, size, root");
        };
        let number = size.parse::<u64>().ok();
        let number = number.filter(|number| number.to_string() == size);
        let root = STANDARD.decode(root).ok();
        let root = root.and_then(|root| Digest::try_from(root).ok());
        match (number, root) {
            _ if origin.is_empty() => Err("a checkpoint begins with its origin"),
            (None, _) => Err("the size of a checkpoint is a plain number"),
            (_, None) => Err("the root of a checkpoint is 32 bytes in base 64"),
            (Some(size), Some(root)) => Ok(Checkpoint {
                origin: origin.to_owned(),
                size,
                root,
            }),
        }
    }

    /// Reads a whole note; nothing is checked but its form.
    ///
    /// # Errors
    ///
    /// A few words on what makes it no checkpoint.
    pub fn parse(note: &str) -> Result<(SignedNote, Checkpoint), &'static str> {
        let note = SignedNote::parse(note)?;
        let checkpoint = Checkpoint::read(&note.text)?;
        Ok((note, checkpoint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_reads_back_as_written() {
        let checkpoint = Checkpoint {
            origin: "stile.example.com/main".to_owned(),
            size: 20_852_163,
            root: [7; 32],
        };
        assert_eq!(Checkpoint::read(&checkpoint.text()), Ok(checkpoint.clone()));
        let text = checkpoint.text();
        for (from, to) in [
            ("20852163", "020852163"),
            ("20852163", "-1"),
            ("BwcH", "Bwc"),
            ("stile.example.com/main", ""),
            ("\n20852163", ""),
        ] {
            assert!(
                Checkpoint::read(&text.replacen(from, to, 1)).is_err(),
                "{to}"
            );
        }
    }
}
