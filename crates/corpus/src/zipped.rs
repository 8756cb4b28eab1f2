//! How are the parts of a document read that is a zip archive?

use std::io::{Cursor, Read};

use zip::ZipArchive;
use zip::result::ZipError;

use crate::clean::clean_message;
use crate::report::SkipReason;

/// Most that all parts may expand to together.
const MAX_EXPANDED_BYTES: u64 = 48 << 20;
/// More parts than any document has; each is a promise that costs memory.
const MAX_PARTS: usize = 20_000;

/// An archive in memory, and how much more may come out of it.
pub(crate) struct Zipped {
    archive: ZipArchive<Cursor<Vec<u8>>>,
    left: u64,
    format: &'static str,
}

impl Zipped {
    /// The archive in `bytes`, a file of `format`.
    pub(crate) fn new(bytes: Vec<u8>, format: &'static str) -> Result<Self, SkipReason> {
        let archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| wrong(format, error))?;
        if archive.len() > MAX_PARTS {
            return Err(SkipReason::Malformed { format, reason: format!("it has more than {MAX_PARTS} parts") });
        }
        Ok(Self { archive, left: MAX_EXPANDED_BYTES, format })
    }

    /// The part of this name; none, if it is not there.
    pub(crate) fn part(&mut self, name: &str) -> Result<Option<Vec<u8>>, SkipReason> {
        let part = match self.archive.by_name(name) {
            Ok(part) => part,
            Err(ZipError::FileNotFound) => return Ok(None),
            Err(error) => return Err(wrong(self.format, error)),
        };
        let mut bytes = Vec::new();
        let read = part.take(self.left + 1).read_to_end(&mut bytes);
        read.map_err(|error| SkipReason::Malformed { format: self.format, reason: clean_message(error) })?;
        self.left =
            self.left.checked_sub(bytes.len() as u64).ok_or(SkipReason::Expands { limit: MAX_EXPANDED_BYTES })?;
        Ok(Some(bytes))
    }

    /// The part of this name, without which there is no document.
    pub(crate) fn needed(&mut self, name: &str) -> Result<Vec<u8>, SkipReason> {
        let format = self.format;
        let lacking = || SkipReason::Malformed { format, reason: format!("it lacks the part {}", clean_message(name)) };
        self.part(name)?.ok_or_else(lacking)
    }
}

fn wrong(format: &'static str, error: ZipError) -> SkipReason {
    match error {
        ZipError::InvalidPassword | ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) => SkipReason::Encrypted,
        other => SkipReason::Malformed { format, reason: clean_message(other) },
    }
}

/// Archives for tests.
#[cfg(test)]
pub(crate) fn zip(parts: &[(&str, &[u8])]) -> Vec<u8> {
    use std::io::Write;
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in parts {
        // Short parts lie open, as the type of an e-book must.
        let method = if bytes.len() < 64 { zip::CompressionMethod::Stored } else { zip::CompressionMethod::Deflated };
        let options = zip::write::SimpleFileOptions::default().compression_method(method);
        writer.start_file(*name, options).expect("a part");
        writer.write_all(bytes).expect("written");
    }
    writer.finish().expect("an archive").into_inner()
}
