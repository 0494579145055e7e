//! What is checked in and generated: the policy table and the OpenAPI document.

use std::process::Command;

use crate::workspace::Workspace;

/// Writes them anew. The tests that compare them know where they are.
pub(crate) fn write(workspace: &Workspace) -> Command {
    let mut command = workspace.cargo("test --workspace --test it snapshot");
    command.env("TROUPE_UPDATE_SNAPSHOTS", "1");
    command
}
