//! What is done about more load than there is room or time for.

use serde::Deserialize;

use super::ConfigError;

/// Room for the bodies of requests while they arrive. One body by itself is always taken.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Bodies {
    /// Bytes of all bodies together. An address that has less than its share of them may go beyond, up to twice as many.
    pub bytes: usize,
    /// Bytes of the bodies from one address, or from one /64 of IPv6.
    pub bytes_per_address: usize,
    /// Bytes of the bodies of one person.
    pub bytes_per_person: usize,
    /// Time for a body to arrive.
    pub secs: u64,
    /// A body that comes at least so fast, in bytes a second, has more time.
    pub bytes_per_second: u64,
}

/// When there is more to do than can be done.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Overload {
    /// Calls of one method that may always be under way.
    pub least_calls: usize,
    /// Calls of one method that are under way at most. Between the two it depends on how long they take.
    pub most_calls: usize,
    /// How long calls may wait for one another on the average before fewer are let in.
    pub wait_millis: u64,
    /// How long a request may have waited to be read and still be let in while there is much to do; less for slow calls.
    pub longest_wait_millis: u64,
    /// How long a connection that was refused isn't read, unless there is room sooner; refusals say so too.
    pub hold_millis: u64,
    /// The share of its processors that a process uses when it counts as busy.
    pub busy_percent: u32,
}

impl Default for Bodies {
    fn default() -> Self {
        const MIB: usize = 1024 * 1024;
        Self {
            bytes: 64 * MIB,
            bytes_per_address: 40 * MIB,
            bytes_per_person: 24 * MIB,
            secs: 30,
            bytes_per_second: 32 * 1024,
        }
    }
}

impl Default for Overload {
    fn default() -> Self {
        Self {
            least_calls: 4,
            most_calls: 2048,
            wait_millis: 5,
            longest_wait_millis: 250,
            hold_millis: 1000,
            busy_percent: 85,
        }
    }
}

impl Bodies {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let positive = [
            ("bytes", self.bytes as u64),
            ("bytes_per_address", self.bytes_per_address as u64),
            ("bytes_per_person", self.bytes_per_person as u64),
            ("secs", self.secs),
            ("bytes_per_second", self.bytes_per_second),
        ];
        all_positive("bodies", &positive)
    }
}

impl Overload {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let positive = [
            ("least_calls", self.least_calls as u64),
            ("most_calls", self.most_calls as u64),
            ("wait_millis", self.wait_millis),
            ("longest_wait_millis", self.longest_wait_millis),
            ("hold_millis", self.hold_millis),
        ];
        all_positive("overload", &positive)?;
        if self.least_calls > self.most_calls {
            let reason = "must be at most overload.most_calls";
            return Err(ConfigError::new("overload.least_calls", reason));
        }
        Ok(())
    }
}

fn all_positive(section: &str, values: &[(&str, u64)]) -> Result<(), ConfigError> {
    match values.iter().find(|(_, value)| *value == 0) {
        Some((name, _)) => Err(ConfigError::new(
            format!("{section}.{name}"),
            "must be above zero",
        )),
        None => Ok(()),
    }
}
