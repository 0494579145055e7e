//! Ids: a UUIDv7 in the database, a TypeID outside (`chr_01h455vb4pex5vsknk084sn02q`), a type of its own in the code.

use std::fmt;

use uuid::Uuid;

/// Digits of Crockford's base 32, in lower case as TypeID has them.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const SUFFIX_LEN: usize = 26;

/// A text that isn't an id of the kind wanted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be an id such as {prefix}_01h455vb4pex5vsknk084sn02q")]
pub struct ParseIdError {
    /// The prefix that the id should have.
    pub prefix: &'static str,
}

/// Writes `<prefix>_<26 digits>`, as the TypeID specification 0.3 says.
pub fn write(f: &mut fmt::Formatter<'_>, prefix: &str, uuid: Uuid) -> fmt::Result {
    let bits = uuid.as_u128();
    let mut suffix = [0u8; SUFFIX_LEN];
    for (i, digit) in suffix.iter_mut().enumerate() {
        let shift = 5 * (SUFFIX_LEN - 1 - i);
        *digit = DIGITS[(bits >> shift) as usize & 31];
    }
    f.write_str(prefix)?;
    f.write_str("_")?;
    f.write_str(std::str::from_utf8(&suffix).unwrap_or_default())
}

/// Reads what [`write()`] writes, and nothing else.
pub fn parse(prefix: &'static str, text: &str) -> Result<Uuid, ParseIdError> {
    let error = ParseIdError { prefix };
    let suffix = text
        .strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('_'))
        .ok_or(error.clone())?;
    // 26 digits hold 130 bits: a first digit over 7 would overflow.
    if suffix.len() != SUFFIX_LEN || suffix.as_bytes()[0] > b'7' {
        return Err(error);
    }
    let mut bits = 0u128;
    for byte in suffix.bytes() {
        let digit = DIGITS
            .iter()
            .position(|&d| d == byte)
            .ok_or(error.clone())?;
        bits = bits << 5 | digit as u128;
    }
    Ok(Uuid::from_u128(bits))
}

/// Declares an id type: `id!(/// A session. pub SessionId, "ses");`
#[macro_export]
macro_rules! id {
    ($(#[$doc:meta])* $vis:vis $name:ident, $prefix:literal) => {
        $crate::id_column! {
            $(#[$doc])*
            #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
            $vis struct $name($crate::id::macros::Uuid);
        }

        impl $name {
            /// The text before the underscore.
            $vis const PREFIX: &'static str = $prefix;

            /// A new id, later than those before it.
            #[expect(clippy::new_without_default, reason = "an id is never a default")]
            $vis fn new() -> Self {
                Self($crate::id::macros::Uuid::now_v7())
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                $crate::id::write(f, $prefix, self.0)
            }
        }

        impl ::std::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Display::fmt(self, f)
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::id::ParseIdError;

            fn from_str(text: &str) -> ::std::result::Result<Self, Self::Err> {
                $crate::id::parse($prefix, text).map(Self)
            }
        }
    };
}

/// The type of an id, which a column of a table may have.
#[cfg(feature = "sea-orm")]
#[doc(hidden)]
#[macro_export]
macro_rules! id_column {
    ($(#[$attribute:meta])* $vis:vis struct $name:ident($inner:ty);) => {
        $(#[$attribute])*
        #[derive($crate::id::macros::DeriveValueType)]
        #[sea_orm(column_type = "Uuid", array_type = "Uuid")]
        $vis struct $name($inner);

        impl ::sea_orm::TryFromU64 for $name {
            fn try_from_u64(_: u64) -> ::std::result::Result<Self, ::sea_orm::DbErr> {
                Err(::sea_orm::DbErr::ConvertFromU64(stringify!($name)))
            }
        }
    };
}

/// The type of an id, where nothing is stored.
#[cfg(not(feature = "sea-orm"))]
#[doc(hidden)]
#[macro_export]
macro_rules! id_column {
    ($type:item) => {
        $type
    };
}

/// What [`id!`] expands to needs these.
#[doc(hidden)]
pub mod macros {
    #[cfg(feature = "sea-orm")]
    pub use sea_orm::DeriveValueType;
    pub use uuid::Uuid;
}

id!(
    /// A person.
    pub UserId, "usr"
);
id!(
    /// A login on one device.
    pub LoginSessionId, "lgn"
);
id!(
    /// An access token.
    pub AccessTokenId, "atk"
);
id!(
    /// A request that came without an id.
    pub RequestId, "req"
);
id!(
    /// A generation: the job that writes a reply.
    pub GenerationId, "gen"
);
id!(
    /// An event.
    pub EventId, "evt"
);

impl GenerationId {
    /// Its number.
    pub fn uuid(self) -> Uuid {
        self.0
    }
}

impl EventId {
    /// The id that is made of a hash, the same whenever it is made: a UUIDv8, which sorts by its milliseconds since 1970 as the
    /// others do.
    pub fn of_hash(millis: u64, hash: [u8; 10]) -> Self {
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
        bytes[6..].copy_from_slice(&hash);
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        let id = UserId::new();
        assert_eq!(id.to_string().len(), 30);
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn matches_the_examples_of_the_typeid_specification() {
        let max = UserId(Uuid::from_u128(u128::MAX));
        assert_eq!(max.to_string(), "usr_7zzzzzzzzzzzzzzzzzzzzzzzzz");
        let known = UserId(Uuid::from_u128(0x0188bac7_4afa_78aa_bc3b_bd1eef28d881));
        assert_eq!(known.to_string(), "usr_01h2xcejqtf2nbrexx3vqjhp41");
    }

    #[test]
    fn refuses_other_kinds_overflow_and_foreign_digits() {
        for text in [
            "",
            "usr_",
            "ses_01h2xcejqtf2nbrexx3vqjhp41",
            "usr_81h2xcejqtf2nbrexx3vqjhp41",
            "usr_01h2xcejqtf2nbrexx3vqjhpu1",
            "usr_01H2XCEJQTF2NBREXX3VQJHP41",
            "usr_é1h2xcejqtf2nbrexx3vqjhp4",
        ] {
            assert!(text.parse::<UserId>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_event_has_the_id_of_its_hash_and_sorts_by_its_time() {
        let id = |millis, byte| EventId::of_hash(millis, [byte; 10]);
        assert_eq!(id(1, 7), id(1, 7));
        assert_ne!(id(1, 7), id(1, 8));
        assert!(id(1, 255) < id(2, 0));
        assert!(id(1_700_000_000_000, 0) < EventId::new());
        assert_eq!(id(1, 7).0.get_version_num(), 8);
    }

    #[test]
    fn sorts_by_time() {
        let ids: Vec<UserId> = (0..100).map(|_| UserId::new()).collect();
        assert!(ids.is_sorted());
    }
}
