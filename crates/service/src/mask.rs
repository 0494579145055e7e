//! Field masks: which fields of a resource an update changes (AIP-134, AIP-161).

use prost_types::FieldMask;
use tonic::Status;
use troupe_proto::error::invalid_field;

/// The field that holds the mask, in every request that has one.
const FIELD: &str = "update_mask";
/// How much of a path is repeated to the caller: about as much as a field's name can have.
const MAX_SHOWN: usize = 64;

/// The paths that an update changes, in the order of `fields`: those that the mask names, or without a mask those that are
/// set. `fields` has each field that can change, with whether it is set; of a message, each field in it (`settings.seed`).
/// `*` names them all, and the path of a message all that is in it, so that what isn't set there is cleared.
///
/// # Errors
/// INVALID_ARGUMENT if the mask names anything else.
pub fn masked(
    mask: Option<FieldMask>,
    fields: &[(&'static str, bool)],
) -> Result<Vec<&'static str>, Status> {
    let paths = mask.unwrap_or_default().paths;
    let names = fields.iter().map(|(name, _)| *name);
    if let Some(unknown) = paths
        .iter()
        .find(|path| !names.clone().any(|name| covers(path, name)))
    {
        let shown: String = unknown.chars().take(MAX_SHOWN).collect();
        let outer = fields.iter().find(|(name, _)| covers(name, unknown));
        let description = match outer {
            Some((whole, _)) => {
                format!("reaches into {whole}, which changes as a whole: name that")
            }
            None => format!("names {shown}, which can't be changed"),
        };
        return Err(invalid_field(FIELD, description));
    }
    if paths.is_empty() {
        let set = fields.iter().filter(|(_, is_set)| *is_set);
        return Ok(set.map(|(name, _)| *name).collect());
    }
    let is_named = |name: &&str| paths.iter().any(|path| covers(path, name));
    Ok(names.filter(is_named).collect())
}

/// True where a path is a field's own, leads to a message that it is in, or means all.
fn covers(path: &str, name: &str) -> bool {
    let is_within = |rest: &str| rest.is_empty() || rest.starts_with('.');
    path == "*" || (!path.is_empty() && name.strip_prefix(path).is_some_and(is_within))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: [(&str, bool); 4] = [
        ("name", true),
        ("description", false),
        ("settings.seed", false),
        ("settings.top_p", true),
    ];

    fn named(paths: &[&str]) -> Result<Vec<&'static str>, Status> {
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        masked(Some(FieldMask { paths }), &FIELDS)
    }

    #[test]
    fn takes_what_the_mask_names_or_else_what_is_set() {
        assert_eq!(named(&["description"]).unwrap(), ["description"]);
        assert_eq!(named(&[]).unwrap(), ["name", "settings.top_p"]);
        let without = masked(None, &FIELDS).unwrap();
        assert_eq!(without, ["name", "settings.top_p"]);
    }

    #[test]
    fn reaches_into_messages_and_takes_them_whole() {
        assert_eq!(named(&["settings.seed"]).unwrap(), ["settings.seed"]);
        let whole = ["settings.seed", "settings.top_p"];
        assert_eq!(named(&["settings"]).unwrap(), whole);
        assert_eq!(named(&["settings.top_p", "settings"]).unwrap(), whole);
    }

    #[test]
    fn takes_everything_by_a_star() {
        assert_eq!(named(&["*"]).unwrap().len(), FIELDS.len());
    }

    #[test]
    fn refuses_fields_that_nobody_may_change() {
        for path in [
            "id",
            "",
            "set",
            "settings.",
            "settings.s",
            "namex",
            "Name",
            "*.x",
        ] {
            let refused = named(&["name", path]).unwrap_err();
            assert!(
                refused.message().contains(&format!("names {path},")),
                "{path}"
            );
        }
        assert!(named(&["*", "id"]).is_err());
    }

    #[test]
    fn tells_of_fields_that_change_as_a_whole() {
        for path in ["name.x", "settings.seed.low"] {
            let refused = named(&[path]).unwrap_err();
            let (whole, _) = path.rsplit_once('.').unwrap();
            let told = format!("reaches into {whole}, which changes as a whole");
            assert!(refused.message().contains(&told), "{refused}");
        }
    }
}
