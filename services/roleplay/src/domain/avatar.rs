//! Pictures of characters: their versions and sizes, and the addresses at which pages find them.

use std::time::Duration;

use platform::Timestamp;
use sha2::{Digest, Sha256};

use super::ids::CharacterId;

/// How long an address stays the same. It is good for as long again.
const STAYS: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// What tells a picture from the others that its character had: a part of its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AvatarVersion(String);

impl AvatarVersion {
    /// That of a picture.
    #[must_use]
    pub fn of(png: &[u8]) -> Self {
        let hash = Sha256::digest(png);
        let start: String = hash[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        Self(start)
    }

    /// That of a text, as a row or an address has it. Rows from before there were versions have none, and their pictures never
    /// changed.
    #[must_use]
    pub fn named(text: String) -> Self {
        match text.is_empty() {
            true => Self("0".to_owned()),
            false => Self(text),
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a picture is of this version.
    #[must_use]
    pub fn is_of(&self, png: &[u8]) -> bool {
        self.0 == "0" || *self == Self::of(png)
    }
}

/// How large a picture is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AvatarSize {
    /// In a list.
    Thumbnail,
    /// Beside a text.
    Card,
    /// Alone.
    Full,
}

impl AvatarSize {
    /// All of them, the largest first.
    pub const ALL: [Self; 3] = [Self::Full, Self::Card, Self::Thumbnail];

    /// What it is called, in addresses and names of files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Thumbnail => "thumbnail",
            Self::Card => "card",
            Self::Full => "full",
        }
    }

    /// The most pixels of a side.
    #[must_use]
    pub fn side(self) -> u32 {
        match self {
            Self::Thumbnail => 256,
            Self::Card => 768,
            Self::Full => 2_048,
        }
    }

    /// Width and height in which a picture of these is shown: the same shape, and never larger than it is.
    #[must_use]
    pub fn fit(self, width: u32, height: u32) -> (u32, u32) {
        let (longest, side) = (width.max(height), self.side());
        if longest <= side {
            return (width, height);
        }
        let scaled = |length: u32| {
            let scaled =
                (u64::from(length) * u64::from(side) + u64::from(longest) / 2) / u64::from(longest);
            u32::try_from(scaled).unwrap_or(side).max(1)
        };
        (scaled(width), scaled(height))
    }
}

/// An address of one picture in one size, until a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AvatarAddress {
    /// Whose picture.
    pub character_id: CharacterId,
    /// Which one.
    pub version: AvatarVersion,
    /// How large.
    pub size: AvatarSize,
    /// When it ends.
    pub expire_time: Timestamp,
}

impl AvatarAddress {
    /// What a signature of it signs: everything that it says.
    #[must_use]
    pub fn signed_text(&self) -> String {
        let Self {
            character_id,
            version,
            size,
            expire_time,
        } = self;
        let (version, size) = (version.as_str(), size.name());
        format!(
            "avatar/{character_id}/{version}/{size}/{}",
            expire_time.micros()
        )
    }
}

/// When the addresses end that a character has now. Browsers keep pictures by their addresses, so these stay the same for a week,
/// and are good for one or two. Each character's change at another time.
#[must_use]
pub fn expire_time(id: CharacterId, now: Timestamp) -> Timestamp {
    let week = i64::try_from(STAYS.as_secs()).unwrap_or(i64::MAX);
    let shift = i64::try_from(id.number() % STAYS.as_secs()).unwrap_or(0);
    let weeks = (now.secs() + shift).div_euclid(week);
    Timestamp::from_micros(((weeks + 2) * week - shift) * 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_keep_their_shape_and_are_never_enlarged() {
        for (size, width, height, fitted) in [
            (AvatarSize::Thumbnail, 400, 600, (171, 256)),
            (AvatarSize::Thumbnail, 256, 256, (256, 256)),
            (AvatarSize::Thumbnail, 1, 1, (1, 1)),
            (AvatarSize::Card, 1_024, 1_536, (512, 768)),
            (AvatarSize::Card, 600, 400, (600, 400)),
            (AvatarSize::Full, 4_096, 1, (2_048, 1)),
            (AvatarSize::Full, 4_096, 4_096, (2_048, 2_048)),
        ] {
            assert_eq!(size.fit(width, height), fitted, "{size:?} {width} {height}");
        }
    }

    #[test]
    fn an_address_stays_for_a_week_and_is_good_for_one_or_two() {
        let id = CharacterId::new();
        let start = Timestamp::from_micros(1_800_000_000_000_000);
        let hour = Duration::from_secs(3_600);
        let mut ends = Vec::new();
        for passed in 0..24 * 7 * 4 {
            let now = start + hour * passed;
            let end = expire_time(id, now);
            assert!(end > now + STAYS && end <= now + STAYS * 2);
            assert_eq!(end.micros() % 1_000_000, 0, "addresses have whole seconds");
            ends.push(end);
        }
        ends.dedup();
        assert_eq!(ends.len(), 5);
    }

    #[test]
    fn each_part_of_an_address_is_signed() {
        let address = AvatarAddress {
            character_id: CharacterId::new(),
            version: AvatarVersion::of(b"a"),
            size: AvatarSize::Card,
            expire_time: Timestamp::from_micros(5),
        };
        let mut others = [(); 4].map(|()| address.clone());
        others[0].character_id = CharacterId::new();
        others[1].version = AvatarVersion::of(b"b");
        others[2].size = AvatarSize::Full;
        others[3].expire_time = Timestamp::from_micros(6);
        for other in others {
            assert_ne!(other.signed_text(), address.signed_text());
        }
    }

    #[test]
    fn a_version_is_of_one_picture_unless_it_is_older_than_versions() {
        let version = AvatarVersion::of(b"a");
        assert_eq!(AvatarVersion::named(version.as_str().to_owned()), version);
        assert!(version.is_of(b"a") && !version.is_of(b"b"));
        let first = AvatarVersion::named(String::new());
        assert!(first.is_of(b"a") && first.is_of(b"b"));
    }
}
