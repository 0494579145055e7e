//! Every method of a service, called as somebody who mayn't: the calls come from the contracts, so that no method is left out.

#![expect(clippy::panic, reason = "a test says what is wrong by failing")]

use std::collections::BTreeMap;

use bytes::{Buf, BufMut};
use mesh::Channel;
use prost_reflect::prost::Message;
use prost_reflect::{DynamicMessage, Kind, MessageDescriptor, MethodDescriptor, Value};
use tonic::client::Grpc;
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Code, Status};
use troupe_proto::policy::{self, Audience, MethodPolicy};
use troupe_proto::{Role, descriptor_pool};

use crate::stage::{Caller, Stage};

/// What requests name: values of fields, by the field's name. A field `id` of a message in a field `session` is `session_id`.
pub type Named = BTreeMap<&'static str, String>;

impl Stage {
    /// Calls every method that people may call as nobody, and every other one as a person: none of them answers.
    ///
    /// # Panics
    /// One does, or says something else than it should.
    pub async fn lets_nobody_in(&self, person: &Caller, named: &Named) {
        let nobody = self.nobody();
        for method in methods(self.server.role()) {
            let (who, expected) = match method.audience {
                Audience::Public => continue,
                Audience::Service => (person, Code::Unimplemented),
                _ => (&nobody, Code::Unauthenticated),
            };
            let answer = call(who, method.path, request_of(method.path, named)).await;
            let code = answer.err().map(|status| status.code());
            assert_eq!(code, Some(expected), "{} by nobody", method.path);
        }
    }

    /// Calls every method that people may call, each as a person who has nothing, naming `things` of somebody else. What names
    /// one finds nothing, and no other one shows any. `named` are the other values of the requests.
    ///
    /// # Panics
    /// A stranger is told something.
    pub async fn shows_strangers_nothing(
        &self,
        mut stranger: impl AsyncFnMut() -> Caller,
        things: &Named,
        named: &Named,
    ) {
        let mut all = named.clone();
        all.extend(things.iter().map(|(name, id)| (*name, id.clone())));
        for method in methods_of_people(self.server.role()) {
            let (path, request) = (method.path, request_of(method.path, &all));
            let names_a_thing = has_one(&request, things) && !is_filtered(path, things);
            match call(&stranger().await, path, request).await {
                Err(status) if names_a_thing => {
                    assert_eq!(status.code(), Code::NotFound, "{path}: {status}");
                }
                Ok(answer) => assert!(
                    !names_a_thing && !has_one(&answer, things),
                    "{path} shows a stranger what isn't theirs"
                ),
                Err(status) => panic!("{path} refuses a person: {status}"),
            }
        }
    }

    /// Calls every method that people may call and whose request names one of these things, but for those that a person may call who
    /// only sees them: each refuses that person by their right, or finds nothing.
    ///
    /// # Panics
    /// One does what it is asked, or refuses it for another reason.
    pub async fn refuses_all_but(
        &self,
        may: &[&str],
        person: &Caller,
        things: &Named,
        named: &Named,
    ) {
        let mut all = named.clone();
        all.extend(things.iter().map(|(name, id)| (*name, id.clone())));
        let mut wrong = Vec::new();
        for method in methods_of_people(self.server.role()) {
            let (path, request) = (method.path, request_of(method.path, &all));
            let may_call = may.iter().any(|name| path.ends_with(&format!("/{name}")));
            if may_call || !has_one(&request, things) || is_filtered(path, things) {
                continue;
            }
            let answer = call(person, path, request).await;
            let code = answer.as_ref().err().map(Status::code);
            if !matches!(code, Some(Code::PermissionDenied | Code::NotFound)) {
                wrong.push((path, answer));
            }
        }
        assert!(wrong.is_empty(), "{wrong:?}");
    }
}

/// Whether a message names one of these things.
fn has_one(bytes: &[u8], things: &Named) -> bool {
    let text = String::from_utf8_lossy(bytes);
    things.values().any(|id| text.contains(id.as_str()))
}

fn methods_of_people(role: Role) -> impl Iterator<Item = &'static MethodPolicy> {
    methods(role).filter(|method| method.audience == Audience::User)
}

fn methods(role: Role) -> impl Iterator<Item = &'static MethodPolicy> {
    policy::METHODS
        .iter()
        .filter(move |method| method.role == role)
}

/// Whether a method lists what belongs to things, and isn't a list of one of them: no thing is in its HTTP path.
fn is_filtered(path: &str, things: &Named) -> bool {
    let method = method_of(path);
    let http = descriptor_pool().get_extension_by_name("google.api.http");
    let options = method.options();
    let http = http.map(|http| options.get_extension(&http).into_owned());
    let http = http.as_ref().and_then(Value::as_message);
    let path = http.and_then(|http| http.get_field_by_name("get"));
    let path = path.as_ref().and_then(|path| path.as_str()).unwrap_or("");
    let names = |field: &&str| path.contains(&format!("{{{field}}}"));
    method.name().starts_with("List") && !things.keys().any(names)
}

/// The request of a method, with the values that there are for its fields.
pub(crate) fn request_of(path: &str, named: &Named) -> Vec<u8> {
    let method = method_of(path);
    // What is made has no id yet.
    let ids = !method.name().starts_with("Create");
    filled(method.input(), "", Values { of: named, ids }).encode_to_vec()
}

#[derive(Clone, Copy)]
struct Values<'n> {
    of: &'n Named,
    /// Whether messages within the request name things.
    ids: bool,
}

fn method_of(path: &str) -> MethodDescriptor {
    find(path).unwrap_or_else(|| panic!("{path} isn't in the contracts"))
}

fn find(path: &str) -> Option<MethodDescriptor> {
    let (service, method) = path.strip_prefix('/')?.split_once('/')?;
    let service = descriptor_pool().get_service_by_name(service)?;
    service.methods().find(|found| found.name() == method)
}

/// A message whose fields have the values of their names.
fn filled(descriptor: MessageDescriptor, within: &str, values: Values<'_>) -> DynamicMessage {
    let mut message = DynamicMessage::new(descriptor.clone());
    for field in descriptor.fields() {
        let name = match (within, field.name()) {
            (within, "id") if !within.is_empty() && !values.ids => continue,
            (within, "id") if !within.is_empty() => format!("{within}_id"),
            (_, name) => name.to_owned(),
        };
        match field.kind() {
            Kind::String if field.is_list() && within.is_empty() => {
                // `message_ids` has what `message_id` would have.
                let one = name.strip_suffix('s').and_then(|one| values.of.get(one));
                let list = one.map(|text| Value::String(text.clone()));
                message.set_field(&field, Value::List(list.into_iter().collect()));
            }
            _ if field.is_list() || field.is_map() => {}
            Kind::String => {
                if let Some(text) = values.of.get(name.as_str()) {
                    message.set_field(&field, Value::String(text.clone()));
                }
            }
            Kind::Bytes => {
                if let Some(text) = values.of.get(name.as_str()) {
                    let bytes = text.clone().into_bytes().into();
                    message.set_field(&field, Value::Bytes(bytes));
                }
            }
            Kind::Message(inner) if within.is_empty() && is_ours(&inner) => {
                let inner = filled(inner, field.name(), values);
                if inner.fields().next().is_some() {
                    message.set_field(&field, Value::Message(inner));
                }
            }
            _ => {}
        }
    }
    message
}

/// Of ours, or the body of a file.
fn is_ours(message: &MessageDescriptor) -> bool {
    let name = message.full_name();
    name.starts_with("troupe.") || name == "google.api.HttpBody"
}

/// Makes a call, and gives the first answer as it is on the wire.
pub(crate) async fn call(
    who: &Caller,
    path: &'static str,
    request: Vec<u8>,
) -> Result<Vec<u8>, Status> {
    let mut client: Grpc<Channel> =
        Grpc::new(who.channel.clone()).max_decoding_message_size(32 << 20);
    let _ready = client.ready().await;
    let path = http::uri::PathAndQuery::from_static(path);
    let answer = client.server_streaming(who.ask(request), path, Bytes);
    let first = answer.await?.into_inner().message().await?;
    Ok(first.unwrap_or_default())
}

/// Messages as they are on the wire.
#[derive(Debug, Clone, Copy)]
struct Bytes;

impl Codec for Bytes {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put_slice(&item);
        Ok(())
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::default()
    }
}

impl Decoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let mut bytes = vec![0; from.remaining()];
        from.copy_to_slice(&mut bytes);
        Ok(Some(bytes))
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::default()
    }
}
