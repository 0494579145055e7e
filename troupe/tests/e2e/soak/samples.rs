//! What the process and its files take, over time.

use std::fmt::{self, Write};
use std::path::Path;
use std::time::Duration;

/// Parts of the time that are compared.
const PARTS: usize = 6;
const KIB: u64 = 1024;

/// What was seen at one time. Sizes are in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sample {
    at: Duration,
    /// All memory of the process that is in RAM.
    resident: u64,
    /// The part of it that no file stands behind.
    anonymous: u64,
    databases: u64,
    logs: u64,
    files: u64,
    visits: u64,
}

impl Sample {
    /// What a process takes now, and its data folder.
    pub(super) fn of(at: Duration, pid: u32, data: &Path, visits: u64) -> Self {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let mut sample = Self {
            at,
            resident: field(&status, "VmRSS:"),
            anonymous: field(&status, "RssAnon:"),
            visits,
            ..Self::default()
        };
        sample.measure(data);
        sample
    }

    fn measure(&mut self, folder: &Path) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            // A file may go while it is looked at.
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            match name {
                _ if metadata.is_dir() => self.measure(&path),
                name if name.ends_with(".sqlite") => self.databases += metadata.len(),
                name if name.ends_with("-wal") => self.logs += metadata.len(),
                _ => self.files += metadata.len(),
            }
        }
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:5} s: {:.1} MiB of memory, {:.1} of it anonymous; databases {:.1} MiB, -wal {:.1}, files {:.1}",
            self.at.as_secs(),
            mib(self.resident),
            mib(self.anonymous),
            mib(self.databases),
            mib(self.logs),
            mib(self.files),
        )
    }
}

/// A number of KiB in `/proc/<pid>/status`, as bytes; 0 once the process is gone.
fn field(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|line| line.split_whitespace().next());
    kib.and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) * KIB
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / (KIB * KIB) as f64
}

/// All samples of a soak.
pub(super) struct Samples {
    length: Duration,
    all: Vec<Sample>,
}

impl Samples {
    pub(super) fn new(length: Duration) -> Self {
        Self {
            length,
            all: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, sample: Sample) {
        self.all.push(sample);
    }

    /// The samples of a sixth of the time.
    fn part(&self, number: usize) -> Vec<Sample> {
        let length = self.length.as_secs_f64() / PARTS as f64;
        let (from, to) = (length * number as f64, length * (number + 1) as f64);
        let all = self.all.iter();
        all.filter(|sample| (from..to).contains(&sample.at.as_secs_f64()))
            .copied()
            .collect()
    }

    /// By which share the memory of the last sixth is above that of the second: what is warm by then counts in both.
    pub(super) fn growth(&self) -> f64 {
        let of = |number| median(self.part(number).iter().map(|sample| sample.resident));
        of(PARTS - 1) as f64 / of(1) as f64 - 1.0
    }

    /// A line for each sixth: medians, and sizes at its end.
    pub(super) fn table(&self) -> String {
        let mut table = String::from(
            "\n| sixth | RSS (median), MiB | anonymous | databases | -wal | files | visits |\n\
             | ----- | ----------------- | --------- | --------- | ---- | ----- | ------ |",
        );
        for number in 0..PARTS {
            let part = self.part(number);
            let last = part.last().copied().unwrap_or_default();
            let begin = number.checked_sub(1).map(|before| self.part(before));
            let before = begin
                .and_then(|part| part.last().copied())
                .unwrap_or_default();
            // Writing to a text doesn't fail.
            let _ = write!(
                table,
                "\n| {:5} | {:17.1} | {:9.1} | {:9.1} | {:4.1} | {:5.1} | {:6} |",
                number + 1,
                mib(median(part.iter().map(|sample| sample.resident))),
                mib(median(part.iter().map(|sample| sample.anonymous))),
                mib(last.databases),
                mib(last.logs),
                mib(last.files),
                last.visits - before.visits,
            );
        }
        table
    }
}

fn median(values: impl Iterator<Item = u64>) -> u64 {
    let mut values: Vec<u64> = values.collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[test]
fn compares_the_last_sixth_with_the_second() {
    let mut samples = Samples::new(Duration::from_secs(60));
    for second in 0..60 {
        samples.add(Sample {
            at: Duration::from_secs(second),
            // What comes first, and a peak, are no part of it.
            resident: match second {
                0..10 => 1,
                55 => 9_000,
                10..20 => 100,
                50.. => 130,
                _ => 115,
            },
            ..Sample::default()
        });
    }
    assert!(
        (samples.growth() - 0.30).abs() < 1e-9,
        "{}",
        samples.growth()
    );
}

#[test]
fn reads_memory_from_the_status_of_a_process() {
    let status = "Name:\ttroupe\nVmRSS:\t   2048 kB\nRssAnon:\t    1024 kB\n";
    assert_eq!(field(status, "VmRSS:"), 2 * 1024 * 1024);
    assert_eq!(field(status, "RssAnon:"), 1024 * 1024);
    let own = Sample::of(Duration::ZERO, std::process::id(), Path::new("/nowhere"), 0);
    assert!(own.resident > own.anonymous && own.anonymous > 0, "{own}");
}
