//! The first bytes of a SQLite file, read without SQLite, which makes files beside it when it opens one.
//! <https://www.sqlite.org/fileformat2.html#the_database_header>

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

const MAGIC: &[u8; 16] = b"SQLite format 3\0";
const LENGTH: usize = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// What the application keeps there.
    pub(super) user_version: u32,
    /// Whose it is, where it says so.
    pub(super) application_id: u32,
    /// How long the file must be, where the header knows.
    pub(super) length: Option<u64>,
}

impl Header {
    /// Reads the header of a file; `None` where it is no database.
    pub(super) fn read(file: &Path) -> io::Result<Option<Self>> {
        let mut bytes = Vec::with_capacity(LENGTH);
        File::open(file)?
            .take(LENGTH as u64)
            .read_to_end(&mut bytes)?;
        Ok(Self::parse(&bytes))
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        if bytes.len() < LENGTH || !bytes.starts_with(MAGIC) {
            return None;
        }
        let number = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        let page_size = match u16::from_be_bytes(bytes.get(16..18)?.try_into().ok()?) {
            1 => 65536,
            size if size.is_power_of_two() && size >= 512 => u64::from(size),
            _ => return None,
        };
        // Old writers left the count of pages as it was, and this tells.
        let knows_pages = number(24)? == number(92)?;
        Some(Self {
            user_version: number(60)?,
            application_id: number(68)?,
            length: knows_pages.then_some(u64::from(number(28)?) * page_size),
        })
    }
}
