//! What servers keep, which is theirs to back up.

use crate::settings::Settings;

/// Something that isn't in the data folder.
pub(crate) struct Elsewhere {
    /// What, and where it is.
    pub(crate) name: String,
    pub(crate) advice: String,
    /// Whether a backup of the data folder lacks something for it.
    pub(crate) is_missing: bool,
}

/// What the configured servers keep.
pub(crate) fn elsewhere(settings: &Settings) -> Vec<Elsewhere> {
    let part = |name: String, advice: &str| Elsewhere {
        name,
        advice: advice.to_owned(),
        is_missing: true,
    };
    let mut parts = Vec::new();
    if settings.database.url.is_named() {
        parts.push(part(
            format!("all that PostgreSQL keeps, at {}", settings.database.url),
            "Back it up with `pg_dump --format=custom --file=troupe.dump URL`, and restore it with `pg_restore --clean --dbname=URL troupe.dump`",
        ));
    }
    if settings.s3.is_named() {
        parts.push(part(
            format!("pictures, in the bucket {}", settings.s3.bucket),
            "Turn the bucket's versioning on, or copy it to another one after each backup of the database",
        ));
    }
    if settings.qdrant.url.is_named() {
        parts.push(part(
            format!("vectors, in Qdrant at {}", settings.qdrant.url),
            "They are derived: after a restore, run `troupe memory rebuild`",
        ));
    }
    if settings.nats.url.is_named() {
        parts.push(Elsewhere {
            is_missing: false,
            ..part(
                format!("pending events, in NATS at {}", settings.nats.url),
                "The databases have them too: after a restore, remove the streams of the prefix nats.prefix before the start, which makes and fills them again",
            )
        });
    }
    parts
}
