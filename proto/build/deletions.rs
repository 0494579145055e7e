//! What every deletion has in common, of one thing (AIP-135) or of many (AIP-235).

use anyhow::{Context, Result, ensure};
use prost_reflect::{DescriptorPool, MethodDescriptor, Value};

use super::rules;

/// Things that are deleted at once, at most.
const MOST: u64 = 100;

/// Refuses a deletion that answers something, and one of many things that doesn't say how many.
pub fn check(pool: &DescriptorPool, method: &MethodDescriptor) -> Result<()> {
    let is_batch = method.name().starts_with("BatchDelete");
    if is_batch || method.name().starts_with("Delete") {
        let answers = method.output().fields().next().is_some();
        ensure!(!answers, "a deletion answers nothing");
    }
    if is_batch {
        let ids = method
            .input()
            .fields()
            .find(|it| it.is_list() && it.name().ends_with("_ids"));
        let ids = ids.context("what it deletes is named by ids: `thing_ids`")?;
        let rules = rules::rules_of(pool, &ids)?;
        let repeated = rules.and_then(|rules| {
            rules
                .get_field_by_name("repeated")
                .map(|it| it.into_owned())
        });
        let repeated = repeated.as_ref().and_then(Value::as_message);
        let limit = |name| repeated?.get_field_by_name(name)?.as_u64();
        let limits = (limit("min_items"), limit("max_items"));
        let name = ids.name();
        ensure!(
            limits.0 == Some(1) && limits.1.is_some_and(|most| (1..=MOST).contains(&most)),
            "{name} has 1 to {MOST} items"
        );
    }
    Ok(())
}
