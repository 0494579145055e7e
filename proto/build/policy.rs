//! Emits the policy table from the method option `troupe.options.v1.policy`.

use std::fmt::Write;

use anyhow::{Context, Result, bail, ensure};
use prost_reflect::prost_types::method_options::IdempotencyLevel;
use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor, ReflectMessage, Value};

use super::deprecation::Deprecation;
use super::{behaviour, deletions, lists, reasons};

const DEFAULT_MAX_REQUEST_BYTES: u32 = 65_536;

/// The expression of the table: an array of `MethodPolicy`, sorted by path.
pub fn emit(pool: &DescriptorPool) -> Result<String> {
    let mut methods: Vec<MethodDescriptor> = pool
        .services()
        .filter(|s| s.package_name().starts_with("troupe."))
        .flat_map(|s| s.methods().collect::<Vec<_>>())
        .collect();
    methods.sort_by_key(path);

    let mut code = String::from("&[\n");
    for method in &methods {
        let entry =
            entry(pool, method).with_context(|| format!("method {}", method.full_name()))?;
        code.push_str(&entry);
    }
    code.push_str("]\n");
    Ok(code)
}

fn path(method: &MethodDescriptor) -> String {
    format!("/{}/{}", method.parent_service().full_name(), method.name())
}

/// The role that a package names: `troupe.users.v1`.
fn role_of(method: &MethodDescriptor) -> Result<String> {
    let service = method.parent_service();
    let name = service.package_name().split('.').nth(1);
    name.map(role).context("the package names no role")
}

/// A role as Rust has it: one that isn't there doesn't compile.
fn role(name: &str) -> String {
    format!("Role::{}", variant(name, ""))
}

fn entry(pool: &DescriptorPool, method: &MethodDescriptor) -> Result<String> {
    lists::check(method)?;
    deletions::check(pool, method)?;
    behaviour::check(pool, &method.input())?;
    let policy = policy_of(pool, method)?;
    let audience = enum_name(pool, &policy, "audience")?;
    let rate_class = enum_name(pool, &policy, "rate_class")?;
    let callers: Vec<String> = strings(&policy, "callers");
    let timeout = millis(&policy)?;
    check(pool, method, &policy)?;

    let max_request_bytes = match number(&policy, "max_request_bytes") {
        0 => DEFAULT_MAX_REQUEST_BYTES,
        n => n,
    };
    let mut code = String::new();
    writeln!(code, "MethodPolicy {{")?;
    writeln!(code, "    path: {:?},", path(method))?;
    writeln!(code, "    role: {},", role_of(method)?)?;
    writeln!(
        code,
        "    audience: Audience::{},",
        variant(&audience, "AUDIENCE_")
    )?;
    writeln!(
        code,
        "    timeout: std::time::Duration::from_millis({timeout}),"
    )?;
    writeln!(code, "    idempotent: {},", flag(&policy, "idempotent"))?;
    writeln!(code, "    max_request_bytes: {max_request_bytes},")?;
    writeln!(
        code,
        "    rate_class: RateClass::{},",
        variant(&rate_class, "RATE_CLASS_")
    )?;
    writeln!(
        code,
        "    rate_cost: {},",
        number(&policy, "rate_cost").max(1)
    )?;
    let callers: Vec<String> = callers.iter().map(|name| role(name)).collect();
    writeln!(code, "    callers: &[{}],", callers.join(", "))?;
    let reasons = reasons::of_method(pool, method, &policy)?;
    writeln!(code, "    reasons: &[{}],", reasons.join(", "))?;
    let deprecation = deprecation_of(method, &policy)?;
    writeln!(code, "    deprecation: {deprecation:?},")?;
    writeln!(code, "    cookie: {:?},", cookie_of(&policy)?)?;
    writeln!(
        code,
        "    server_streaming: {},",
        method.is_server_streaming()
    )?;
    writeln!(code, "}},")?;
    Ok(code)
}

/// Fails where a policy leaves something out, or says what its method doesn't.
fn check(pool: &DescriptorPool, method: &MethodDescriptor, policy: &DynamicMessage) -> Result<()> {
    let audience = enum_name(pool, policy, "audience")?;
    let rate_class = enum_name(pool, policy, "rate_class")?;
    let callers = strings(policy, "callers");
    ensure!(
        audience != "AUDIENCE_UNSPECIFIED",
        "policy.audience is missing"
    );
    ensure!(
        rate_class != "RATE_CLASS_UNSPECIFIED",
        "policy.rate_class is missing"
    );
    ensure!(millis(policy)? > 0, "policy.timeout is missing");
    if audience == "AUDIENCE_SERVICE" {
        ensure!(
            !callers.is_empty(),
            "policy.callers must name the roles that may call it"
        );
        ensure!(
            !has_http_rule(pool, method),
            "a method for services has no HTTP mapping"
        );
    } else {
        ensure!(
            callers.is_empty(),
            "policy.callers is for AUDIENCE_SERVICE only"
        );
        ensure!(has_http_rule(pool, method), "google.api.http is missing");
        ensure!(
            is_get(pool, method) == has_no_side_effects(method) || method.is_server_streaming(),
            "idempotency_level is NO_SIDE_EFFECTS where google.api.http says get, and only there"
        );
    }
    ensure!(
        flag(policy, "idempotent")
            || matches!(&*audience, "AUDIENCE_SERVICE" | "AUDIENCE_PUBLIC")
            || method.input().get_field_by_name("request_id").is_some(),
        "a method that isn't idempotent has a request_id"
    );
    Ok(())
}

pub fn policy_of(pool: &DescriptorPool, method: &MethodDescriptor) -> Result<DynamicMessage> {
    let extension = pool
        .get_extension_by_name("troupe.options.v1.policy")
        .context("extension troupe.options.v1.policy")?;
    let options = method.options();
    if !options.has_extension(&extension) {
        bail!("has no option (troupe.options.v1.policy)");
    }
    let policy = options.get_extension(&extension).as_message().cloned();
    policy.context("policy is not a message")
}

fn has_http_rule(pool: &DescriptorPool, method: &MethodDescriptor) -> bool {
    pool.get_extension_by_name("google.api.http")
        .is_some_and(|http| method.options().has_extension(&http))
}

fn is_get(pool: &DescriptorPool, method: &MethodDescriptor) -> bool {
    let http = pool.get_extension_by_name("google.api.http");
    let rule = http.map(|http| method.options().get_extension(&http).into_owned());
    let rule = rule.as_ref().and_then(Value::as_message);
    rule.is_some_and(|rule| rule.has_field_by_name("get"))
}

fn deprecation_of(
    method: &MethodDescriptor,
    policy: &DynamicMessage,
) -> Result<Option<Deprecation>> {
    let options = method.method_descriptor_proto().options.as_ref();
    let is_deprecated = options.is_some_and(|it| it.deprecated());
    let day = |field| text(policy, field);
    let deprecation = Deprecation::of(is_deprecated, &day("deprecated_since"), &day("sunset"));
    let deprecation = deprecation.map_err(anyhow::Error::msg)?;
    ensure!(
        deprecation.is_some() || !is_deprecated,
        "policy.deprecated_since is missing: a deprecated method says since when it is"
    );
    Ok(deprecation)
}

/// Browsers keep a cookie to its own host, and to HTTPS, by what its name begins with.
fn cookie_of(policy: &DynamicMessage) -> Result<Option<String>> {
    let name = text(policy, "cookie");
    if name.is_empty() {
        return Ok(None);
    }
    let own = name.strip_prefix("__Host-").unwrap_or_default();
    ensure!(
        !own.is_empty()
            && own
                .bytes()
                .all(|it| it.is_ascii_alphanumeric() || it == b'_'),
        "policy.cookie is __Host- and a name of letters, digits and underscores"
    );
    Ok(Some(name))
}

fn has_no_side_effects(method: &MethodDescriptor) -> bool {
    let options = method.method_descriptor_proto().options.as_ref();
    options.is_some_and(|it| it.idempotency_level() == IdempotencyLevel::NoSideEffects)
}

pub fn enum_name(pool: &DescriptorPool, policy: &DynamicMessage, field: &str) -> Result<String> {
    let descriptor = policy
        .descriptor()
        .get_field_by_name(field)
        .context("field")?;
    let kind = descriptor.kind();
    let kind = kind.as_enum().context("enum")?;
    let number = policy
        .get_field(&descriptor)
        .as_enum_number()
        .context("number")?;
    let kind = pool
        .get_enum_by_name(kind.full_name())
        .context("enum in pool")?;
    let value = kind
        .get_value(number)
        .with_context(|| format!("{field} has no value {number}"))?;
    Ok(value.name().to_owned())
}

/// `RATE_CLASS_READ` as prost names it: `Read`.
fn variant(name: &str, prefix: &str) -> String {
    let name = name.trim_start_matches(prefix);
    name[..1].to_uppercase() + &name[1..].to_lowercase()
}

fn millis(policy: &DynamicMessage) -> Result<i64> {
    let timeout = policy.get_field_by_name("timeout").context("timeout")?;
    let timeout = timeout.as_message().context("timeout is not a message")?;
    let part = |name| {
        timeout
            .get_field_by_name(name)
            .and_then(|v| v.as_i64().or(v.as_i32().map(i64::from)))
    };
    Ok(part("seconds").unwrap_or(0) * 1000 + part("nanos").unwrap_or(0) / 1_000_000)
}

pub fn number(policy: &DynamicMessage, field: &str) -> u32 {
    policy
        .get_field_by_name(field)
        .and_then(|v| v.as_u32())
        .unwrap_or(0)
}

pub fn flag(policy: &DynamicMessage, field: &str) -> bool {
    policy
        .get_field_by_name(field)
        .and_then(|v| v.as_bool())
        .unwrap_or(false)
}

fn text(policy: &DynamicMessage, field: &str) -> String {
    let value = policy.get_field_by_name(field);
    let text = value.as_deref().and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

pub fn strings(policy: &DynamicMessage, field: &str) -> Vec<String> {
    let value = policy.get_field_by_name(field);
    let list = value
        .as_deref()
        .and_then(Value::as_list)
        .unwrap_or_default();
    list.iter()
        .filter_map(|v| v.as_str().map(str::to_owned))
        .collect()
}
