//! Server-Sent Events, as far as a stopwatch needs them.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;

/// Reads a stream to its end, and gives the time from `start` until an event with `is_awaited` had arrived. Fails where
/// none does, showing what came instead.
pub(crate) async fn time_of_first(
    body: Incoming,
    start: Instant,
    is_awaited: impl Fn(&Value) -> bool,
) -> Result<Duration> {
    let mut found = None;
    let text = each(body, start, |event, arrived| {
        if !is_awaited(event) {
            return ControlFlow::Continue(());
        }
        found = Some(arrived);
        ControlFlow::Break(())
    })
    .await?;
    match found {
        Some(time) => Ok(time),
        None => bail!(
            "the stream has no token:\n{}",
            String::from_utf8_lossy(&text)
        ),
    }
}

/// Reads a stream to its end, and shows each event, with its time from `start`, until `on_event` has seen enough; gives
/// the text up to there.
pub(crate) async fn each(
    mut body: Incoming,
    start: Instant,
    mut on_event: impl FnMut(&Value, Duration) -> ControlFlow<()>,
) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    let mut read = 0;
    let mut flow = ControlFlow::Continue(());
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        if flow.is_break() {
            continue;
        }
        text.extend_from_slice(&data);
        let arrived = start.elapsed();
        while flow.is_continue()
            && let Some(length) = end_of_event(&text[read..])
        {
            if let Some(event) = data_of(&text[read..read + length]) {
                flow = on_event(&event, arrived);
            }
            read += length;
        }
    }
    Ok(text)
}

/// Length of the first whole event, with the empty line that ends it.
fn end_of_event(text: &[u8]) -> Option<usize> {
    let end = text.windows(2).position(|pair| pair == b"\n\n")?;
    Some(end + 2)
}

fn data_of(event: &[u8]) -> Option<Value> {
    let mut lines = event.split(|byte| *byte == b'\n');
    let data = lines.find_map(|line| line.strip_prefix(b"data:"))?;
    serde_json::from_slice(data).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn takes_the_data_of_a_named_event() {
        let event = b"event: delta\ndata: {\"a\": 1}\n\n";
        assert_eq!(end_of_event(event), Some(event.len()));
        assert_eq!(data_of(event), Some(json!({"a": 1})));
    }

    #[test]
    fn comments_and_end_marks_hold_no_data() {
        assert_eq!(data_of(b": still here\n\n"), None);
        assert_eq!(data_of(b"data: [DONE]\n\n"), None);
        assert_eq!(end_of_event(b"data: {}\n"), None);
    }
}
