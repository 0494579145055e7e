//! A session as somebody sees it who takes part in it.

use platform::Timestamp;
use sea_orm::sea_query::{Condition, Expr, ExprTrait, IntoCondition, Query, SelectStatement};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, JoinType, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait, Select,
};

use crate::domain::ids::{GenerationId, MessageId, ParticipantId, PersonaId, SessionId, UserId};
use crate::domain::participant::{ParticipantRole, Seat, SessionAccess};
use crate::domain::session::{Branch, Session, SessionScenario};
use crate::infrastructure::queries::from_json;
use crate::infrastructure::queries::generations::{is_running, is_waiting};
use crate::infrastructure::tables::session::{Column, Entity, Model};
use crate::infrastructure::tables::{branch, generation, participant};

/// Somebody else's place in a session.
const OTHER: &str = "other";

/// A session with the branch that it is turned to, the generation that runs in it, and the place of who looks at it.
#[derive(Debug, FromQueryResult)]
pub(super) struct Row {
    #[sea_orm(nested)]
    session: Model,
    branch_title: String,
    branch_head: Option<MessageId>,
    branch_create_time: Timestamp,
    branch_update_time: Option<Timestamp>,
    running: Option<GenerationId>,
    seat_id: Option<ParticipantId>,
    seat_role: Option<ParticipantRole>,
    seat_persona_id: Option<PersonaId>,
    seat_name: Option<String>,
    is_shared: bool,
}

#[derive(Debug, FromQueryResult)]
struct Counted {
    #[sea_orm(nested)]
    row: Row,
    running_of_person: i64,
    waiting_of_person: i64,
    waiting_in_session: i64,
    next: Option<GenerationId>,
}

impl Row {
    /// Where there is no place, a release before 0013 opened the session, and its owner looks at it.
    fn seat(&self, user: UserId) -> Seat {
        let (Some(id), Some(role)) = (self.seat_id, self.seat_role) else {
            return Seat {
                persona_id: self.session.persona_id,
                ..Seat::of_opener(self.session.id, user)
            };
        };
        Seat {
            id,
            user_id: user,
            role,
            persona_id: self.seat_persona_id,
            name: self.seat_name.clone().unwrap_or_default(),
        }
    }

    /// The session as a person sees it.
    pub(super) fn seen_by(self, user: UserId) -> Result<Session, DbErr> {
        let me = self.seat(user);
        let model = self.session;
        let settings = from_json(&model.settings)?;
        Ok(Session {
            id: model.id,
            user_id: model.user_id,
            me,
            shared: self.is_shared,
            character_id: model.character_id,
            character_name: model.character_name,
            scenario: model.scenario_name.map(|name| SessionScenario {
                id: model.scenario_id,
                name,
            }),
            title: model.title,
            model_id: model.model_id,
            settings,
            branch: Branch {
                id: model.active_branch_id,
                session_id: model.id,
                title: self.branch_title,
                head: self.branch_head,
                create_time: self.branch_create_time,
                update_time: self.branch_update_time.unwrap_or(self.branch_create_time),
            },
            running_generation_id: self.running,
            create_time: model.create_time,
            last_use_time: model.last_use_time,
            update_time: model.update_time.unwrap_or(model.create_time),
        })
    }
}

/// The sessions that a person takes part in.
pub(super) fn seen_by(user: UserId) -> Select<Entity> {
    let branch = Entity::belongs_to(branch::Entity)
        .from(Column::ActiveBranchId)
        .to(branch::Column::Id);
    // One at most runs in a session.
    let running = Entity::belongs_to(generation::Entity)
        .from(Column::Id)
        .to(generation::Column::SessionId)
        .on_condition(|_, _| is_running().into_condition());
    let seat = Entity::belongs_to(participant::Entity)
        .from(Column::Id)
        .to(participant::Column::SessionId)
        .on_condition(move |_, seat| {
            let theirs = Expr::col((seat, participant::Column::UserId)).eq(user);
            theirs.into_condition()
        });
    let takes_part = Condition::all()
        .add(participant::Column::Id.is_not_null())
        .add(participant::Column::EndTime.is_null());
    let opened_before = Condition::all()
        .add(participant::Column::Id.is_null())
        .add(Column::UserId.eq(user));
    Entity::find()
        .join(JoinType::InnerJoin, branch.into())
        .join(JoinType::LeftJoin, running.into())
        .join(JoinType::LeftJoin, seat.into())
        .column_as(branch::Column::Title, "branch_title")
        .column_as(branch::Column::HeadMessageId, "branch_head")
        .column_as(branch::Column::CreateTime, "branch_create_time")
        .column_as(branch::Column::UpdateTime, "branch_update_time")
        .column_as(generation::Column::Id, "running")
        .column_as(participant::Column::Id, "seat_id")
        .column_as(participant::Column::Role, "seat_role")
        .column_as(participant::Column::PersonaId, "seat_persona_id")
        .column_as(participant::Column::Name, "seat_name")
        .expr_as(Expr::exists(others()), "is_shared")
        .filter(Condition::any().add(takes_part).add(opened_before))
}

/// Those in a session who don't own it, also if they take part no more: what they said is there.
fn others() -> SelectStatement {
    use participant::Column as Of;
    let other = |column| Expr::col((OTHER, column));
    let of_session = |column| Expr::col((Entity, column));
    let mut others = Query::select();
    others
        .expr(Expr::val(1_i32))
        .from_as(participant::Entity, OTHER)
        .and_where(other(Of::SessionId).eq(of_session(Column::Id)))
        .and_where(other(Of::UserId).ne(of_session(Column::UserId)));
    others
}

/// A session that a person takes part in, if they do.
pub(crate) async fn find(
    db: &impl ConnectionTrait,
    user: UserId,
    id: SessionId,
) -> Result<Option<SessionAccess>, DbErr> {
    let row = seen_by(user).filter(Column::Id.eq(id));
    let row = row.into_model::<Row>().one(db).await?;
    let session = row.map(|row| row.seen_by(user)).transpose()?;
    Ok(session.map(SessionAccess::of))
}

/// What is generated, or waits for that, as far as it bounds what may follow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// Of the person, in all sessions and processes. What a process leaves that dies counts until somebody ends it.
    pub(crate) of_person: u64,
    /// What waits in the session.
    pub(crate) waiting: u64,
    /// What of that is next.
    pub(crate) next: Option<GenerationId>,
}

/// As [`find`], with what is generated.
pub(crate) async fn find_with_load(
    db: &impl ConnectionTrait,
    user: UserId,
    id: SessionId,
) -> Result<Option<(SessionAccess, Load)>, DbErr> {
    let count = |of: Expr, is: Expr| {
        let counted = generation::Entity::find()
            .select_only()
            .column_as(generation::Column::Id.count(), "counted");
        Expr::from(counted.filter(of).filter(is).into_query())
    };
    let of_person = || generation::Column::UserId.eq(user);
    let of_session = || generation::Column::SessionId.eq(id);
    let next = generation::Entity::find()
        .select_only()
        .column(generation::Column::Id)
        .filter(of_session())
        .filter(is_waiting())
        .order_by_asc(generation::Column::Place)
        .limit(1);
    let select = seen_by(user)
        .filter(Column::Id.eq(id))
        .expr_as(count(of_person(), is_running()), "running_of_person")
        .expr_as(count(of_person(), is_waiting()), "waiting_of_person")
        .expr_as(count(of_session(), is_waiting()), "waiting_in_session")
        .expr_as(Expr::from(next.into_query()), "next");
    let Some(found) = select.into_model::<Counted>().one(db).await? else {
        return Ok(None);
    };
    let number = |count: i64| u64::try_from(count).unwrap_or(0);
    let load = Load {
        of_person: number(found.running_of_person) + number(found.waiting_of_person),
        waiting: number(found.waiting_in_session),
        next: found.next,
    };
    let session = found.row.seen_by(user)?;
    Ok(Some((SessionAccess::of(session), load)))
}
