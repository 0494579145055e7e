//! Maps a file of weights into memory, the one place where that is done.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use memmap2::Mmap;

/// The bytes of the file at `path`; they are read from the disk as they are used.
pub(super) fn map(path: &Path) -> io::Result<Arc<Mmap>> {
    let file = File::open(path)?;
    #[expect(
        unsafe_code,
        reason = "a file can only be mapped so; weights are written once, under another name, and renamed into place"
    )]
    let map = unsafe { Mmap::map(&file) }?;
    Ok(Arc::new(map))
}
