//! Disks of memory, which can be filled. They take root.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

const FILLER: &str = "filler";

/// A disk at a place, for as long as this lives.
pub(crate) struct Disk(PathBuf);

impl Disk {
    /// Makes the place if need be.
    pub(crate) fn mount(place: PathBuf, mebibytes: u32) -> Self {
        fs::create_dir_all(&place).unwrap();
        let size = format!("size={mebibytes}m,mode=0700");
        mount(&["-t", "tmpfs", "-o", &size, "tmpfs"], &place);
        Self(place)
    }

    /// Has a folder be on a disk of its own that can only be read, with all that is in it.
    pub(crate) fn read_only(place: PathBuf) -> Self {
        let name = place.to_str().unwrap();
        mount(&["--bind", name], &place);
        let disk = Self(place.clone());
        mount(&["-o", "remount,bind,ro"], &place);
        disk
    }

    pub(crate) fn fill(&self) {
        fill(&self.0);
    }

    pub(crate) fn make_room(&self) {
        fs::remove_file(self.0.join(FILLER)).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _is_gone_with_the_machine = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn mount(args: &[&str], place: &Path) {
    let status = Command::new("mount").args(args).arg(place).status();
    assert!(status.unwrap().success());
}

/// Fills the disk of a folder.
pub(crate) fn fill(folder: &Path) {
    let filler = File::create(folder.join(FILLER)).unwrap();
    let mut writer = BufWriter::new(filler);
    while writer.write_all(&[0; 65536]).is_ok() {}
}
