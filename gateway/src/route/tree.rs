//! The tree of path segments.

use std::borrow::Cow;

use http::Method;

use super::percent;
use super::template::{Segment, Template, Variable};

/// Templates of all routes, by segment.
#[derive(Debug)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
    /// Most segments that any template has.
    depth: usize,
}

#[derive(Debug, Default)]
struct Node {
    literals: Vec<(Box<str>, usize)>,
    one: Option<usize>,
    rest: Option<usize>,
    ends: Vec<End>,
}

/// A template that ends at a node.
#[derive(Debug)]
struct End {
    verb: Option<Box<str>>,
    /// None is any method.
    method: Option<Method>,
    route: usize,
}

/// What a path and method led to.
#[derive(Debug)]
pub(crate) enum Lookup<'p> {
    /// A route.
    Found(Found<'p>),
    /// The path has routes, but none with this method; the methods that it has.
    WrongMethod(Vec<Method>),
    /// The path has no route.
    Nothing,
}

/// A route, and the segments to fill its variables from.
#[derive(Debug)]
pub(crate) struct Found<'p> {
    /// The number that the route was added with.
    pub(crate) route: usize,
    path: Path<'p>,
}

impl<'p> Found<'p> {
    /// The part of the path that `variable` takes, percent-decoded by the rules of its kind.
    pub(crate) fn capture(&self, variable: &Variable) -> Result<Cow<'p, str>, &'static str> {
        let raw = self.path.slice(variable);
        percent::decode(raw, variable.spans_segments())
    }
}

impl Tree {
    /// A tree without routes.
    pub(crate) fn new() -> Self {
        Self {
            nodes: vec![Node::default()],
            depth: 0,
        }
    }

    /// Adds a route; `method` None is any method. Fails with the number of the route that already answers to the same
    /// method and shape of path.
    pub(crate) fn add(
        &mut self,
        method: Option<Method>,
        template: &Template,
        route: usize,
    ) -> Result<(), usize> {
        let mut at = 0;
        for segment in &template.segments {
            at = self.child(at, segment);
        }
        self.depth = self.depth.max(template.segments.len());
        let verb = template.verb.as_deref();
        let ends = &mut self.nodes[at].ends;
        let taken = ends
            .iter()
            .find(|end| end.verb.as_deref() == verb && end.method == method);
        if let Some(end) = taken {
            return Err(end.route);
        }
        ends.push(End {
            verb: verb.map(Into::into),
            method,
            route,
        });
        Ok(())
    }

    fn child(&mut self, parent: usize, segment: &Segment) -> usize {
        let new = self.nodes.len();
        let node = &mut self.nodes[parent];
        let child = match segment {
            Segment::One => *node.one.get_or_insert(new),
            Segment::Rest => *node.rest.get_or_insert(new),
            Segment::Literal(text) => {
                match node
                    .literals
                    .binary_search_by(|(literal, _)| (**literal).cmp(text))
                {
                    Ok(index) => node.literals[index].1,
                    Err(index) => {
                        node.literals.insert(index, (text.as_str().into(), new));
                        new
                    }
                }
            }
        };
        if child == new {
            self.nodes.push(Node::default());
        }
        child
    }

    /// Looks up a raw path. HEAD is answered by the route of GET unless it has one of its own.
    pub(crate) fn find<'p>(&self, method: &Method, raw: &'p str) -> Lookup<'p> {
        let mut allowed = Vec::new();
        let last = raw.rfind('/').unwrap_or(0);
        if let Some(colon) = raw[last..].rfind(':').map(|at| last + at) {
            let path = Path::split(&raw[..colon], self.depth);
            if let Some(route) = self.walk(method, &path, Some(&raw[colon + 1..]), &mut allowed) {
                return Lookup::Found(Found { route, path });
            }
            if !allowed.is_empty() {
                return Lookup::WrongMethod(allowed);
            }
        }
        let path = Path::split(raw, self.depth);
        match self.walk(method, &path, None, &mut allowed) {
            Some(route) => Lookup::Found(Found { route, path }),
            None if allowed.is_empty() => Lookup::Nothing,
            None => Lookup::WrongMethod(allowed),
        }
    }

    /// Visits the nodes that match, best first, until one has a route for the method. Methods of those that don't are
    /// gathered in `allowed`.
    fn walk(
        &self,
        method: &Method,
        path: &Path<'_>,
        verb: Option<&str>,
        allowed: &mut Vec<Method>,
    ) -> Option<usize> {
        let mut open = vec![(0, 0)];
        while let Some((at, depth)) = open.pop() {
            let node = &self.nodes[at];
            if depth == path.ends.len() && !path.more {
                if let Some(route) = node.route(method, verb, allowed) {
                    return Some(route);
                }
                if let Some(rest) = node.rest {
                    open.push((rest, path.ends.len()));
                }
                continue;
            }
            // A node below `**` has no children, so that being popped with segments left means that it ends here.
            if depth > self.depth {
                if let Some(route) = node.route(method, verb, allowed) {
                    return Some(route);
                }
                continue;
            }
            if let Some(rest) = node.rest {
                open.push((rest, usize::MAX));
            }
            let Some(segment) = path.segment(depth) else {
                continue;
            };
            if let Some(one) = node.one.filter(|_| !segment.is_empty()) {
                open.push((one, depth + 1));
            }
            if let Some(literal) = node.literal(segment) {
                open.push((literal, depth + 1));
            }
        }
        None
    }
}

impl Node {
    fn literal(&self, raw: &str) -> Option<usize> {
        let text = percent::decode(raw, false).ok()?;
        let index = self
            .literals
            .binary_search_by(|(literal, _)| (**literal).cmp(&text))
            .ok()?;
        Some(self.literals[index].1)
    }

    fn route(
        &self,
        method: &Method,
        verb: Option<&str>,
        allowed: &mut Vec<Method>,
    ) -> Option<usize> {
        let ends = || self.ends.iter().filter(|end| end.verb.as_deref() == verb);
        let exact = |method: &Method| ends().find(|end| end.method.as_ref() == Some(method));
        let end = exact(method)
            .or_else(|| exact(&Method::GET).filter(|_| method == Method::HEAD))
            .or_else(|| ends().find(|end| end.method.is_none()));
        if end.is_none() {
            for method in ends().filter_map(|end| end.method.as_ref()) {
                allow(allowed, method);
                if method == Method::GET {
                    allow(allowed, &Method::HEAD);
                }
            }
        }
        end.map(|end| end.route)
    }
}

fn allow(allowed: &mut Vec<Method>, method: &Method) {
    if !allowed.contains(method) {
        allowed.push(method.clone());
    }
}

/// A raw path, split as far as the tree is deep.
#[derive(Debug)]
struct Path<'p> {
    raw: &'p str,
    /// Where each segment ends.
    ends: Vec<usize>,
    /// True where segments are left that the tree can only meet with `**`.
    more: bool,
}

impl<'p> Path<'p> {
    fn split(raw: &'p str, depth: usize) -> Self {
        let mut ends = Vec::with_capacity(depth.min(16));
        let mut slashes = memchr_slashes(raw);
        if slashes.next() != Some(0) {
            return Self {
                raw,
                ends,
                more: true,
            };
        }
        for slash in slashes {
            if ends.len() == depth {
                return Self {
                    raw,
                    ends,
                    more: true,
                };
            }
            ends.push(slash);
        }
        let more = ends.len() == depth;
        if !more {
            ends.push(raw.len());
        }
        Self { raw, ends, more }
    }

    /// Where segment `index` starts, or the end of the path past the last one.
    fn start(&self, index: usize) -> usize {
        match index.checked_sub(1).map(|before| self.ends.get(before)) {
            None => 1,
            Some(Some(end)) => (end + 1).min(self.raw.len()),
            Some(None) => self.raw.len(),
        }
    }

    fn segment(&self, index: usize) -> Option<&'p str> {
        let end = *self.ends.get(index)?;
        self.raw.get(self.start(index)..end)
    }

    fn slice(&self, variable: &Variable) -> &'p str {
        let start = self.start(variable.start);
        let end = match variable.to_end {
            true => self.raw.len(),
            false => self.ends.get(variable.end - 1).copied().unwrap_or(start),
        };
        self.raw.get(start..end).unwrap_or_default()
    }
}

fn memchr_slashes(raw: &str) -> impl Iterator<Item = usize> + '_ {
    raw.bytes()
        .enumerate()
        .filter(|(_, byte)| *byte == b'/')
        .map(|(at, _)| at)
}
