//! What people read when a command fails.

/// An error with its causes. Some errors tell theirs themselves, and nobody reads twice.
pub(crate) fn told(error: &anyhow::Error) -> String {
    let parts = error.chain().map(ToString::to_string);
    let told = parts.reduce(|told, cause| match told.contains(&cause) {
        true => told,
        false => format!("{told}: {cause}"),
    });
    told.unwrap_or_default()
}

#[test]
fn a_cause_is_told_once() {
    let cause = anyhow::anyhow!("no room").context("the file can't be written: no room");
    assert_eq!(
        told(&cause.context("the start failed")),
        "the start failed: the file can't be written: no room"
    );
}
