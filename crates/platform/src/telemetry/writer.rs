//! Writes log lines so that no request suffers where they can't be written: whoever reads them may be gone, or slow, or the disk
//! that they go to is full.

use std::io::{self, StderrLock, Write};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tracing_subscriber::fmt::MakeWriter;

/// What a pipe takes at least, where it takes anything.
const PIECE: usize = 4096;

/// Standard error. A line that can't be written at once is lost, or its end is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lossy;

impl MakeWriter<'_> for Lossy {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        *self
    }
}

impl Write for Lossy {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut stderr = io::stderr().lock();
        for piece in line.chunks(PIECE) {
            if !takes_more(&stderr) || stderr.write_all(piece).is_err() {
                break;
            }
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether a write wouldn't wait for a reader. Where the system doesn't know, it is tried.
fn takes_more(stderr: &StderrLock<'_>) -> bool {
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let mut asked = [PollFd::new(stderr, PollFlags::OUT)];
    poll(&mut asked, Some(&at_once)) != Ok(0)
}
