//! Field masks: which fields of an update count.

use prost_types::FieldMask;
use tonic::Status;
use troupe_proto::error::invalid_field;

/// The fields that an update is about: those that the mask names, or without a mask those that are set. `fields` has
/// each field that can change, with whether it is set.
///
/// # Errors
/// INVALID_ARGUMENT if the mask names anything else.
pub(super) fn masked(
    mask: Option<FieldMask>,
    fields: &[(&'static str, bool)],
) -> Result<Vec<&'static str>, Status> {
    let paths = mask.unwrap_or_default().paths;
    if paths.is_empty() {
        let set = fields.iter().filter(|(_, is_set)| *is_set);
        return Ok(set.map(|(name, _)| *name).collect());
    }
    let named = paths.iter().map(|path| {
        let field = fields.iter().find(|(name, _)| name == path);
        field
            .map(|(name, _)| *name)
            .ok_or_else(|| unknown(path, fields))
    });
    named.collect()
}

fn unknown(path: &str, fields: &[(&'static str, bool)]) -> Status {
    let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    // The path is the caller's: only as much of it is repeated as a field's name can have.
    let path: String = path.chars().take(64).collect();
    let description = format!(
        "names {path}, which can't be changed: use {}",
        names.join(", ")
    );
    invalid_field("update_mask", description)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: [(&str, bool); 2] = [("name", true), ("description", false)];

    fn mask(paths: &[&str]) -> Option<FieldMask> {
        Some(FieldMask {
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        })
    }

    #[test]
    fn takes_what_the_mask_names_or_else_what_is_set() {
        assert_eq!(
            masked(mask(&["description"]), &FIELDS).unwrap(),
            ["description"]
        );
        assert_eq!(masked(mask(&[]), &FIELDS).unwrap(), ["name"]);
        assert_eq!(masked(None, &FIELDS).unwrap(), ["name"]);
    }

    #[test]
    fn refuses_fields_that_nobody_may_change() {
        for path in ["id", "user_id", "create_time", "*", ""] {
            assert!(masked(mask(&["name", path]), &FIELDS).is_err(), "{path}");
        }
    }
}
