//! What Troupe's tests stand on: a platform in one process and a scripted model.
