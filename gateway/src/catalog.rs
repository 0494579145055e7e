//! What the gateway routes to: the methods of the descriptors that have an upstream, and their HTTP bindings.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use http::header::ACCESS_CONTROL_REQUEST_METHOD;
use http::{Request, Response, Uri};
use mesh::{Channel, SessionStream};
use prost_reflect::{DescriptorPool, MethodDescriptor};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::ServiceExt;
use troupe_proto::policy::{self, Audience};

use crate::config::{ConfigError, Limits, Overload};
use crate::cookie;
use crate::notices::Farewell;
use crate::openai::Facade;
use crate::overload::Load;
use crate::policy::Policy;
use crate::refusal;
use crate::route::{Lookup, Template, Tree};
use crate::rule::{self, Rule};
use crate::schema::{MessageId, Schema};
use crate::transcode::Plan;

/// The gateway can't be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A value of the configuration can't be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A contract's HTTP binding can't be used.
    #[error("the method {method}, bound to `{template}`, {reason}")]
    Binding {
        /// The method's full name.
        method: String,
        /// The path template, or nothing where the option itself is wrong.
        template: String,
        /// What is wrong.
        reason: String,
    },
    /// A mounted contract asks for what the gateway can't hold calls to.
    #[error("the method {method} {reason}")]
    Policy {
        /// The method's full name.
        method: String,
        /// What it asks for.
        reason: String,
    },
    /// The file of descriptors can't be used.
    #[error("the descriptor set {path} {reason}")]
    DescriptorSet {
        /// The file.
        path: String,
        /// What is wrong.
        reason: String,
    },
}

/// Methods and bindings.
#[derive(Debug)]
pub(crate) struct Catalog {
    /// Messages and enums of all methods.
    pub(crate) schema: Schema,
    tree: Tree,
    bindings: Vec<Binding>,
    methods: HashMap<Box<str>, Arc<Method>>,
    /// Full names of the services that have an upstream and descriptors.
    services: HashSet<Box<str>>,
    /// Services that have an upstream and no descriptors; gRPC passes to them.
    opaque: HashMap<Box<str>, (Channel, Arc<Load>)>,
    /// OpenAI's API, where what stands behind it has an upstream.
    pub(crate) openai: Option<Facade>,
}

/// An HTTP form of a method.
#[derive(Debug)]
pub(crate) struct Binding {
    /// The method.
    pub(crate) method: Arc<Method>,
    /// The path template, as the contract has it.
    pub(crate) template: Arc<str>,
    /// How messages are filled and returned.
    pub(crate) plan: Arc<Plan>,
}

/// A method that can be called.
#[derive(Debug)]
pub(crate) struct Method {
    /// Its gRPC path: `/package.Service/Method`.
    pub(crate) path: Arc<str>,
    /// The same, as requests carry it.
    pub(crate) uri: Uri,
    /// Whether requests are streams.
    pub(crate) client_streaming: bool,
    /// Whether answers are streams.
    pub(crate) server_streaming: bool,
    /// Whether its contract says that it changes nothing.
    pub(crate) reads: bool,
    /// How whole messages are filled and returned; absent where there are no descriptors.
    pub(crate) plan: Option<Arc<Plan>>,
    /// What a call must keep to.
    pub(crate) policy: Policy,
    /// What answers say of its end, if it is deprecated.
    pub(crate) farewell: Option<Arc<Farewell>>,
    /// Where it is served.
    pub(crate) channel: Channel,
    /// How much is asked of it.
    pub(crate) load: Arc<Load>,
}

impl Method {
    /// Calls it. The answer of a stream ends with its caller's login session.
    ///
    /// # Errors
    /// There is no answer: the server can't be reached or broke off, or the session has ended.
    pub(crate) async fn call(
        &self,
        request: Request<Body>,
        stream: Option<SessionStream>,
    ) -> Result<Response<Body>, Status> {
        let keeps_cookie = request.headers().contains_key(mesh::context::COOKIE);
        let answer = self.channel.clone().oneshot(request);
        let mut answer = match stream {
            Some(stream) => stream.over(answer).await?,
            None => answer.await,
        };
        if let Ok(answer) = &mut answer {
            let own = self.policy.cookie.as_deref();
            cookie::settle(answer.headers_mut(), own.filter(|_| keeps_cookie));
        }
        answer.map_err(|cause| match refusal::from_upstream(cause) {
            late if late.code() == Code::DeadlineExceeded => late,
            cause => self.unreachable(&cause),
        })
    }

    /// What a client is told where the method's server can't be reached, or the connection to it broke.
    pub(crate) fn unreachable(&self, cause: &Status) -> Status {
        refusal::unreachable(self.channel.server_name(), cause)
    }
}

impl Catalog {
    /// Gathers the methods of `pool` whose service has a channel, but for those that only services may call.
    pub(crate) fn new(
        pool: &DescriptorPool,
        mut channels: HashMap<String, Channel>,
        limits: &Limits,
        overload: &Overload,
    ) -> Result<Self, BuildError> {
        let mut catalog = Self {
            schema: Schema::new(pool),
            tree: Tree::new(),
            bindings: Vec::new(),
            methods: HashMap::new(),
            services: HashSet::new(),
            opaque: HashMap::new(),
            openai: None,
        };
        for service in pool.services() {
            let Some(channel) = channels.remove(service.full_name()) else {
                tracing::debug!(service = service.full_name(), "a service has no upstream");
                continue;
            };
            catalog.services.insert(service.full_name().into());
            for descriptor in service.methods() {
                let load = Load::new(overload);
                catalog.add_method(pool, &descriptor, &channel, limits, load)?;
            }
        }
        catalog.opaque = channels
            .into_iter()
            .map(|(name, channel)| (name.into_boxed_str(), (channel, Load::new(overload))))
            .collect();
        catalog.openai = Facade::new(|path| catalog.methods.get(path).cloned());
        Ok(catalog)
    }

    fn add_method(
        &mut self,
        pool: &DescriptorPool,
        descriptor: &MethodDescriptor,
        channel: &Channel,
        limits: &Limits,
        load: Arc<Load>,
    ) -> Result<(), BuildError> {
        let path = format!(
            "/{}/{}",
            descriptor.parent_service().full_name(),
            descriptor.name()
        );
        let policy = Policy::of(pool, descriptor, limits).map_err(|reason| BuildError::Policy {
            method: descriptor.full_name().to_owned(),
            reason,
        })?;
        if policy.audience == Audience::Service {
            return Ok(());
        }
        let uri = path
            .parse::<Uri>()
            .map_err(|error| binding_error(descriptor, "", &error))?;
        let rules =
            rule::rules(pool, descriptor).map_err(|error| binding_error(descriptor, "", &error))?;
        let (input, output) = self
            .messages(descriptor)
            .map_err(|error| binding_error(descriptor, "", &error))?;
        let method = Arc::new(Method {
            path: path.as_str().into(),
            uri,
            client_streaming: descriptor.is_client_streaming(),
            server_streaming: descriptor.is_server_streaming(),
            reads: rule::reads(descriptor, &rules),
            plan: Some(Arc::new(Plan::whole(&self.schema, input, output))),
            farewell: policy.deprecation.map(Farewell::new).map(Arc::new),
            policy,
            channel: channel.clone(),
            load,
        });
        for rule in rules {
            self.add_binding(descriptor, &method, &rule)
                .map_err(|error| binding_error(descriptor, &rule.template, &error))?;
        }
        self.methods.insert(path.into_boxed_str(), method);
        Ok(())
    }

    fn add_binding(
        &mut self,
        descriptor: &MethodDescriptor,
        method: &Arc<Method>,
        rule: &Rule,
    ) -> Result<(), String> {
        let template = Template::parse(&rule.template)?;
        let (input, output) = self.messages(descriptor)?;
        let plan = Plan::new(&self.schema, rule, &template, input, output)?;
        self.tree
            .add(rule.method.clone(), &template, self.bindings.len())
            .map_err(|taken| {
                let other = &self.bindings[taken];
                format!(
                    "answers to the same requests as {}, bound to `{}`",
                    other.method.path, other.template
                )
            })?;
        let template = rule.template.as_str().into();
        self.bindings.push(Binding {
            method: method.clone(),
            template,
            plan: Arc::new(plan),
        });
        Ok(())
    }

    /// The messages that a method takes and gives.
    fn messages(&self, method: &MethodDescriptor) -> Result<(MessageId, MessageId), String> {
        let message = |name: &str| {
            let unknown = || format!("uses the message {name}, which the descriptors lack");
            self.schema.message_by_name(name).ok_or_else(unknown)
        };
        Ok((
            message(method.input().full_name())?,
            message(method.output().full_name())?,
        ))
    }

    /// The first method of a mounted contract that needs an access token.
    pub(crate) fn mounted_behind_tokens(&self) -> Option<String> {
        let needs_token = |method: &&Arc<Method>| {
            let audience = method.policy.audience;
            matches!(audience, Audience::User | Audience::Admin)
                && policy::find(&method.path).is_none()
        };
        let paths = self.methods.values().filter(needs_token);
        let first = paths.map(|method| &method.path).min()?;
        Some(first.trim_start_matches('/').replace('/', "."))
    }

    /// Looks up an HTTP request.
    pub(crate) fn find<'p>(&self, method: &http::Method, path: &'p str) -> Lookup<'p> {
        self.tree.find(method, path)
    }

    /// Whether a request, or the one that a preflight asks for, is for a method that has a cookie.
    pub(crate) fn has_cookie<B>(&self, request: &Request<B>) -> bool {
        let path = request.uri().path();
        if let Some(method) = self.methods.get(path) {
            return method.policy.cookie.is_some();
        }
        let asked = request.headers().get(ACCESS_CONTROL_REQUEST_METHOD);
        let asked = asked.and_then(|it| http::Method::from_bytes(it.as_bytes()).ok());
        let verb = asked.as_ref().unwrap_or(request.method());
        match self.find(verb, path) {
            Lookup::Found(found) => self.binding(found.route).method.policy.cookie.is_some(),
            _ => false,
        }
    }

    /// A binding, by the number that [`Self::find`] gives.
    pub(crate) fn binding(&self, route: usize) -> &Binding {
        &self.bindings[route]
    }

    /// Whether a service has an upstream.
    pub(crate) fn has_service(&self, full_name: &str) -> bool {
        self.services.contains(full_name) || self.opaque.contains_key(full_name)
    }

    /// The method at a gRPC path. A service without descriptors has every method, by the limits of the configuration.
    pub(crate) fn method(&self, path: &str, limits: &Limits) -> Option<Arc<Method>> {
        if let Some(method) = self.methods.get(path) {
            return Some(method.clone());
        }
        let (service, _) = path.strip_prefix('/')?.split_once('/')?;
        let (channel, load) = self.opaque.get(service)?;
        Some(Arc::new(Method {
            path: format!("/{service}/*").into(),
            uri: path.parse().ok()?,
            client_streaming: true,
            server_streaming: true,
            reads: false,
            plan: None,
            farewell: None,
            policy: Policy::without_descriptor(path, limits),
            channel: channel.clone(),
            load: Arc::clone(load),
        }))
    }
}

fn binding_error(method: &MethodDescriptor, template: &str, reason: &impl ToString) -> BuildError {
    BuildError::Binding {
        method: method.full_name().to_owned(),
        template: template.to_owned(),
        reason: reason.to_string(),
    }
}
