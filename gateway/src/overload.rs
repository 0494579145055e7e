//! Refuses calls that there is no time for, before anything is spent on them, so that those which are let in end about as
//! soon as ever. Each method has as many calls under way as end in good time; what is over that is shared by address; and
//! whoever was refused isn't read for a while, so that asking again at once costs the platform next to nothing.

mod answers;
mod busy;
mod gate;
mod held;
mod limit;
mod load;
mod pace;
mod paced;
mod shares;

pub(crate) use self::busy::watch;
pub(crate) use self::gate::{Arrival, Gate, Ticket};
pub(crate) use self::load::Load;
pub(crate) use self::pace::Pace;
pub(crate) use self::paced::Paced;
