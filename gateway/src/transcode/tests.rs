//! Every rule that turns HTTP into messages and back, on the contract in `tests/it/echo.proto`.

mod binding;
mod json_in;
mod json_out;
mod query;
mod update;

use std::sync::LazyLock;

use http::Method;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};

use super::*;
use crate::route::{Lookup, Template, Tree};
use crate::rule::rules;
use crate::schema::Schema;
use crate::wire::FRAME_HEADER;

struct Fixture {
    pool: DescriptorPool,
    schema: Schema,
    tree: Tree,
    plans: Vec<Plan>,
}

fn fixture() -> &'static Fixture {
    static FIXTURE: LazyLock<Fixture> = LazyLock::new(compile);
    &FIXTURE
}

fn compile() -> Fixture {
    let root = env!("CARGO_MANIFEST_DIR");
    let includes = [
        format!("{root}/tests/it"),
        format!("{root}/../proto/third_party"),
    ];
    let mut compiler = protox::Compiler::new(includes).unwrap();
    compiler
        .include_imports(true)
        .open_file("echo.proto")
        .unwrap();
    let encoded = compiler.encode_file_descriptor_set();
    let pool = DescriptorPool::decode(encoded.as_slice()).unwrap();
    let schema = Schema::new(&pool);
    let (mut tree, mut plans) = (Tree::new(), Vec::new());
    for method in pool
        .get_service_by_name("echo.v1.EchoService")
        .unwrap()
        .methods()
    {
        for rule in rules(&pool, &method).unwrap() {
            let template = Template::parse(&rule.template).unwrap();
            let id =
                |message: MessageDescriptor| schema.message_by_name(message.full_name()).unwrap();
            let (input, output) = (id(method.input()), id(method.output()));
            tree.add(rule.method.clone(), &template, plans.len())
                .unwrap();
            plans.push(Plan::new(&schema, &rule, &template, input, output).unwrap());
        }
    }
    Fixture {
        pool,
        schema,
        tree,
        plans,
    }
}

impl Fixture {
    /// The request message of an HTTP request, as JSON in the words of another implementation.
    fn request(&self, method: &str, target: &str, body: &str) -> Result<serde_json::Value, Fault> {
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let Lookup::Found(found) = self.tree.find(&method, path) else {
            panic!("{target} has no route");
        };
        let plan = &self.plans[found.route];
        let incoming = Incoming {
            found: &found,
            query,
            body: body.as_bytes(),
            content_type: "application/json",
            form: BodyForm::Single,
            ignore_unknown: false,
            request_id: None,
            last_offset: None,
            etag: None,
        };
        let frames = request_frames(&self.schema, plan, &incoming)?;
        let len = u32::from_be_bytes(frames[1..FRAME_HEADER].try_into().unwrap());
        assert_eq!((frames[0], len as usize), (0, frames.len() - FRAME_HEADER));
        let descriptor = self
            .pool
            .get_message_by_name(&self.schema.message(plan.input).name);
        let message = DynamicMessage::decode(descriptor.unwrap(), &frames[FRAME_HEADER..]);
        Ok(serde_json::to_value(message.unwrap()).unwrap())
    }

    /// Where a request's fault is, and what it is.
    fn fault(&self, method: &str, target: &str, body: &str) -> (String, String) {
        match self.request(method, target, body) {
            Ok(message) => panic!("{target} {body} was taken as {message}"),
            Err(fault) => (fault.path, fault.reason.into_owned()),
        }
    }

    /// What `Everything` becomes on its way through the wire and back.
    fn echo(&self, body: &str) -> serde_json::Value {
        self.request("POST", "/v1/echo", body)
            .unwrap_or_else(|fault| panic!("{body}: {fault:?}"))
    }

    fn refused(&self, body: &str) -> (String, String) {
        self.fault("POST", "/v1/echo", body)
    }
}
