//! Descriptors cut down to what strangers may know: methods that clients may call, and the messages and enums that these need.
//! Comments and options of our own go, and with them what only they need of other files.

use std::collections::{BTreeMap, BTreeSet};

use prost_reflect::prost_types::{DescriptorProto, FileDescriptorProto, FileDescriptorSet};
use prost_reflect::{
    DescriptorPool, EnumDescriptor, FileDescriptor, Kind, MessageDescriptor, MethodDescriptor,
    ServiceDescriptor,
};

/// The descriptors of the methods of some services that hold.
pub(super) fn descriptors(
    pool: &DescriptorPool,
    is_public: impl Fn(&ServiceDescriptor) -> bool,
    is_for_clients: impl Fn(&MethodDescriptor) -> bool,
) -> FileDescriptorSet {
    let mut needed = Needed::default();
    for service in pool.services().filter(|service| is_public(service)) {
        for method in service.methods().filter(|method| is_for_clients(method)) {
            needed.method(&method);
        }
    }
    let files = pool.files().map(|file| needed.file(&file));
    FileDescriptorSet {
        file: files.filter(|file| !is_empty(file)).collect(),
    }
}

/// What methods need.
#[derive(Debug, Default)]
struct Needed {
    methods: BTreeSet<String>,
    /// Messages and enums that lie in no other.
    types: BTreeSet<String>,
    /// By file, the files that it needs.
    imports: BTreeMap<String, BTreeSet<String>>,
}

impl Needed {
    fn method(&mut self, method: &MethodDescriptor) {
        self.methods.insert(method.full_name().to_owned());
        let file = method.parent_service().parent_file();
        for message in [method.input(), method.output()] {
            self.import(&file, &message.parent_file());
            self.message(&message);
        }
    }

    /// Adds a message with all that it lies in, since that can't do without it.
    fn message(&mut self, message: &MessageDescriptor) {
        let mut outermost = message.clone();
        while let Some(outer) = outermost.parent_message() {
            outermost = outer;
        }
        // Messages may nest in themselves.
        if self.types.insert(outermost.full_name().to_owned()) {
            self.parts(&outermost);
        }
    }

    fn parts(&mut self, message: &MessageDescriptor) {
        for field in message.fields() {
            match field.kind() {
                Kind::Message(kind) => {
                    self.import(&message.parent_file(), &kind.parent_file());
                    self.message(&kind);
                }
                Kind::Enum(kind) => {
                    self.import(&message.parent_file(), &kind.parent_file());
                    self.enumeration(&kind);
                }
                _ => {}
            }
        }
        message
            .child_messages()
            .for_each(|child| self.parts(&child));
    }

    fn enumeration(&mut self, kind: &EnumDescriptor) {
        match kind.parent_message() {
            Some(outer) => self.message(&outer),
            None => _ = self.types.insert(kind.full_name().to_owned()),
        }
    }

    fn import(&mut self, file: &FileDescriptor, other: &FileDescriptor) {
        if file != other {
            let imports = self.imports.entry(file.name().to_owned()).or_default();
            imports.insert(other.name().to_owned());
        }
    }

    /// What is needed of a file.
    fn file(&self, file: &FileDescriptor) -> FileDescriptorProto {
        let mut rest = file.file_descriptor_proto().clone();
        let package = file.package_name();
        let has = |name: &str| self.types.contains(&within(package, name));
        rest.message_type.retain(|message| has(message.name()));
        rest.enum_type.retain(|kind| has(kind.name()));
        rest.message_type.iter_mut().for_each(drop_extensions);
        for service in &mut rest.service {
            let name = within(package, service.name());
            let is_needed = |method: &str| self.methods.contains(&within(&name, method));
            service.method.retain(|method| is_needed(method.name()));
        }
        rest.service.retain(|service| !service.method.is_empty());
        let imports = self.imports.get(file.name());
        rest.dependency = imports.into_iter().flatten().cloned().collect();
        rest.public_dependency.clear();
        rest.weak_dependency.clear();
        rest.extension.clear();
        rest.source_code_info = None;
        rest
    }
}

fn is_empty(file: &FileDescriptorProto) -> bool {
    file.message_type.is_empty() && file.enum_type.is_empty() && file.service.is_empty()
}

fn within(outer: &str, name: &str) -> String {
    match outer {
        "" => name.to_owned(),
        outer => format!("{outer}.{name}"),
    }
}

/// Removes what a message says of others.
fn drop_extensions(message: &mut DescriptorProto) {
    message.extension.clear();
    message.nested_type.iter_mut().for_each(drop_extensions);
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;

    fn of_troupe() -> FileDescriptorSet {
        let table = troupe_proto::policy::find;
        descriptors(
            troupe_proto::descriptor_pool(),
            |service| service.package_name().starts_with("troupe."),
            |method| {
                let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
                table(&path).is_some_and(|it| it.callers.is_empty())
            },
        )
    }

    #[test]
    fn nothing_is_shown_but_what_clients_may_call_and_what_that_needs() {
        let set = of_troupe();
        let size = set.encoded_len();
        // Whoever asks for all of it gets no more than this.
        assert!(size < 80 * 1024, "{size}");
        // Everything that is named is there.
        let pool = DescriptorPool::from_file_descriptor_set(set).unwrap();
        let shown: BTreeSet<String> = pool
            .services()
            .flat_map(|service| service.methods().collect::<Vec<_>>())
            .map(|method| format!("/{}/{}", method.parent_service().full_name(), method.name()))
            .collect();
        for method in troupe_proto::policy::METHODS {
            let is_open = method.callers.is_empty();
            assert_eq!(shown.contains(method.path), is_open, "{}", method.path);
        }
        for hidden in [
            "troupe.users.v1.WatchAccessRequest",
            "troupe.ai.v1.GenerateRequest",
            "troupe.options.v1.MethodPolicy",
            "buf.validate.FieldRules",
        ] {
            assert!(pool.get_message_by_name(hidden).is_none(), "{hidden}");
        }
        assert!(pool.files().all(|file| file.extensions().len() == 0));
    }

    #[test]
    fn messages_stay_whole() {
        let pool = DescriptorPool::from_file_descriptor_set(of_troupe()).unwrap();
        for message in pool.all_messages() {
            let own = troupe_proto::descriptor_pool().get_message_by_name(message.full_name());
            let names = |message: &MessageDescriptor| {
                let fields = message.fields();
                fields
                    .map(|field| field.full_name().to_owned())
                    .collect::<Vec<_>>()
            };
            assert_eq!(names(&message), names(&own.unwrap()));
        }
    }
}
