//! Whether a log has all that SQLite had written to it. SQLite itself reads a log up to the first frame that is damaged, and
//! takes what lies behind for never committed. The index beside the log, which a killed process leaves, knows better.
//! <https://www.sqlite.org/walformat.html>

use std::fs;
use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;

use super::problem::{index_of, log_of};

/// The log's header, and what stands before each page.
const HEADER: usize = 32;
const FRAME: usize = 24;
/// Sums are of big-endian words where the last bit is set.
const MAGIC: u32 = 0x377f_0682;
/// Where the first page has the `user_version`, the mark of [`super::mark`].
const MARK: Range<usize> = 60..64;
/// The index begins with its header, twice.
const INDEX: usize = 48;

/// How many of its frames a log lacks, and how many it should have; `None` where it is whole, or nothing is known.
pub(super) fn lost_frames(file: &Path) -> io::Result<Option<(u32, u32)>> {
    let index = read(&index_of(file))?;
    let Some((committed, salt)) = index.as_deref().and_then(committed) else {
        return Ok(None);
    };
    let log = read(&log_of(file))?.unwrap_or_default();
    let has = count(&log, salt);
    Ok((has < committed).then(|| (committed - has, committed)))
}

fn read(file: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}

/// The frames that were committed, and the salt that they carry. Nothing is known from an index that was being written.
fn committed(index: &[u8]) -> Option<(u32, [u8; 8])> {
    let (header, copy) = (index.get(..INDEX)?, index.get(INDEX..2 * INDEX)?);
    let is_ready = header == copy && *header.get(12)? == 1;
    let frames = u32::from_ne_bytes(header.get(16..20)?.try_into().ok()?);
    let salt = header.get(32..40)?.try_into().ok()?;
    is_ready.then_some((frames, salt))
}

/// Whether the log beside a file that was closed in order is of another time, so that reading it would put old pages over newer
/// ones: as where the file was copied over one whose process had been killed.
///
/// A stop and a start that were killed leave logs too: of the first page alone, with the mark, and else as the file has it. Where
/// others kept a stop from folding the log in, its last frame is such a page.
pub(super) fn is_of_another_time(file: &Path) -> io::Result<bool> {
    let log = read(&log_of(file))?.unwrap_or_default();
    let Some(salt) = log.get(16..24).and_then(|salt| salt.try_into().ok()) else {
        return Ok(false);
    };
    let Some(frames) = frames(&log, salt) else {
        return Ok(false);
    };
    let committed = frames.iter().rposition(|frame| frame.commits);
    let Some((last, before)) = frames[..committed.map_or(0, |last| last + 1)].split_last() else {
        return Ok(false);
    };
    let mut first_page = vec![0; last.page.len()];
    let is_whole = fs::File::open(file)?.read_exact(&mut first_page).is_ok();
    let is_mark = is_whole
        && last.number == 1
        && without_mark(last.page).eq(without_mark(&first_page))
        && (last.page.get(MARK) == first_page.get(MARK)
            || before.iter().all(|frame| frame.number == 1));
    Ok(!is_mark)
}

/// The bytes of a first page, but for the mark and what counts changes.
fn without_mark(page: &[u8]) -> impl Iterator<Item = &u8> {
    let changes = [24..28, MARK, 92..100];
    let stays = move |at: &usize| !changes.iter().any(|range| range.contains(at));
    page.iter()
        .enumerate()
        .filter(move |(at, _)| stays(at))
        .map(|(_, byte)| byte)
}

/// A page in a log.
#[derive(Debug)]
struct Frame<'l> {
    number: u32,
    page: &'l [u8],
    /// Whether it is the last of a transaction.
    commits: bool,
}

/// How many frames at the beginning of a log are as they were written.
fn count(log: &[u8], salt: [u8; 8]) -> u32 {
    frames(log, salt).map_or(0, |frames| frames.len() as u32)
}

/// The frames at the beginning of a log that are as they were written.
fn frames(log: &[u8], salt: [u8; 8]) -> Option<Vec<Frame<'_>>> {
    let header = log.get(..HEADER)?;
    let is_big = match word(header, 0, true)? {
        MAGIC => false,
        magic if magic == MAGIC | 1 => true,
        _ => return None,
    };
    let page = usize::try_from(word(header, 8, true)?).ok()?;
    let mut sum = sums(header.get(..24)?, [0, 0], is_big)?;
    if header.get(16..24)? != salt || sum != stored(header, 24)? || page == 0 {
        return None;
    }
    let mut frames = Vec::new();
    for frame in log.get(HEADER..)?.chunks_exact(FRAME + page) {
        sum = sums(frame.get(..8)?, sum, is_big)?;
        sum = sums(frame.get(FRAME..)?, sum, is_big)?;
        if frame.get(8..16)? != salt || sum != stored(frame, 16)? {
            break;
        }
        frames.push(Frame {
            number: word(frame, 0, true)?,
            page: frame.get(FRAME..)?,
            commits: word(frame, 4, true)? != 0,
        });
    }
    Some(frames)
}

fn stored(bytes: &[u8], at: usize) -> Option<[u32; 2]> {
    Some([word(bytes, at, true)?, word(bytes, at + 4, true)?])
}

fn sums(bytes: &[u8], [mut first, mut second]: [u32; 2], is_big: bool) -> Option<[u32; 2]> {
    for pair in bytes.chunks_exact(8) {
        first = first
            .wrapping_add(word(pair, 0, is_big)?)
            .wrapping_add(second);
        second = second
            .wrapping_add(word(pair, 4, is_big)?)
            .wrapping_add(first);
    }
    Some([first, second])
}

fn word(bytes: &[u8], at: usize, is_big: bool) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(match is_big {
        true => u32::from_be_bytes(bytes),
        false => u32::from_le_bytes(bytes),
    })
}
