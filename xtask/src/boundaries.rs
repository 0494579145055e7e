//! Which of our crates may know which: services not one another, the gateway no service, neither of them how processes
//! reach one another, what all stand on nobody above it.

use anyhow::{Result, bail};

use crate::metadata::{self, Package};
use crate::workspace::Workspace;

const PROTO: &str = "troupe-proto";
const PLATFORM: &str = "troupe-platform";
const STORAGE: &str = "troupe-storage";
const EVENTS: &str = "troupe-events";
const VECTORS: &str = "troupe-vectors";
const REDIS: &str = "troupe-redis";
const SERVICE: &str = "troupe-service";
const MESH: &str = "troupe-mesh";
const WIRE: &str = "troupe-wire";
const ENGINE: &str = "troupe-engine";
const OUTBOUND: &str = "troupe-outbound";
const TESTKIT: &str = "troupe-testkit";

/// Folders and the crates of ours that a crate there may depend on. Crates elsewhere may know all.
const RULES: &[(&str, &[&str])] = &[
    ("proto", &[]),
    ("crates/engine", &[]),
    ("crates/outbound", &[]),
    ("crates/platform", &[PROTO]),
    ("crates/storage", &[PROTO, PLATFORM]),
    ("crates/events", &[PROTO, PLATFORM, STORAGE]),
    ("crates/vectors", &[PLATFORM, STORAGE]),
    ("crates/redis", &[PLATFORM]),
    ("crates/mesh", &[PROTO, PLATFORM]),
    ("crates/wire", &[PROTO, PLATFORM, MESH]),
    ("crates/service", SERVICE_STANDS_ON),
    (
        "crates/testkit",
        &[PROTO, PLATFORM, STORAGE, EVENTS, REDIS, MESH, SERVICE],
    ),
    ("services/ai", AI_KNOWS),
    ("services/", SERVICES_KNOW),
    ("gateway", &[PROTO, PLATFORM, REDIS, MESH]),
];

/// What a service is built from.
const SERVICE_STANDS_ON: &[&str] = &[PROTO, PLATFORM, STORAGE, EVENTS, VECTORS, REDIS, MESH];
/// What every service may use; each names what it does.
const SERVICES_KNOW: &[&str] = &[
    PROTO, PLATFORM, STORAGE, EVENTS, VECTORS, REDIS, MESH, SERVICE, OUTBOUND,
];
/// And the one that runs models in the process.
const AI_KNOWS: &[&str] = &[
    PROTO, PLATFORM, STORAGE, EVENTS, VECTORS, REDIS, MESH, SERVICE, OUTBOUND, ENGINE,
];

/// Crates of ours that the tests of every crate may know.
const FOR_TESTS: [&str; 2] = [TESTKIT, WIRE];

/// A crate of ours, where it stands and what it depends on.
struct Crate {
    name: String,
    folder: String,
    /// Name, and whether only its tests know it.
    dependencies: Vec<(String, bool)>,
}

/// Checks every crate of the workspace.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let packages = metadata::ours(workspace)?;
    let crates: Vec<Crate> = packages
        .iter()
        .map(|p| Crate::new(p, workspace))
        .collect::<Result<_>>()?;
    let violations = violations(&crates);
    if !violations.is_empty() {
        bail!(
            "{}\ncall it through its generated client instead",
            violations.join("\n")
        );
    }
    println!("{} crates keep to their boundaries", crates.len());
    Ok(())
}

impl Crate {
    fn new(package: &Package, workspace: &Workspace) -> Result<Self> {
        let dependencies = package.dependencies.iter();
        let is_dev = |kind: &Option<String>| kind.as_deref() == Some("dev");
        Ok(Self {
            name: package.name.clone(),
            folder: package.folder(workspace.root())?,
            dependencies: dependencies
                .map(|d| (d.name.clone(), is_dev(&d.kind)))
                .collect(),
        })
    }

    /// What it may know of ours, if there is a rule for it.
    fn allowed(&self) -> Option<&'static [&'static str]> {
        let applies = |rule: &str| match rule.strip_suffix('/') {
            Some(parent) => self.folder.starts_with(parent),
            None => self.folder == rule,
        };
        RULES
            .iter()
            .find(|(folder, _)| applies(folder))
            .map(|(_, allowed)| *allowed)
    }
}

fn violations(crates: &[Crate]) -> Vec<String> {
    let mut found = Vec::new();
    for one in crates {
        let Some(allowed) = one.allowed() else {
            continue;
        };
        for (name, only_tests) in &one.dependencies {
            let is_ours = crates.iter().any(|c| c.name == *name);
            let is_for_tests = *only_tests && FOR_TESTS.contains(&name.as_str());
            let is_allowed = is_for_tests || allowed.contains(&name.as_str());
            if is_ours && !is_allowed {
                found.push(format!(
                    "{} ({}) must not depend on {name}",
                    one.name, one.folder
                ));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn krate(folder: &str, name: &str, dependencies: &[(&str, bool)]) -> Crate {
        let dependencies = dependencies
            .iter()
            .map(|(n, dev)| ((*n).to_owned(), *dev))
            .collect();
        Crate {
            name: name.to_owned(),
            folder: folder.to_owned(),
            dependencies,
        }
    }

    fn workspace_with(changed: Crate) -> Vec<String> {
        let mut crates = vec![
            krate("proto", PROTO, &[]),
            krate("crates/platform", PLATFORM, &[(PROTO, false)]),
            krate("crates/mesh", MESH, &[(PLATFORM, false)]),
            krate("crates/wire", WIRE, &[(MESH, false)]),
            krate("crates/testkit", TESTKIT, &[]),
            krate(
                "services/users",
                "troupe-users",
                &[(MESH, false), ("serde", false)],
            ),
            krate(
                "services/ai",
                "troupe-ai",
                &[(MESH, false), (TESTKIT, true)],
            ),
            krate("gateway", "troupe-gateway", &[(MESH, false), (WIRE, true)]),
            krate(
                "troupe",
                "troupe",
                &[
                    ("troupe-users", false),
                    ("troupe-gateway", false),
                    (WIRE, false),
                ],
            ),
        ];
        crates.retain(|c| c.name != changed.name);
        crates.push(changed);
        violations(&crates)
    }

    #[test]
    fn accepts_the_graph_of_the_design() {
        assert_eq!(
            workspace_with(krate("proto", PROTO, &[])),
            Vec::<String>::new()
        );
    }

    #[test]
    fn refuses_a_service_that_depends_on_another() {
        let users = krate("services/users", "troupe-users", &[("troupe-ai", false)]);
        let expected = "troupe-users (services/users) must not depend on troupe-ai";
        assert_eq!(workspace_with(users), [expected]);
    }

    #[test]
    fn refuses_a_service_that_knows_another_only_in_its_tests() {
        let users = krate("services/users", "troupe-users", &[("troupe-ai", true)]);
        assert_eq!(workspace_with(users).len(), 1);
    }

    #[test]
    fn refuses_a_gateway_that_depends_on_a_service() {
        let gateway = krate("gateway", "troupe-gateway", &[("troupe-users", false)]);
        assert_eq!(workspace_with(gateway).len(), 1);
    }

    #[test]
    fn refuses_who_ships_how_processes_reach_one_another() {
        let gateway = krate("gateway", "troupe-gateway", &[(WIRE, false)]);
        assert_eq!(workspace_with(gateway).len(), 1);
        let users = krate("services/users", "troupe-users", &[(WIRE, false)]);
        assert_eq!(workspace_with(users).len(), 1);
        let mesh = krate("crates/mesh", MESH, &[(WIRE, false)]);
        assert_eq!(workspace_with(mesh).len(), 1);
    }

    #[test]
    fn refuses_foundations_that_know_what_stands_on_them() {
        assert_eq!(
            workspace_with(krate("proto", PROTO, &[(MESH, false)])).len(),
            1
        );
        assert_eq!(
            workspace_with(krate("crates/platform", PLATFORM, &[(MESH, false)])).len(),
            1
        );
    }

    #[test]
    fn refuses_a_service_that_ships_the_testkit() {
        let ai = krate("services/ai", "troupe-ai", &[(TESTKIT, false)]);
        assert_eq!(workspace_with(ai).len(), 1);
    }
}
