//! What the peer keeps, and its answers. It refuses whatever our client isn't meant to send.

use std::collections::BTreeMap;

use qdrant_client::qdrant::condition::ConditionOneOf;
use qdrant_client::qdrant::r#match::MatchValue;
use qdrant_client::qdrant::point_id::PointIdOptions;
use qdrant_client::qdrant::points_selector::PointsSelectorOneOf;
use qdrant_client::qdrant::value::Kind;
use qdrant_client::qdrant::vectors::VectorsOptions;
use qdrant_client::qdrant::vectors_config::Config;
use qdrant_client::qdrant::{
    CollectionDescription, CollectionExists, CollectionExistsRequest, CollectionExistsResponse,
    CollectionOperationResponse, Condition, CountPoints, CountResponse, CountResult,
    CreateCollection, CreateFieldIndexCollection, DeleteCollection, DeletePoints, Filter,
    HealthCheckReply, HealthCheckRequest, ListCollectionsRequest, ListCollectionsResponse, PointId,
    PointStruct, PointsOperationResponse, QueryPoints, QueryResponse, ScoredPoint, UpsertPoints,
    query, vector, vector_input,
};
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};

use super::API_KEY;

/// All collections by name.
#[derive(Debug, Default)]
pub(in crate::vectors) struct State {
    pub(in crate::vectors) collections: BTreeMap<String, Collection>,
    /// What every call is refused with.
    pub(in crate::vectors) failure: Option<Code>,
}

#[derive(Debug, Default)]
pub(in crate::vectors) struct Collection {
    pub(in crate::vectors) settings: CreateCollection,
    pub(in crate::vectors) indexes: Vec<CreateFieldIndexCollection>,
    points: BTreeMap<String, PointStruct>,
}

impl State {
    pub(super) fn admit(&self, metadata: &MetadataMap) -> Result<(), Status> {
        if metadata.get("api-key").is_none_or(|key| key != API_KEY) {
            return Err(Status::unauthenticated("the key is missing or wrong"));
        }
        match self.failure {
            Some(code) => Err(Status::new(code, "as the test wants it")),
            None => Ok(()),
        }
    }

    pub(super) fn health_check(
        &mut self,
        _: HealthCheckRequest,
    ) -> Result<HealthCheckReply, Status> {
        Ok(HealthCheckReply {
            version: "1.2.3".to_owned(),
            ..HealthCheckReply::default()
        })
    }

    pub(super) fn list(
        &mut self,
        _: ListCollectionsRequest,
    ) -> Result<ListCollectionsResponse, Status> {
        let names = self.collections.keys().cloned();
        Ok(ListCollectionsResponse {
            collections: names.map(|name| CollectionDescription { name }).collect(),
            ..ListCollectionsResponse::default()
        })
    }

    pub(super) fn exists(
        &mut self,
        request: CollectionExistsRequest,
    ) -> Result<CollectionExistsResponse, Status> {
        let exists = self.collections.contains_key(&request.collection_name);
        Ok(CollectionExistsResponse {
            result: Some(CollectionExists { exists }),
            ..CollectionExistsResponse::default()
        })
    }

    pub(super) fn create(
        &mut self,
        settings: CreateCollection,
    ) -> Result<CollectionOperationResponse, Status> {
        let name = settings.collection_name.clone();
        if self.collections.contains_key(&name) {
            return Err(Status::already_exists(name));
        }
        let collection = Collection {
            settings,
            ..Collection::default()
        };
        self.collections.insert(name, collection);
        Ok(CollectionOperationResponse::default())
    }

    pub(super) fn delete_collection(
        &mut self,
        request: DeleteCollection,
    ) -> Result<CollectionOperationResponse, Status> {
        self.collections.remove(&request.collection_name);
        Ok(CollectionOperationResponse::default())
    }

    pub(super) fn create_index(
        &mut self,
        request: CreateFieldIndexCollection,
    ) -> Result<PointsOperationResponse, Status> {
        waits(request.wait)?;
        let collection = self.collection(&request.collection_name)?;
        collection.indexes.push(request);
        Ok(PointsOperationResponse::default())
    }

    pub(super) fn upsert(
        &mut self,
        request: UpsertPoints,
    ) -> Result<PointsOperationResponse, Status> {
        waits(request.wait)?;
        let collection = self.collection(&request.collection_name)?;
        for point in request.points {
            let fits = vector_of(&point)?.len() as u64 == collection.dimensions()?;
            if !fits {
                return Err(Status::invalid_argument("wrong dimensions"));
            }
            collection.points.insert(id_of(&point.id)?, point);
        }
        Ok(PointsOperationResponse::default())
    }

    pub(super) fn query(&mut self, request: QueryPoints) -> Result<QueryResponse, Status> {
        let Some(query::Variant::Nearest(vector)) = request.query.and_then(|query| query.variant)
        else {
            return Err(Status::invalid_argument("what is it near to?"));
        };
        let Some(vector_input::Variant::Dense(vector)) = vector.variant else {
            return Err(Status::invalid_argument("near to a vector, please"));
        };
        let filter = request.filter.unwrap_or_default();
        let mut result = Vec::new();
        for point in self.collection(&request.collection_name)?.found(&filter)? {
            let products = vector_of(point)?.iter().zip(&vector.data);
            result.push(ScoredPoint {
                id: point.id.clone(),
                score: products.map(|(x, y)| x * y).sum(),
                ..ScoredPoint::default()
            });
        }
        result.sort_by(|a, b| b.score.total_cmp(&a.score));
        result.truncate(usize::try_from(request.limit.unwrap_or(10)).unwrap());
        Ok(QueryResponse {
            result,
            ..QueryResponse::default()
        })
    }

    pub(super) fn delete(
        &mut self,
        request: DeletePoints,
    ) -> Result<PointsOperationResponse, Status> {
        waits(request.wait)?;
        let selector = request
            .points
            .and_then(|points| points.points_selector_one_of);
        let Some(PointsSelectorOneOf::Filter(filter)) = selector else {
            return Err(Status::invalid_argument(
                "without a filter, a partition isn't kept to",
            ));
        };
        let collection = self.collection(&request.collection_name)?;
        let found = collection.found(&filter)?.into_iter();
        let found: Vec<String> = found
            .map(|point| id_of(&point.id))
            .collect::<Result<_, _>>()?;
        collection.points.retain(|id, _| !found.contains(id));
        Ok(PointsOperationResponse::default())
    }

    pub(super) fn count(&mut self, request: CountPoints) -> Result<CountResponse, Status> {
        let filter = request.filter.unwrap_or_default();
        let found = self.collection(&request.collection_name)?.found(&filter)?;
        let count = found.len() as u64;
        Ok(CountResponse {
            result: Some(CountResult { count }),
            ..CountResponse::default()
        })
    }

    fn collection(&mut self, name: &str) -> Result<&mut Collection, Status> {
        let missing = || Status::not_found(format!("there is no collection {name}"));
        self.collections.get_mut(name).ok_or_else(missing)
    }
}

impl Collection {
    fn dimensions(&self) -> Result<u64, Status> {
        match self
            .settings
            .vectors_config
            .as_ref()
            .and_then(|vectors| vectors.config.as_ref())
        {
            Some(Config::Params(params)) => Ok(params.size),
            _ => Err(Status::invalid_argument("one unnamed vector, please")),
        }
    }

    fn found(&self, filter: &Filter) -> Result<Vec<&PointStruct>, Status> {
        if !filter.should.is_empty() || filter.min_should.is_some() {
            return Err(Status::invalid_argument(
                "`must` and `must_not` are all we know",
            ));
        }
        let mut found = Vec::new();
        'points: for point in self.points.values() {
            for condition in &filter.must {
                if !holds(condition, point)? {
                    continue 'points;
                }
            }
            for condition in &filter.must_not {
                if holds(condition, point)? {
                    continue 'points;
                }
            }
            found.push(point);
        }
        Ok(found)
    }
}

fn holds(condition: &Condition, point: &PointStruct) -> Result<bool, Status> {
    match condition.condition_one_of.as_ref() {
        Some(ConditionOneOf::HasId(ids)) => {
            Ok(ids.has_id.iter().any(|id| Some(id) == point.id.as_ref()))
        }
        Some(ConditionOneOf::Field(field)) => {
            let wanted = field
                .r#match
                .as_ref()
                .and_then(|wanted| wanted.match_value.as_ref());
            let Some(MatchValue::Keyword(wanted)) = wanted else {
                return Err(Status::invalid_argument("a keyword is all we know"));
            };
            let value = point
                .payload
                .get(&field.key)
                .and_then(|value| value.kind.as_ref());
            Ok(matches!(value, Some(Kind::StringValue(value)) if value == wanted))
        }
        _ => Err(Status::invalid_argument("no such condition")),
    }
}

/// Without waiting, Qdrant acknowledges what it hasn't done yet.
fn waits(wait: Option<bool>) -> Result<(), Status> {
    match wait {
        Some(true) => Ok(()),
        _ => Err(Status::invalid_argument("a write waits")),
    }
}

fn id_of(id: &Option<PointId>) -> Result<String, Status> {
    match id.as_ref().and_then(|id| id.point_id_options.as_ref()) {
        Some(PointIdOptions::Uuid(id)) => Ok(id.clone()),
        _ => Err(Status::invalid_argument("an id is a UUID")),
    }
}

fn vector_of(point: &PointStruct) -> Result<&[f32], Status> {
    let vectors = point
        .vectors
        .as_ref()
        .and_then(|vectors| vectors.vectors_options.as_ref());
    match vectors {
        Some(VectorsOptions::Vector(vector)) => match &vector.vector {
            Some(vector::Vector::Dense(dense)) => Ok(&dense.data),
            _ => Err(Status::invalid_argument("a dense vector, please")),
        },
        _ => Err(Status::invalid_argument("one unnamed vector, please")),
    }
}
