//! `grpc.reflection.v1`, and the same under the name `v1alpha`, which older clients ask first: what can be called from outside,
//! and nothing else. What it doesn't know it says within the stream, which goes on.

use futures::StreamExt;
use futures::stream::BoxStream;
use http::Uri;
use prost::Message;
use prost_reflect::prost_types::FileDescriptorSet;
use prost_reflect::{DescriptorError, DescriptorPool, FileDescriptor};
use tonic::body::Body;
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::server_reflection_server::{
    ServerReflection, ServerReflectionServer,
};
use tonic_reflection::pb::v1::{
    ErrorResponse, ExtensionNumberResponse, FileDescriptorResponse, ListServiceResponse,
    ServerReflectionRequest, ServerReflectionResponse, ServiceResponse,
};

/// The path of the one method in `v1`, whose messages `v1alpha` has too.
const INFO: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

/// Answers with these descriptors.
pub(super) fn new(
    descriptors: FileDescriptorSet,
) -> Result<ServerReflectionServer<Reflection>, DescriptorError> {
    let pool = DescriptorPool::from_file_descriptor_set(descriptors)?;
    Ok(ServerReflectionServer::new(Reflection { pool }))
}

/// A request of `v1alpha` as one of `v1`.
pub(super) fn in_v1(mut request: http::Request<Body>) -> http::Request<Body> {
    *request.uri_mut() = Uri::from_static(INFO);
    request
}

#[derive(Debug, Clone)]
pub(super) struct Reflection {
    pool: DescriptorPool,
}

impl Reflection {
    fn answer(&self, request: ServerReflectionRequest) -> ServerReflectionResponse {
        let found = match &request.message_request {
            Some(question) => self.found(question),
            None => Err(refusal(
                Code::InvalidArgument,
                "the request asks for nothing",
            )),
        };
        ServerReflectionResponse {
            valid_host: request.host.clone(),
            message_response: Some(found.unwrap_or_else(MessageResponse::ErrorResponse)),
            original_request: Some(request),
        }
    }

    fn found(&self, question: &MessageRequest) -> Result<MessageResponse, ErrorResponse> {
        let unknown = |name: &str| {
            let shown: String = name.chars().take(200).collect();
            refusal(Code::NotFound, &format!("{shown} is not known here"))
        };
        match question {
            MessageRequest::FileByFilename(name) => {
                let file = self.pool.get_file_by_name(name);
                file.map(content).ok_or_else(|| unknown(name))
            }
            MessageRequest::FileContainingSymbol(name) => {
                let file = self.file_of(name);
                file.map(content).ok_or_else(|| unknown(name))
            }
            MessageRequest::FileContainingExtension(asked) => Err(unknown(&format!(
                "the extension {} of {}",
                asked.extension_number, asked.containing_type
            ))),
            // Extensions are not shown, so that there are none.
            MessageRequest::AllExtensionNumbersOfType(name) => {
                let is_known = self.pool.get_message_by_name(name).is_some();
                let answer = || ExtensionNumberResponse {
                    base_type_name: name.clone(),
                    extension_number: Vec::new(),
                };
                match is_known {
                    true => Ok(MessageResponse::AllExtensionNumbersResponse(answer())),
                    false => Err(unknown(name)),
                }
            }
            MessageRequest::ListServices(_) => {
                let names = self.pool.services().map(|it| it.full_name().to_owned());
                let service = names.map(|name| ServiceResponse { name }).collect();
                let list = ListServiceResponse { service };
                Ok(MessageResponse::ListServicesResponse(list))
            }
        }
    }

    /// The file with a message, an enum, a service, or something in one of these.
    fn file_of(&self, symbol: &str) -> Option<FileDescriptor> {
        let pool = &self.pool;
        let message = pool.get_message_by_name(symbol);
        let kind = pool.get_enum_by_name(symbol);
        let service = pool.get_service_by_name(symbol);
        message
            .map(|it| it.parent_file())
            .or_else(|| kind.map(|it| it.parent_file()))
            .or_else(|| service.map(|it| it.parent_file()))
            .or_else(|| self.file_of_part(symbol))
    }

    fn file_of_part(&self, symbol: &str) -> Option<FileDescriptor> {
        let (outer, name) = symbol.rsplit_once('.')?;
        if let Some(service) = self.pool.get_service_by_name(outer) {
            let has = service.methods().any(|it| it.name() == name);
            return has.then(|| service.parent_file());
        }
        if let Some(message) = self.pool.get_message_by_name(outer) {
            let has_field = message.get_field_by_name(name).is_some();
            if has_field || message.oneofs().any(|it| it.name() == name) {
                return Some(message.parent_file());
            }
        }
        // The values of an enum stand beside it.
        let mut enums = self.pool.all_enums().filter(|kind| {
            let beside = kind.full_name().rsplit_once('.');
            let is_beside = beside.is_some_and(|(around, _)| around == outer);
            (is_beside || kind.full_name() == outer) && kind.get_value_by_name(name).is_some()
        });
        enums.next().map(|kind| kind.parent_file())
    }
}

#[tonic::async_trait]
impl ServerReflection for Reflection {
    type ServerReflectionInfoStream = BoxStream<'static, Result<ServerReflectionResponse, Status>>;

    async fn server_reflection_info(
        &self,
        request: Request<Streaming<ServerReflectionRequest>>,
    ) -> Result<Response<Self::ServerReflectionInfoStream>, Status> {
        let own = self.clone();
        let answers = request.into_inner();
        let answers = answers.map(move |request| match request {
            Ok(request) => Ok(own.answer(request)),
            Err(status) => Err(super::unread(status)),
        });
        Ok(Response::new(answers.boxed()))
    }
}

fn content(file: FileDescriptor) -> MessageResponse {
    let file = file.file_descriptor_proto().encode_to_vec();
    MessageResponse::FileDescriptorResponse(FileDescriptorResponse {
        file_descriptor_proto: vec![file],
    })
}

fn refusal(code: Code, message: &str) -> ErrorResponse {
    ErrorResponse {
        error_code: code.into(),
        error_message: message.to_owned(),
    }
}
