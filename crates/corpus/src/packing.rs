//! In what may records be packed, and how much may come out?

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;

/// What comes out of a small file is never out of proportion.
const FREE_BYTES: u64 = 64 << 20;
/// How many times a file may grow beyond that. Text shrinks to a fifth, the most repetitive XML to a fiftieth.
const MAX_RATIO: u64 = 200;
/// The dictionary that an xz file may ask for, in KiB: `xz -9` asks for 64 MiB.
const XZ_MEMORY_KIB: u32 = 68 << 10;
const BUFFER_BYTES: usize = 1 << 16;

/// How bytes are packed, told by how they begin and never by a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    /// One stream, or several behind one another.
    Gzip,
    /// The same.
    Xz,
    /// Many members.
    Tar,
    /// Many members, whose list stands at the end.
    Zip,
}

impl Packing {
    /// How a file that begins with `head` is packed.
    pub(crate) fn of(head: &[u8]) -> Option<Self> {
        match head {
            [0x1f, 0x8b, 8, ..] => Some(Self::Gzip),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Some(Self::Zip),
            _ if head.get(257..262) == Some(b"ustar") => Some(Self::Tar),
            _ => None,
        }
    }
}

/// How much came from a delivered file and how much was made of it; what grows out of proportion is a bomb.
pub(crate) struct Meter {
    /// Bytes of the file on disk.
    length: u64,
    taken: Cell<u64>,
    made: Cell<u64>,
    failed: Cell<Option<io::ErrorKind>>,
}

impl Meter {
    pub(crate) fn new(length: u64) -> Self {
        Self { length, taken: Cell::new(0), made: Cell::new(0), failed: Cell::new(None) }
    }

    /// Notes a reading of the file on disk.
    pub(crate) fn took(&self, read: io::Result<usize>) -> io::Result<usize> {
        match &read {
            Ok(bytes) => self.taken.set(self.taken.get() + *bytes as u64),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => self.failed.set(Some(error.kind())),
        }
        read
    }

    /// What the disk said when it failed, rather than what is on it.
    pub(crate) fn failed(&self) -> Option<io::Error> {
        self.failed.get().map(io::Error::from)
    }

    /// Notes that `bytes` were unpacked. Members of an archive may overlap: what is read twice counts once.
    fn make(&self, bytes: usize) -> io::Result<()> {
        let made = self.made.get() + bytes as u64;
        self.made.set(made);
        let limit = FREE_BYTES + MAX_RATIO * self.taken.get().min(self.length);
        if made > limit { Err(io::Error::other(Bomb { limit })) } else { Ok(()) }
    }
}

/// Too much came out.
#[derive(Debug, thiserror::Error)]
#[error("more than {limit} bytes came out")]
pub(crate) struct Bomb {
    /// Bytes that were allowed.
    pub(crate) limit: u64,
}

/// What is unpacked under a meter.
pub(crate) struct Metered<'a, R> {
    pub(crate) inner: R,
    pub(crate) meter: &'a Meter,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.meter.make(read)?;
        Ok(read)
    }
}

/// Unpacks all members of a gzip file.
pub(crate) fn gunzip<'a>(input: impl BufRead + 'a, meter: &'a Meter) -> impl Read + 'a {
    Metered { inner: MultiGzDecoder::new(input), meter }
}

/// Unpacks all streams of an xz file.
pub(crate) fn unxz<'a>(input: impl Read + 'a, meter: &'a Meter) -> impl Read + 'a {
    Metered { inner: XzReader::new_mem_limit(input, true, XZ_MEMORY_KIB), meter }
}

/// The first bytes of `input`, up to `most`, and `input` as if nothing had been read.
pub(crate) fn peek<'a>(mut input: impl Read + 'a, most: usize) -> io::Result<(Vec<u8>, impl BufRead + 'a)> {
    let mut head = Vec::with_capacity(most);
    input.by_ref().take(most as u64).read_to_end(&mut head)?;
    let rest = BufReader::with_capacity(BUFFER_BYTES, input);
    Ok((head.clone(), io::Cursor::new(head).chain(rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packing_is_told_by_how_it_begins() {
        let mut tar = vec![0; 512];
        tar[257..262].copy_from_slice(b"ustar");
        assert_eq!(Packing::of(&tar), Some(Packing::Tar));
        assert_eq!(Packing::of(b"\x1f\x8b\x08\0"), Some(Packing::Gzip));
        assert_eq!(Packing::of(b"\xfd7zXZ\0"), Some(Packing::Xz));
        assert_eq!(Packing::of(b"PK\x03\x04"), Some(Packing::Zip));
        for head in [b"" as &[u8], b"PK", b"\x1f\x8b", b"<?xml", b"BZh9"] {
            assert_eq!(Packing::of(head), None);
        }
    }

    #[test]
    fn what_grows_out_of_proportion_is_stopped() {
        let meter = Meter::new(10);
        meter.took(Ok(10)).expect("taken");
        meter.took(Ok(10)).expect("the same bytes again");
        assert!(meter.make(FREE_BYTES as usize).is_ok());
        assert!(meter.make(2_000).is_ok());
        assert!(meter.make(1).is_err_and(|error| error.downcast::<Bomb>().is_ok()));
        assert!(meter.failed().is_none());
        let lost = meter.took(Err(io::ErrorKind::NotFound.into()));
        assert!(lost.is_err() && meter.failed().is_some_and(|error| error.kind() == io::ErrorKind::NotFound));
    }
}
