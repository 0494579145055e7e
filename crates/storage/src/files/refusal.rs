//! What a store that answers holds against us: by the code of its answer, in words for people.

use platform::reach::causes;

use super::bucket::NoCredentials;

/// What `object_store` says of an answer that sends us to another region without an address.
const SENT_AWAY: &str = "redirect without LOCATION";
/// As much as is shown of what a store says.
const MOST_CHARS: usize = 200;

/// Why a store does nothing for us until somebody mends it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It doesn't know the keys, or they aren't good for this.
    #[error("refuses the keys")]
    Keys,
    /// The keys were good for some hours, and these are over.
    #[error("refuses the session token, which has expired")]
    Expired,
    /// It takes our requests for old ones, or for ones of the future.
    #[error("refuses requests whose time differs from its own: this machine's clock is wrong")]
    Clock,
    /// It has no bucket of that name.
    #[error("has no bucket {0}")]
    Bucket(String),
    /// The bucket is in another region than the settings say.
    #[error("has the bucket in another region than s3.region: {0}")]
    Region(String),
    /// It isn't even asked.
    #[error("can't be asked: this machine gives no credentials")]
    NoCredentials,
}

impl Refusal {
    /// What a store's error says, of a bucket of that name.
    pub(super) fn of(error: &object_store::Error, bucket: &str) -> Option<Self> {
        use object_store::Error::{PermissionDenied, Unauthenticated};
        if causes(error).any(|cause| cause.is::<NoCredentials>()) {
            return Some(Self::NoCredentials);
        }
        let answer = error.to_string();
        let code = element_in(&answer, "Code");
        let named = code.and_then(|code| Self::of_code(code, bucket));
        let named = named.or_else(|| Self::of_region(&answer, code));
        match error {
            PermissionDenied { .. } | Unauthenticated { .. } => Some(named.unwrap_or(Self::Keys)),
            _ => named,
        }
    }

    /// By the codes of <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>. Some come with the status of
    /// another: that of a token that has expired is 400, that of a clock 403.
    fn of_code(code: &str, bucket: &str) -> Option<Self> {
        Some(match code {
            "AccessDenied"
            | "InvalidAccessKeyId"
            | "SignatureDoesNotMatch"
            | "InvalidToken"
            | "InvalidSecurity"
            | "AccountProblem"
            | "AllAccessDisabled"
            | "NotSignedUp" => Self::Keys,
            "ExpiredToken" | "TokenRefreshRequired" => Self::Expired,
            "RequestTimeTooSkewed" => Self::Clock,
            "NoSuchBucket" | "InvalidBucketName" => Self::Bucket(bucket.to_owned()),
            _ => return None,
        })
    }

    /// Stores of one region say what they expect, in words or by name; those of all send us elsewhere.
    fn of_region(answer: &str, code: Option<&str>) -> Option<Self> {
        const CODES: [&str; 4] = [
            "AuthorizationHeaderMalformed",
            "IllegalLocationConstraintException",
            "PermanentRedirect",
            "TemporaryRedirect",
        ];
        if !code.is_some_and(|code| CODES.contains(&code)) && !answer.contains(SENT_AWAY) {
            return None;
        }
        let said = ["Message", "Region"].map(|name| element_in(answer, name));
        let told = match said {
            [Some(message), Some(region)] if !message.contains(region) => {
                format!("{message} ({region})")
            }
            [Some(said), _] | [None, Some(said)] => said.to_owned(),
            [None, None] => "it redirects".to_owned(),
        };
        let told = told.replace("&apos;", "'").replace("&quot;", "\"");
        let shown = told.chars().filter(|c| !c.is_control()).take(MOST_CHARS);
        Some(Self::Region(shown.collect()))
    }

    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Keys => {
                "correct TROUPE__S3__ACCESS_KEY_ID and TROUPE__S3__SECRET_ACCESS_KEY, or allow the keys to list, read and write the bucket"
            }
            Self::Expired => {
                "set a new AWS_SESSION_TOKEN together with its keys, and start again, or use keys that don't expire"
            }
            Self::Clock => "set this machine's clock, such as by NTP",
            Self::Bucket(_) => {
                "make it, or correct s3.bucket (--s3-bucket or TROUPE__S3__BUCKET), TROUPE__S3__ENDPOINT and TROUPE__S3__REGION"
            }
            Self::Region(_) => "correct s3.region (TROUPE__S3__REGION)",
            Self::NoCredentials => {
                "give the machine a role that may use the bucket, or set TROUPE__S3__CREDENTIALS=keys and the keys"
            }
        }
    }
}

/// What an element of a store's answer holds, of which `object_store` keeps nothing but its text.
fn element_in<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = answer.split_once(&format!("<{name}>"))?;
    let (held, _) = rest.split_once(&format!("</{name}>"))?;
    Some(held.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_found_in_what_the_store_says() {
        let answer = "Error performing GET: 404 Not Found: <?xml?><Error><Code>NoSuchBucket</Code><Message/></Error>";
        assert_eq!(element_in(answer, "Code"), Some("NoSuchBucket"));
        for answer in ["", "<Code>", "404 Not Found: <html>"] {
            assert_eq!(element_in(answer, "Code"), None);
        }
    }

    #[test]
    fn says_what_the_store_says_of_the_region() {
        let answer = "400: <Error><Code>AuthorizationHeaderMalformed</Code><Message>the region &apos;a&apos; is wrong</Message><Region>eu-1</Region></Error>";
        let refusal = Refusal::of_region(answer, element_in(answer, "Code"));
        let told = refusal.unwrap().to_string();
        assert!(
            told.contains("s3.region") && told.contains("'a' is wrong (eu-1)"),
            "{told}"
        );
        assert_eq!(Refusal::of_region("404 Not Found", Some("NoSuchKey")), None);
    }
}
