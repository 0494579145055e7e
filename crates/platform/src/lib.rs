//! What Troupe's services stand on: configuration, telemetry, lifecycle, database, files, clock, ids.
