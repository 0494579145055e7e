//! What a store that answers holds against us: by the code of its answer, in words for people.

use platform::reach::causes;

use super::bucket::NoCredentials;

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
    #[error("refuses requests of another time than its own: this machine's clock is off")]
    Clock,
    /// It has no bucket of that name.
    #[error("has no bucket {0}")]
    Bucket(String),
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
        let named = code_in(&error.to_string()).and_then(|code| Self::of_code(code, bucket));
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

    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Keys => {
                "correct TROUPE__S3__ACCESS_KEY_ID and TROUPE__S3__SECRET_ACCESS_KEY, or let them list, read and write the bucket"
            }
            Self::Expired => {
                "set AWS_SESSION_TOKEN anew with the keys that belong to it, and start again, or use keys that last"
            }
            Self::Clock => "set this machine's clock, such as by NTP",
            Self::Bucket(_) => {
                "make it, or correct TROUPE__S3__BUCKET, TROUPE__S3__ENDPOINT and TROUPE__S3__REGION"
            }
            Self::NoCredentials => {
                "give the machine a role that may use the bucket, or set TROUPE__S3__CREDENTIALS=keys and the keys"
            }
        }
    }
}

/// The code of a store's answer, of which `object_store` keeps nothing but its text.
fn code_in(answer: &str) -> Option<&str> {
    let (_, rest) = answer.split_once("<Code>")?;
    let (code, _) = rest.split_once("</Code>")?;
    Some(code.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_found_in_what_the_store_says() {
        let answer = "Error performing GET: 404 Not Found: <?xml?><Error><Code>NoSuchBucket</Code><Message/></Error>";
        assert_eq!(code_in(answer), Some("NoSuchBucket"));
        for answer in ["", "<Code>", "404 Not Found: <html>"] {
            assert_eq!(code_in(answer), None);
        }
    }
}
