# Recipes for developers. `just` comes as the package `rust-just` of PyPI; each recipe is a command that works without it.

[private]
default:
    @just --list

# Start the platform, built for speed
up *args:
    cargo run --release -- up {{args}}

# Talk with a character in the terminal
chat *args:
    cargo run --release -- chat {{args}}

# Say what is configured, reachable and missing
doctor *args:
    cargo run --release -- doctor {{args}}

# Everything, as CI runs it
check:
    cargo xtask test

# All but the tests: formatting, lints, documentation, contracts, boundaries, dependencies
lint:
    cargo xtask check

# End-to-end tests, or those whose names contain a text
e2e *filter:
    cargo xtask e2e {{filter}}

# Kills and outages under numbered writes, with the ledger
chaos *args:
    cargo xtask chaos {{args}}

# People for an hour at half of what the platform bears; its memory must not grow
soak *args:
    cargo xtask soak {{args}}

# Write what the packages in `clients` need of the contracts
generate:
    cargo xtask generate

# Python grpcio, gRPC-Web from npm, plain HTTP and the packages in `clients` against a platform
clients:
    cargo xtask clients

# Write the policy table and the OpenAPI document anew
snapshots:
    cargo xtask snapshots

# Compare with others, side by side
bench *args:
    cargo xtask bench {{args}}

# Format the code and the contracts
fmt:
    cargo fmt --all
