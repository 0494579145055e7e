//! What the process takes of the machine, as Linux tells it. Elsewhere there is nothing to tell.

use opentelemetry::{KeyValue, global};

use super::SCOPE;

/// The unit in which the kernel reports a process's time: the same on every machine that we run on.
const TICKS_PER_SEC: f64 = 100.0;

/// Measures it whenever somebody asks.
pub(super) fn observe() {
    let meter = global::meter(SCOPE);
    let _memory = meter
        .i64_observable_up_down_counter("process.memory.usage")
        .with_unit("By")
        .with_description("Resident memory")
        .with_callback(|observer| {
            if let Some(kib) = status("VmRSS:") {
                observer.observe(kib * 1024, &[]);
            }
        })
        .build();
    let _threads = meter
        .i64_observable_up_down_counter("process.thread.count")
        .with_unit("{thread}")
        .with_description("Threads")
        .with_callback(|observer| {
            if let Some(threads) = status("Threads:") {
                observer.observe(threads, &[]);
            }
        })
        .build();
    let _files = meter
        .i64_observable_up_down_counter("process.unix.file_descriptor.count")
        .with_unit("{file_descriptor}")
        .with_description("Open files and sockets")
        .with_callback(|observer| {
            if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
                observer.observe(files.count() as i64, &[]);
            }
        })
        .build();
    let modes = ["user", "system"].map(|mode| [KeyValue::new("cpu.mode", mode)]);
    let _time = meter
        .f64_observable_counter("process.cpu.time")
        .with_unit("s")
        .with_description("Time on the processor")
        .with_callback(move |observer| {
            let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
            for (secs, mode) in cpu_secs(&stat).into_iter().flatten().zip(&modes) {
                observer.observe(secs, mode);
            }
        })
        .build();
}

/// A number of `/proc/self/status`.
fn status(name: &str) -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// User and system time of `/proc/self/stat`. The program's name, which comes first, may hold anything.
fn cpu_secs(stat: &str) -> Option<[f64; 2]> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    let mut secs = || Some(fields.next()?.parse::<f64>().ok()? / TICKS_PER_SEC);
    Some([secs()?, secs()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_time_of_a_process_whatever_its_name() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194560 1 2 3 4 250 50 0 0 20 0 9 0 1 2 3";
        assert_eq!(cpu_secs(stat), Some([2.5, 0.5]));
        assert_eq!(cpu_secs(""), None);
    }

    #[test]
    fn reads_what_the_kernel_says_of_this_process() {
        assert!(status("VmRSS:").is_some_and(|kib| kib > 0));
        assert!(status("Threads:").is_some_and(|threads| threads > 0));
    }
}
