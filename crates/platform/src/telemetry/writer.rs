//! Writes log lines so that no request suffers where they can't be written: whoever reads them may be gone, or slow, or the disk
//! that they go to is full.

use std::io::{self, StderrLock, Write};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tracing_subscriber::fmt::MakeWriter;

/// Standard error. A line that can't be written at once is lost.
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
        if takes_more(&stderr) {
            let _lost = stderr.write_all(line);
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
