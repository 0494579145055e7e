//! What the gateway enforces of a method's policy, and what holds for methods without one.
//!
//! The policies of Troupe's own contracts are a table that the build has checked. A mounted contract may have the same
//! option: it is read once, at the start, and what the gateway can't hold a call to is refused there.

use std::sync::Arc;
use std::time::Duration;

use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor, ServiceDescriptor};
use troupe_proto::policy::{self, Audience, Deprecation, RateClass};
use troupe_proto::troupe::options::v1::{MethodPolicy, Tag};

use crate::config::Limits;
use crate::cookie;
use crate::own;
use crate::rule;

/// The option that says it.
const OPTION: &str = "troupe.options.v1.policy";
/// What the option means by no bytes.
const DEFAULT_MAX_REQUEST_BYTES: u32 = 65_536;
/// The longest time that a `google.protobuf.Duration` may hold.
const LONGEST: Duration = Duration::from_secs(315_576_000_000);

/// What a call of a method must keep to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Policy {
    /// Who may call.
    pub(crate) audience: Audience,
    /// How long a call may take.
    pub(crate) timeout: Duration,
    /// Largest encoded message of a request.
    pub(crate) max_request_bytes: usize,
    /// The budget that a call draws on.
    pub(crate) rate_class: RateClass,
    /// How many tokens it takes.
    pub(crate) rate_cost: u32,
    /// Since when it is deprecated, and when it goes, if it is.
    pub(crate) deprecation: Option<Deprecation>,
    /// The cookie that it reads and sets.
    pub(crate) cookie: Option<Arc<str>>,
}

impl Policy {
    /// The policy of a method of `pool`: by the table where it is Troupe's own, else by its contract. Where that leaves the
    /// time or the budget open, or there is none, the configuration says it. The error is what of it can't be enforced.
    pub(crate) fn of(
        pool: &DescriptorPool,
        method: &MethodDescriptor,
        limits: &Limits,
    ) -> Result<Self, String> {
        let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
        if policy::find(&path).is_some() {
            return Ok(Self::without_descriptor(&path, limits));
        }
        match stated(pool, method)? {
            Some(stated) => Self::mounted(pool, method, &stated, limits),
            None if own::is_own(method.parent_service().full_name()) => Ok(Self {
                max_request_bytes: DEFAULT_MAX_REQUEST_BYTES as usize,
                rate_class: RateClass::Read,
                ..Self::open(limits)
            }),
            None => Ok(Self::open(limits)),
        }
    }

    /// The policy of the method at a gRPC path of which nothing else is known.
    pub(crate) fn without_descriptor(path: &str, limits: &Limits) -> Self {
        match policy::find(path) {
            Some(policy) => Self {
                audience: policy.audience,
                timeout: policy.timeout,
                max_request_bytes: policy.max_request_bytes,
                rate_class: policy.rate_class,
                rate_cost: policy.rate_cost,
                deprecation: policy.deprecation,
                cookie: policy.cookie.map(Arc::from),
            },
            None => Self::open(limits),
        }
    }

    /// That of another maker's method without a policy: public, within the limits of the configuration.
    fn open(limits: &Limits) -> Self {
        Self {
            audience: Audience::Public,
            timeout: limits.call(),
            max_request_bytes: limits.request_bytes,
            rate_class: RateClass::Unspecified,
            rate_cost: 1,
            deprecation: None,
            cookie: None,
        }
    }

    fn mounted(
        pool: &DescriptorPool,
        method: &MethodDescriptor,
        stated: &MethodPolicy,
        limits: &Limits,
    ) -> Result<Self, String> {
        let max_request_bytes = match stated.max_request_bytes {
            0 => DEFAULT_MAX_REQUEST_BYTES,
            bytes => bytes,
        };
        let policy = Self {
            audience: audience(stated)?,
            timeout: timeout(stated)?.unwrap_or_else(|| limits.call()),
            max_request_bytes: usize::try_from(max_request_bytes).unwrap_or(usize::MAX),
            rate_class: rate_class(stated)?,
            rate_cost: stated.rate_cost.max(1),
            deprecation: deprecation(method, stated)?,
            cookie: cookie(method, stated)?,
        };
        match policy.audience {
            Audience::Service if !rule::rules(pool, method)?.is_empty() => {
                Err("is for services, and has an HTTP binding, which is for others".into())
            }
            Audience::Service => Ok(policy),
            _ if !stated.callers.is_empty() => {
                Err("names callers, which only a method of AUDIENCE_SERVICE has".into())
            }
            _ if policy.rate_class == RateClass::Internal => {
                Err("names RATE_CLASS_INTERNAL, which only a method of AUDIENCE_SERVICE has".into())
            }
            _ => Ok(policy),
        }
    }
}

/// The types of the file that a method takes or answers with, if its contract says so.
pub(crate) fn media_types(pool: &DescriptorPool, method: &MethodDescriptor) -> Vec<String> {
    let stated = stated(pool, method).ok().flatten();
    stated.map(|policy| policy.media_types).unwrap_or_default()
}

/// The heading of a service, if its contract says one.
pub(crate) fn tag(pool: &DescriptorPool, service: &ServiceDescriptor) -> Option<Tag> {
    let extension = pool.get_extension_by_name("troupe.options.v1.tag")?;
    let options = service.options();
    let tag = options.get_extension(&extension);
    let tag: Tag = tag.as_message()?.transcode_to().ok()?;
    (!tag.name.is_empty()).then_some(tag)
}

/// What the contract says, if it does. The error is what nobody here knows of it.
fn stated(
    pool: &DescriptorPool,
    method: &MethodDescriptor,
) -> Result<Option<MethodPolicy>, String> {
    let options = method.options();
    let extension = pool.get_extension_by_name(OPTION);
    let Some(extension) = extension.filter(|it| options.has_extension(it)) else {
        return Ok(None);
    };
    let unreadable = || format!("has an option {OPTION} that can't be read");
    let option = options.get_extension(&extension);
    let option = option.as_message().ok_or_else(unreadable)?;
    // The contract may have been compiled with a later form of the option.
    let known = troupe_proto::descriptor_pool();
    let known = known.get_message_by_name("troupe.options.v1.MethodPolicy");
    let mut read = DynamicMessage::new(known.ok_or_else(unreadable)?);
    read.transcode_from(option).map_err(|_| unreadable())?;
    if let Some(field) = read.unknown_fields().next() {
        let number = field.number();
        return Err(format!(
            "has a policy with the field {number}, which this version of Troupe doesn't know"
        ));
    }
    read.transcode_to().map(Some).map_err(|_| unreadable())
}

fn audience(stated: &MethodPolicy) -> Result<Audience, String> {
    match Audience::try_from(stated.audience) {
        Ok(Audience::Unspecified) => Err("has a policy without an audience".into()),
        Ok(audience) => Ok(audience),
        Err(_) => Err(format!(
            "is for the audience {}, which this version of Troupe doesn't know",
            stated.audience
        )),
    }
}

fn rate_class(stated: &MethodPolicy) -> Result<RateClass, String> {
    RateClass::try_from(stated.rate_class).map_err(|_| {
        format!(
            "uses the budget {}, which this version of Troupe doesn't know",
            stated.rate_class
        )
    })
}

fn deprecation(
    method: &MethodDescriptor,
    stated: &MethodPolicy,
) -> Result<Option<Deprecation>, String> {
    let options = method.method_descriptor_proto().options.as_ref();
    let is_deprecated = options.is_some_and(|options| options.deprecated());
    let said = Deprecation::of(is_deprecated, &stated.deprecated_since, &stated.sunset);
    said.map_err(|problem| format!("has a policy that can't be kept to: {problem}"))
}

/// No other service may learn the cookies of Troupe's.
fn cookie(method: &MethodDescriptor, stated: &MethodPolicy) -> Result<Option<Arc<str>>, String> {
    let name = stated.cookie.as_str();
    let own = name.strip_prefix("__Host-").unwrap_or_default();
    let is_name = !own.is_empty()
        && own
            .bytes()
            .all(|it| it.is_ascii_alphanumeric() || it == b'_');
    let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
    match name {
        "" => Ok(None),
        _ if !is_name => Err(format!(
            "has the cookie `{name}`, which is not __Host- and a name of letters, digits and underscores"
        )),
        _ if cookie::is_ours(name.as_bytes()) && policy::find(&path).is_none() => Err(format!(
            "has the cookie {name}, which is one of Troupe's own"
        )),
        _ => Ok(Some(name.into())),
    }
}

fn timeout(stated: &MethodPolicy) -> Result<Option<Duration>, String> {
    let Some(timeout) = stated.timeout else {
        return Ok(None);
    };
    let timeout = Duration::try_from(timeout).ok();
    let timeout = timeout.filter(|it| !it.is_zero() && *it <= LONGEST);
    let invalid = || "has a policy whose timeout is no time above zero".to_owned();
    timeout.map(Some).ok_or_else(invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn troupe_s_own_contracts_read_as_the_table_has_them() {
        let pool = troupe_proto::descriptor_pool();
        let limits = Limits::default();
        let mut count = 0;
        for method in pool
            .services()
            .flat_map(|it| it.methods().collect::<Vec<_>>())
        {
            let Some(stated) = stated(pool, &method).unwrap() else {
                continue;
            };
            count += 1;
            let read = Policy::mounted(pool, &method, &stated, &limits).unwrap();
            let table = Policy::of(pool, &method, &limits).unwrap();
            assert_eq!(read, table, "{}", method.full_name());
        }
        assert_eq!(count, policy::METHODS.len());
    }

    #[test]
    fn a_time_is_above_zero_and_one_that_clocks_can_count() {
        let read = |seconds: i64, nanos: i32| {
            let mut stated = MethodPolicy::default();
            let time = stated.timeout.get_or_insert_default();
            (time.seconds, time.nanos) = (seconds, nanos);
            timeout(&stated)
        };
        assert_eq!(timeout(&MethodPolicy::default()), Ok(None));
        assert_eq!(read(2, 500_000_000), Ok(Some(Duration::from_millis(2500))));
        assert_eq!(read(315_576_000_000, 0), Ok(Some(LONGEST)));
        for (seconds, nanos) in [
            (0, 0),
            (-3, 0),
            (0, -1),
            (315_576_000_001, 0),
            (i64::MAX, 0),
        ] {
            assert!(read(seconds, nanos).is_err(), "{seconds} {nanos}");
        }
    }
}
