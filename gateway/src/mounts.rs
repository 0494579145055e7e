//! Services of other makers, as the configuration names them.

use std::collections::HashMap;

use http::Uri;
use mesh::Channel;
use prost_reflect::DescriptorPool;

use crate::catalog::BuildError;
use crate::config::{Config, ConfigError};

/// Adds the descriptors and the upstreams that the configuration names. `connect` makes the channel to an upstream, from the
/// service's name and the upstream's address.
///
/// # Errors
/// Where the file can't be read or isn't a set of descriptors with all imports, and where an upstream is malformed, or
/// names a service that the descriptors lack.
pub fn mount(
    config: &Config,
    pool: &mut DescriptorPool,
    channels: &mut HashMap<String, Channel>,
    connect: impl Fn(&str, Uri) -> Channel,
) -> Result<(), BuildError> {
    if let Some(path) = &config.descriptor_set {
        let failed = |reason: String| BuildError::DescriptorSet {
            path: path.display().to_string(),
            reason,
        };
        let encoded =
            std::fs::read(path).map_err(|error| failed(format!("can't be read: {error}")))?;
        pool.decode_file_descriptor_set(encoded.as_slice())
            .map_err(|error| {
                failed(format!(
                    "can't be used (make it with imports and source info): {error}"
                ))
            })?;
    }
    for (service, uri) in config.upstream_uris()? {
        if config.descriptor_set.is_some() && pool.get_service_by_name(&service).is_none() {
            let known: Vec<_> = pool
                .services()
                .map(|it| it.full_name().to_owned())
                .collect();
            let reason = format!(
                "names the service {service}, which the descriptors lack; they have {}",
                known.join(", ")
            );
            return Err(ConfigError::new("upstreams", reason).into());
        }
        let channel = connect(&service, uri);
        channels.insert(service, channel);
    }
    Ok(())
}
